"""Check who pays for a promotion or an offer, before it is saved."""

from collections.abc import Iterator, Sequence

from consumers.exceptions import Problem
from consumers.services.upsert import is_storable
from consumers.texts import key_problem
from promotions.engine.definition.fields import Document
from promotions.engine.definition.funding import MAX_LEDGER_CLASS_LENGTH, check_funding


def funding_checked(value: object) -> tuple[list[Document], list[Problem]]:
    """Return the parties in normal form, and what is wrong with them, each problem under ``funding.…``."""
    funding, faults = check_funding(value)
    problems = [Problem(code=problem.code, detail=problem.detail, attr=problem.path) for problem in faults]
    return funding, problems or list(_character_problems(funding))


def _character_problems(funding: Sequence[Document]) -> Iterator[Problem]:
    """Yield a party whose name cannot be stored, or that looks like another by invisible marks."""
    for index, entry in enumerate(funding):
        attr = f"funding.{index}.party"
        if not is_storable(entry["party"]):
            yield Problem(code="invalid", attr=attr, detail="This text has a character that cannot be stored.")
        elif problem := key_problem(entry["party"]):
            yield Problem(code=problem.code, attr=attr, detail=problem.detail)


def ledger_class_problems(ledger_class: str) -> Iterator[Problem]:
    """Yield what is wrong with the class that a promotion or an offer is booked under."""
    if len(ledger_class) > MAX_LEDGER_CLASS_LENGTH:
        detail = f"Must be at most {MAX_LEDGER_CLASS_LENGTH} characters."
        yield Problem(code="max_length", attr="ledger_class", detail=detail)
    if not is_storable(ledger_class):
        yield Problem(code="invalid", attr="ledger_class", detail="This text has a character that cannot be stored.")
    elif problem := key_problem(ledger_class):
        yield Problem(code=problem.code, attr="ledger_class", detail=problem.detail)
