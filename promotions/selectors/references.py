"""The rows of other tables that promotions reference by key."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, QuerySet, Value

from consumers.models import ConsumerGroup, Site
from consumers.references import ReferenceCheck
from consumers.types import Rows
from promotions.choices import ReferenceKind
from promotions.models import PersonalizedPromotion, Product, PromotionReference

ReferenceKey = tuple[str, str]
"""A kind of row and the row's key."""

_MAX_KEYS_PER_STATEMENT = 20_000


@dataclass(frozen=True, kw_only=True)
class ReferenceSource:
    """Where the rows of a kind are: ``rows`` are those that an account's promotions may reference, ``key`` is the
    column of their key, ``noun`` what one is called.
    """

    rows: Callable[[int], Rows]
    key: str
    noun: str


REFERENCE_SOURCES: Mapping[str, ReferenceSource] = {
    ReferenceKind.GROUP: ReferenceSource(
        rows=lambda account_id: ConsumerGroup.objects.filter(account_id=account_id), key="code", noun="group"
    ),
    ReferenceKind.SITE: ReferenceSource(
        rows=lambda account_id: Site.objects.filter(account_id=account_id), key="number", noun="site"
    ),
    ReferenceKind.PRODUCT: ReferenceSource(
        rows=lambda account_id: Product.objects.filter(account_id=account_id), key="sku", noun="product"
    ),
    ReferenceKind.PERSONALIZED_PROMOTION: ReferenceSource(
        rows=lambda account_id: PersonalizedPromotion.objects.filter(account_id=account_id),
        key="backend_id",
        noun="personalized promotion",
    ),
}
"""The kinds of rows that promotions of any family may reference."""


def existing_references(
    *, account_id: int, wanted: Iterable[ReferenceKey], sources: Mapping[str, ReferenceSource]
) -> set[ReferenceKey]:
    """Return those of ``wanted`` that exist in the account, in one SQL statement for each 20,000 of them."""
    existing: set[ReferenceKey] = set()
    for batch in _batches(sorted(set(wanted))):
        keys_by_kind = defaultdict(list)
        for kind, key in batch:
            keys_by_kind[kind].append(key)
        first, *others = (_existing(sources[kind], kind, account_id, keys) for kind, keys in keys_by_kind.items())
        existing.update(first.union(*others, all=True) if others else first)
    return existing


def _batches(keys: Sequence[ReferenceKey]) -> Iterator[Sequence[ReferenceKey]]:
    return (keys[start : start + _MAX_KEYS_PER_STATEMENT] for start in range(0, len(keys), _MAX_KEYS_PER_STATEMENT))


def _existing(source: ReferenceSource, kind: str, account_id: int, keys: list[str]) -> QuerySet[Any, ReferenceKey]:
    rows = source.rows(account_id).order_by().filter(**{f"{source.key}__in": keys})
    with_kind = rows.annotate(reference_kind=Value(str(kind), output_field=CharField()))
    references: QuerySet[Any, ReferenceKey] = with_kind.values_list("reference_kind", source.key)
    return references


def reference_check(kind: ReferenceKind) -> ReferenceCheck:
    """Return the check of which keys of a kind an account's promotions reference; see ``consumers.references``."""

    def check(*, account_id: int, keys: Collection[str]) -> set[str]:
        referenced = PromotionReference.objects.filter(promotion__account_id=account_id, kind=kind, key__in=keys)
        return set(referenced.values_list("key", flat=True))

    return check
