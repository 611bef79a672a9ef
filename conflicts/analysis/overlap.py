"""Whether two promotions can meet in one basket, and which of them would win. Pure: no database, no clock.

There are three verdicts. *Disjoint* is proved: no value satisfies the rules of both. *Overlapping* is shown: on an
example basket the engine applies either promotion when the other is not there. *Possible* is neither: nothing was
proved, and no example was found. A proof holds for the sites and the catalogue as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from conflicts.analysis.example_baskets import CatalogueContext, baskets_for_both, baskets_with_shared_units
from conflicts.analysis.examples import (
    WHOLE_NUMBERS,
    Example,
    ExampleSite,
    amounts_of,
    audience_trees,
    find_example,
    shopper_facts,
)
from conflicts.analysis.moments import CLOCK_ATTRIBUTES, admitted_moments, common_window
from conflicts.analysis.satisfiability import (
    Conjunction,
    NumberDomain,
    conditions_by_attribute,
    conjunctions_of,
    satisfying_values,
)
from conflicts.resolver import Policy
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rules.attributes import Scope


class Verdict(StrEnum):
    """How sure it is that two promotions meet."""

    DISJOINT = "disjoint"
    OVERLAPPING = "overlapping"
    POSSIBLE = "possible"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleOutcome:
    """Who would win the example.

    ``winner`` is a promotion's id, None where both apply; ``decided_by`` is bias, age, code or combination.
    """

    winner: int | None
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """The verdicts on a pair in each respect, and the example where there is one."""

    time: Verdict
    site: Verdict
    audience: Verdict
    products: Verdict
    example: Example | None = None
    outcome: ExampleOutcome | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the pair as a whole: disjoint in one respect is disjoint."""
        if Verdict.DISJOINT in (self.time, self.site, self.audience, self.products):
            return Verdict.DISJOINT
        return Verdict.OVERLAPPING if self.example is not None else Verdict.POSSIBLE


def analyse_overlap(
    first: Promotion,
    second: Promotion,
    *,
    catalogue: CatalogueContext,
    sites: Sequence[ExampleSite],
    policy: Policy,
    at: datetime,
) -> Overlap:
    """Analyse a pair of promotions. Drafts are taken as if they were published.

    Args:
        first: a promotion.
        second: another, of the same type and subtype, or a discount as the first is.
        catalogue: the account's terms, offers and catalogue.
        sites: where transactions happen.
        policy: who wins.
        at: the moment from which examples are preferred.
    """
    pair = [replace(promotion, source=replace(promotion.source, draft=False)) for promotion in (first, second)]
    window = common_window(pair)
    common_sites = [site for site in sites if all(_admits(promotion, site) for promotion in pair)]
    admitted = admitted_moments(pair, [site.zone for site in sites], at)
    proved = Overlap(
        time=Verdict.DISJOINT if window.is_empty or admitted.impossible else Verdict.POSSIBLE,
        site=Verdict.OVERLAPPING if common_sites else Verdict.DISJOINT,
        audience=_audience_verdict(pair, window.start.date()),
        products=_products_verdict(pair, catalogue, policy),
    )
    if proved.verdict is Verdict.DISJOINT:
        return proved
    example = find_example(pair, catalogue, common_sites, policy, admitted.moments)
    if example is None:
        return proved
    return Overlap(
        time=Verdict.OVERLAPPING,
        site=Verdict.OVERLAPPING,
        audience=Verdict.OVERLAPPING,
        products=Verdict.OVERLAPPING,
        example=example,
        outcome=_outcome(pair, example.decision),
    )


def _admits(promotion: Promotion, site: ExampleSite) -> bool:
    return promotion.site_rules is None or promotion.site_rules(site.facts)


def _audience_verdict(pair: Sequence[Promotion], today: date) -> Verdict:
    """Return whether it is proved that no shopper satisfies the rules of both."""
    conjunctions = conjunctions_of(*audience_trees(pair))
    if conjunctions is None or any(shopper_facts(conjunction, today) is not None for conjunction in conjunctions):
        return Verdict.POSSIBLE
    is_disjoint = all(_is_impossible(Scope.CUSTOMER, conjunction, today, WHOLE_NUMBERS) for conjunction in conjunctions)
    return Verdict.DISJOINT if is_disjoint else Verdict.POSSIBLE


def _products_verdict(pair: Sequence[Promotion], catalogue: CatalogueContext, policy: Policy) -> Verdict:
    """Return whether it is proved that no basket meets what both require; discounts compete for the same units only."""
    currency = pair[0].source.currency
    if currency != pair[1].source.currency or _transaction_rules_exclude(pair, currency):
        return Verdict.DISJOINT
    compete_for_units = (
        pair[0].source.family == "discount"
        and policy.discounts_per_transaction is None
        and not any(promotion.always_apply for promotion in pair)
    )
    if compete_for_units and baskets_with_shared_units(pair, catalogue).impossible:
        return Verdict.DISJOINT
    return Verdict.DISJOINT if baskets_for_both(pair, catalogue).impossible else Verdict.POSSIBLE


def _transaction_rules_exclude(pair: Sequence[Promotion], currency: str) -> bool:
    """Return whether it is proved that no total, card or source satisfies the transaction rules of both."""
    conjunctions = conjunctions_of(*(promotion.source.eligibility["transaction_rules"] for promotion in pair))
    if conjunctions is None:
        return False
    without_clock = (
        tuple(condition for condition in conjunction if condition["attribute"] not in CLOCK_ATTRIBUTES)
        for conjunction in conjunctions
    )
    amounts = amounts_of(currency)
    return all(_is_impossible(Scope.TRANSACTION, conjunction, date.min, amounts) for conjunction in without_clock)


def _is_impossible(scope: Scope, conjunction: Conjunction, today: date, domain: NumberDomain) -> bool:
    """Return whether it is proved that some attribute has no value that satisfies its conditions."""
    return any(
        satisfying_values(scope, conditions, today=today, domain=domain).impossible
        for conditions in conditions_by_attribute(conjunction).values()
    )


def _outcome(pair: Sequence[Promotion], decision: Decision) -> ExampleOutcome | None:
    applied = {applied.promotion.id for applied in decision.applied}
    if len(applied) == len(pair):
        return ExampleOutcome(winner=None)
    for refusal in decision.refused:
        if refusal.reason == "lost_conflict" and applied:
            return ExampleOutcome(winner=applied.pop(), decided_by=refusal.decided_by)
    return None
