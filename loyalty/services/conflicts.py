"""With which other promotions one may meet, as far as the account's book and catalogue say."""

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

EXAMPLES = 200
"""Products of the catalogue that may serve as examples, beside those that promotions name."""


@dataclass(frozen=True, kw_only=True)
class Met:
    """Another promotion and the verdict on the pair."""

    promotion: Promotion
    overlap: Overlap


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """The verdicts on some of the promotions that one competes with. ``others`` is how many there are in all."""

    others: int
    met: Sequence[Met]


def promotion_conflicts(
    *, account: Account, promotion_id: int, at: datetime, start: int = 0, most: int | None = None
) -> Conflicts | None:
    """Judge a promotion against the live and scheduled ones of its kind, in order of their beginning.

    A loyalty promotion competes with those of its type and subtype, a discount with every discount.

    Args:
        account: read in this request.
        promotion_id: whose.
        at: the moment at which others are live or scheduled.
        start: how many others are passed over.
        most: how many are judged; None is all.

    Returns:
        None for a promotion that is archived or not the account's.
    """
    book = snapshot_current(account=account)
    own = book.rulebook.get(promotion_id)
    if own is None:
        return None
    others = sorted(_others(own, book, at), key=lambda one: (one.source.starts_at, one.code))
    judged = others[start:] if most is None else others[start : start + most]
    named = {sku for promotion in (own, *judged) for sku in _skus(promotion)}
    catalogue = CatalogueContext(
        terms=book.rulebook.terms,
        products=product_facts_for(account=account, skus=named, max_examples=EXAMPLES) if judged else {},
        offers=book.rulebook.offers,
        personalized=book.rulebook.personalized,
    )
    sites = [
        ExampleSite(name=site.name or site.number, facts=site.facts, zone=site.zone) for site in book.sites.values()
    ]
    return Conflicts(
        others=len(others),
        met=[
            Met(
                promotion=other,
                overlap=analyse_overlap(own, other, catalogue=catalogue, sites=sites, policy=book.policy, at=at),
            )
            for other in judged
        ],
    )


def _others(own: Promotion, book: AccountSnapshot, at: datetime) -> Iterator[Promotion]:
    for other in book.rulebook:
        if other.id == own.id or other.source.family != own.source.family:
            continue
        is_of_kind = (other.source.type, other.source.subtype) == (own.source.type, own.source.subtype)
        if (is_of_kind or own.source.family == Family.DISCOUNT) and life_reason(other.source, at) in (
            None,
            "scheduled",
        ):
            yield other


def _skus(promotion: Promotion) -> Iterator[str]:
    """The SKUs that a promotion names."""
    outcome = promotion.source.outcome
    sets = [*outcome.get("product_sets", ()), *outcome.get("product_selection", {}).get("sets", ())]
    for one in sets:
        yield from one.get("products") or ()
    for tree in (promotion.source.eligibility["line_item_rules"], *(one.get("rules") for one in sets)):
        for condition in conditions(tree):
            if condition["attribute"] in ("sku", "product"):
                value = condition["value"]
                yield from value if isinstance(value, list) else [value]
