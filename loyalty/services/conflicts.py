"""Find the promotions with which one may clash, as far as the account's rulebook and catalogue say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations, islice

from conflicts.analysis.example_baskets import CatalogueContext
from conflicts.analysis.examples import ExampleSite
from conflicts.analysis.lost_saving import LostSaving, find_lost_saving
from conflicts.analysis.overlap import Overlap, analyse_overlap
from conflicts.resolver import Policy
from consumers.models import Account
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.choices import Family
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rules.tree import conditions
from promotions.selectors.product import product_facts_for

MAX_EXAMPLE_PRODUCTS = 200
"""Products of the catalogue that may serve as examples, in addition to those that promotions name."""


MAX_EXAMPLE_PAIRS = 60
"""Pairs of discounts that are looked at for a basket in which ranking costs money."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Another promotion and the verdicts on the pair."""

    promotion: Promotion
    overlap: Overlap


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """The verdicts on some of the ``others``, the number of promotions with which one competes.

    ``lost_saving`` is a basket in which ranking discounts costs customers money, where one is known.
    """

    others: int
    pairs: Sequence[Conflict]
    lost_saving: LostSaving | None = None


def promotion_conflicts(
    *, account: Account, promotion_id: int, at: datetime, start: int = 0, limit: int | None = None
) -> Conflicts | None:
    """Compare a promotion with the live and scheduled ones of its kind, in order of their start.

    A loyalty promotion competes with those of its type and subtype, a discount with every discount.

    Args:
        account: read in this request.
        promotion_id: of the promotion to compare.
        at: the moment at which others are live or scheduled.
        start: how many others to skip.
        limit: how many to compare; None for all.

    Returns:
        None for a promotion that is archived or not the account's.
    """
    snapshot = snapshot_current(account=account)
    own = snapshot.rulebook.get(promotion_id)
    if own is None:
        return None
    competitors = sorted(_competitors(own, snapshot, at), key=lambda other: (other.source.starts_at, other.code))
    others = competitors[start:] if limit is None else competitors[start : start + limit]
    catalogue = _catalogue(account, snapshot, (own, *others) if others else ())
    sites = _sites(snapshot)
    pairs = [
        Conflict(
            promotion=other,
            overlap=analyse_overlap(own, other, catalogue=catalogue, sites=sites, policy=snapshot.policy, at=at),
        )
        for other in others
    ]
    lost_saving = None
    if own.is_discount and not own.always_apply:
        examples = [pair.overlap.example for pair in pairs if pair.overlap.example is not None]
        lost_saving = find_lost_saving(examples, [own, *competitors], catalogue, snapshot.policy)
    return Conflicts(others=len(competitors), pairs=pairs, lost_saving=lost_saving)


def ranked_losses(*, account: Account, policy: Policy, at: datetime) -> LostSaving | None:
    """Return a basket in which ranking the account's live and scheduled discounts costs customers money.

    Of all pairs of them the first that meet are looked at; None where they show no such basket. ``policy`` are the
    settings to look under, which need not be saved; whatever they combine discounts by, both ways are compared.
    """
    snapshot = snapshot_current(account=account)
    policy = replace(policy, discount_combination="ranked")
    discounts = [
        promotion
        for promotion in snapshot.rulebook
        if promotion.is_discount
        and not promotion.always_apply
        and life_reason(promotion.source, at) in (None, "scheduled")
    ]
    discounts.sort(key=lambda discount: (discount.source.starts_at, discount.code))
    catalogue, sites = _catalogue(account, snapshot, discounts), _sites(snapshot)
    examples = []
    for first, second in islice(combinations(discounts, 2), MAX_EXAMPLE_PAIRS):
        pair = analyse_overlap(first, second, catalogue=catalogue, sites=sites, policy=policy, at=at)
        if pair.example is not None:
            examples.append(pair.example)
    return find_lost_saving(examples, discounts, catalogue, policy)


def _catalogue(account: Account, snapshot: AccountSnapshot, promotions: Sequence[Promotion]) -> CatalogueContext:
    """Return what examples for some promotions are made from; without promotions no product is read."""
    named = {sku for promotion in promotions for sku in _skus(promotion)}
    return CatalogueContext(
        terms=snapshot.rulebook.terms,
        products=product_facts_for(account=account, skus=named, max_examples=MAX_EXAMPLE_PRODUCTS)
        if promotions
        else {},
        offers=snapshot.rulebook.offers,
        personalized=snapshot.rulebook.personalized,
    )


def _sites(snapshot: AccountSnapshot) -> list[ExampleSite]:
    return [
        ExampleSite(name=site.name or site.number, facts=site.facts, zone=site.zone) for site in snapshot.sites.values()
    ]


def _competitors(own: Promotion, snapshot: AccountSnapshot, at: datetime) -> Iterator[Promotion]:
    kind = own.source.type, own.source.subtype
    for other in snapshot.rulebook:
        if other.id == own.id or other.source.family != own.source.family:
            continue
        is_same_kind = own.source.family == Family.DISCOUNT or (other.source.type, other.source.subtype) == kind
        if is_same_kind and life_reason(other.source, at) in (None, "scheduled"):
            yield other


def _skus(promotion: Promotion) -> Iterator[str]:
    """Yield the SKUs that a promotion names."""
    outcome = promotion.source.outcome
    sets = [*outcome.get("product_sets", ()), *outcome.get("product_selection", {}).get("sets", ())]
    for product_set in sets:
        yield from product_set.get("products") or ()
    set_rules = (product_set.get("rules") for product_set in sets)
    for tree in (promotion.source.eligibility["line_item_rules"], *set_rules):
        for condition in conditions(tree):
            if condition["attribute"] in ("sku", "product"):
                value = condition["value"]
                yield from value if isinstance(value, list) else [value]
