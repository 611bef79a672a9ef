"""Check who pays for a promotion: parties with their shares of the cost, and the class it is booked under."""

from decimal import Decimal

from promotions.engine.definition.fields import Document
from promotions.engine.definition.reader import Findings, ObjectReader
from promotions.engine.rules.problems import DefinitionProblem

MAX_PARTIES = 10
MAX_PARTY_LENGTH = 100
MAX_LEDGER_CLASS_LENGTH = 64
MAX_SHARE_DECIMALS = 4
WHOLE_COST = Decimal(100)
"""Per cent of the cost that all parties pay at most; the retailer pays the rest."""


def check_funding(value: object) -> tuple[list[Document], tuple[DefinitionProblem, ...]]:
    """Return the parties in the order sent, with their shares in normal form, and every problem under ``funding.…``.

    A party's name has single blanks and keeps its case; two that differ in case alone are the same party. A share is a
    percentage above 0, without trailing zeros. None means that nobody else pays.
    """
    findings = Findings(catalogue_enabled=False)
    rows = ObjectReader({"funding": value}, "", findings).objects("funding", max_entries=MAX_PARTIES)
    funding: list[Document] = []
    parties: set[str] = set()
    for row in rows:
        party = " ".join(row.text("party", max_length=MAX_PARTY_LENGTH).split())
        if not party and not any(problem.path == row.at("party") for problem in findings.problems):
            row.add_problem("party", "required", "This field is required.")
        if party and party.casefold() in parties:
            row.add_problem("party", "duplicate", "This party is named twice.")
        parties.add(party.casefold())
        funding.append({"party": party, "share": _share(row)})
        row.finish()
    if not findings.problems and sum(Decimal(entry["share"]) for entry in funding) > WHOLE_COST:
        findings.add_problem("funding", "above_100", "The shares are more than 100 together.")
    return funding, tuple(findings.problems)


def _share(row: ObjectReader) -> str:
    expected = f"Expected a percentage above 0, at most 100, with {MAX_SHARE_DECIMALS} decimals at most."
    text = row.number("share", allowed=_is_share, expected=expected)
    return f"{Decimal(text).normalize():f}"


def _is_share(share: Decimal) -> bool:
    return 0 < share <= WHOLE_COST and -int(share.normalize().as_tuple().exponent) <= MAX_SHARE_DECIMALS
