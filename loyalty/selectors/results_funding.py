"""Who pays what promotions cost, and what it is booked under: the cost of results, split.

A promotion's version issues vouchers of the one offer that it names. So what its vouchers took off is the offer's, and
nothing more than the results by version has to be counted.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from django.db.models.fields.json import KT

from loyalty.models import Offer
from loyalty.selectors.results import ResultsPeriod, amount_rounded, results_by_version
from promotions.engine.money import allocate, minor_unit
from promotions.models import PromotionVersion

_ACCOUNT = ""
"""Beside the parties' names, which are not empty: the account itself."""

_NO_CLASS = ""
"""What is booked under no ledger class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FundedCost:
    """The part of a cost that a party pays, in the currency's decimals; without a party, what the account pays."""

    party: str | None
    cost: Decimal
    returned_cost: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class BookedCost:
    """The part of a cost that is booked under a ledger class, in the currency's decimals; None: under none."""

    ledger_class: str | None
    cost: Decimal
    returned_cost: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class WhoPays:
    """The cost of promotions by party and by ledger class, each adding up to the cost; empty without results."""

    parties: Sequence[FundedCost] = ()
    ledger_classes: Sequence[BookedCost] = ()


@dataclass(slots=True)
class ExactParts:
    """Exact parts of a cost by name, as sold and as returned."""

    sold: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    returned: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, name: str, cost: tuple[Decimal, Decimal], share: Decimal = Decimal(1)) -> None:
        """Add a share of what something cost, as sold and as returned."""
        self.sold[name] += cost[0] * share
        self.returned[name] += cost[1] * share

    def rounded(self, currency: str) -> list[tuple[str, Decimal, Decimal]]:
        """Return the parts in the currency's decimals by name, the part of no name last.

        They add up to the rounded cost and to the rounded returned cost.
        """
        names = sorted(self.sold, key=lambda name: (not name, name))
        costs = _parts_rounded([self.sold[name] for name in names], currency)
        returned_costs = _parts_rounded([self.returned[name] for name in names], currency)
        return list(zip(names, costs, returned_costs, strict=True))


@dataclass(slots=True)
class CostSplit:
    """The cost of promotions split exactly; ``names`` are the parties' names by how they are compared."""

    parties: ExactParts = field(default_factory=ExactParts)
    names: dict[str, str] = field(default_factory=dict)
    ledger_classes: ExactParts = field(default_factory=ExactParts)

    def add(self, cost: tuple[Decimal, Decimal], terms: "_Terms") -> None:
        """Add what something cost, as sold and as returned."""
        rest = Decimal(1)
        for entry in terms.funding:
            party, share = entry["party"].casefold(), Decimal(entry["share"]) / 100
            self.names[party] = entry["party"]
            self.parties.add(party, cost, share)
            rest -= share
        self.parties.add(_ACCOUNT, cost, rest)
        self.ledger_classes.add(terms.ledger_class or _NO_CLASS, cost)


@dataclass(frozen=True, slots=True)
class _Terms:
    """Who pays, and what it is booked under."""

    funding: Sequence[Mapping[str, str]] = ()
    ledger_class: str = ""

    def or_else(self, other: "_Terms") -> "_Terms":
        """Return the terms with what they leave blank as in others."""
        return _Terms(self.funding or other.funding, self.ledger_class or other.ledger_class)


def results_who_pays(*, promotion_ids: Collection[int], period: ResultsPeriod, currency: str) -> WhoPays:
    """Return who pays the cost of promotions of one currency, and what it is booked under.

    Parties are listed by name, then the account's own part. A party is one in whatever capitals, and named as the
    newest of the versions spells it.
    """
    split = results_cost_split(promotion_ids=promotion_ids, period=period)
    return WhoPays(
        parties=[
            FundedCost(party=split.names.get(name), cost=cost, returned_cost=returned_cost)
            for name, cost, returned_cost in split.parties.rounded(currency)
        ],
        ledger_classes=[
            BookedCost(ledger_class=name or None, cost=cost, returned_cost=returned_cost)
            for name, cost, returned_cost in split.ledger_classes.rounded(currency)
        ],
    )


def results_cost_split(*, promotion_ids: Collection[int], period: ResultsPeriod) -> CostSplit:
    """Return the cost of promotions of one currency, split exactly.

    What vouchers took off is split as the offer says now; where the offer has no funding (or no ledger class), as the
    version that issued them says. All other cost is split as the version says.
    """
    results = results_by_version(promotion_ids=promotion_ids, period=period)
    terms = _terms_of(results)
    split = CostSplit()
    for version_id in sorted(results):
        sold, returned = results[version_id]
        by_version, by_offer = terms[version_id]
        by_vouchers = (sold.vouchers_discount, returned.vouchers_discount)
        other = (sold.cost - by_vouchers[0], returned.cost - by_vouchers[1])
        # Nobody is named for a part that is not there, unless there is no other.
        if any(by_vouchers):
            split.add(by_vouchers, by_offer.or_else(by_version))
        if any(other) or not any(by_vouchers):
            split.add(other, by_version)
    return split


def _terms_of(version_ids: Collection[int]) -> dict[int, tuple[_Terms, _Terms]]:
    """Return the terms of versions, and of the offers that they name."""
    # As texts: SQLite reads a code of digits alone as a number.
    rows = PromotionVersion.objects.filter(pk__in=version_ids).annotate(
        offer=KT("definition__outcome__offer"), ledger_class=KT("definition__ledger_class")
    )
    versions = list(rows.values_list("pk", "promotion__account_id", "offer", "definition__funding", "ledger_class"))
    codes = {(account_id, code) for _, account_id, code, *_ in versions if code}
    offers: dict[tuple[int, str], _Terms] = {}
    if codes:
        named = Offer.objects.filter(
            account_id__in={account_id for account_id, _ in codes}, code__in={code for _, code in codes}
        )
        columns = ("account_id", "code", "funding", "ledger_class")
        for account_id, code, funding, ledger_class in named.values_list(*columns):
            offers[account_id, code] = _Terms(funding, ledger_class)
    # Versions of before funding have none.
    return {
        pk: (_Terms(funding or (), ledger_class or ""), offers.get((account_id, code), _Terms()))
        for pk, account_id, code, funding, ledger_class in versions
    }


def _parts_rounded(parts: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Return amounts of zero or more in the currency's decimals, so that they add up to their rounded sum."""
    unit = minor_unit(currency)
    total = amount_rounded(sum(parts, Decimal(0)), currency)
    return [units * unit for units in allocate(int(total / unit), [Fraction(part) for part in parts])]
