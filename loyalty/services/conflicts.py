"""Find the promotions with which one may clash, as far as the account's rulebook and catalogue say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from conflicts.analysis.example_baskets import CatalogueContext
from conflicts.analysis.examples import ExampleSite
from conflicts.analysis.overlap import Overlap, analyse_overlap
from consumers.models import Account
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.choices import Family
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rules.tree import conditions
from promotions.selectors.product import product_facts_for

MAX_EXAMPLE_PRODUCTS = 200
"""Products of the catalogue that may serve as examples, in addition to those that promotions name."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Another promotion and the verdicts on the pair."""

    promotion: Promotion
    overlap: Overlap


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """The verdicts on some of the ``others``, the number of promotions with which one competes."""

    others: int
    pairs: Sequence[Conflict]


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
    named = {sku for promotion in (own, *others) for sku in _skus(promotion)}
    products = product_facts_for(account=account, skus=named, max_examples=MAX_EXAMPLE_PRODUCTS) if others else {}
    catalogue = CatalogueContext(
        terms=snapshot.rulebook.terms,
        products=products,
        offers=snapshot.rulebook.offers,
        personalized=snapshot.rulebook.personalized,
    )
    sites = [
        ExampleSite(name=site.name or site.number, facts=site.facts, zone=site.zone) for site in snapshot.sites.values()
    ]
    return Conflicts(
        others=len(competitors),
        pairs=[
            Conflict(
                promotion=other,
                overlap=analyse_overlap(own, other, catalogue=catalogue, sites=sites, policy=snapshot.policy, at=at),
            )
            for other in others
        ],
    )


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
