"""Reads of promotions of every family, and of what they name.

The truth about a promotion's life is its dates: every question about a status is answered from them and the moment
given, never from the stored column.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import PROTECT, CharField, Q, QuerySet, Value
from django.db.models.fields.json import KeyTransform

from consumers.models import ConsumerGroup, Site
from consumers.references import ReferenceCheck
from promotions.choices import Family, ReferenceKind, Status
from promotions.engine.facts.basket import SiteFacts, fold_text
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import Predicate, compile_tree
from promotions.models import PersonalizedPromotion, Product, Promotion, PromotionReference, PromotionVersion

ReferenceKey = tuple[str, str]
"""A kind of row and the row's key."""

_KEYS_AT_ONCE = 20_000


def promotions_of(*, account_id: int, family: Family) -> QuerySet[Promotion]:
    """The account's promotions of a family, archived ones too."""
    return Promotion.objects.filter(account_id=account_id, family=family)


def promotions_by_code(*, account_id: int, codes: Collection[str]) -> dict[tuple[str, str], Promotion]:
    """The account's promotions of every family that have one of ``codes``, by family and code."""
    promotions = Promotion.objects.filter(account_id=account_id, code__in=codes)
    return {(promotion.family, promotion.code): promotion for promotion in promotions}


def promotion_versions(*, promotion: Promotion) -> QuerySet[PromotionVersion]:
    """Every version of a promotion with who made it, newest first."""
    return promotion.versions.select_related("created_by").order_by("-number")


def promotion_is_used(*, promotion: Promotion) -> bool:
    """Whether history, of whatever package above, needs the promotion: one short look for each table of it."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: promotion.pk}).exists()  # noqa: SLF001
        for relation in Promotion._meta.related_objects
        if relation.on_delete is PROTECT
    )


# --- by the clock ---------------------------------------------------------------------------------------------------


def status_condition(status: str, *, at: datetime) -> Q:
    """What a promotion's dates fulfil when its true status at a moment is ``status``; see ``Promotion.status_at``."""
    stopped = Q(draft=False, stopped_at__isnull=False, stopped_at__lte=at)
    going = Q(draft=False) & (Q(stopped_at__isnull=True) | Q(stopped_at__gt=at))
    match Status(status):
        case Status.DRAFT:
            return Q(draft=True)
        case Status.STOPPED:
            return stopped
        case Status.SCHEDULED:
            return going & Q(starts_at__gt=at)
        case Status.ENDED:
            return going & Q(starts_at__lte=at, ends_at__isnull=False, ends_at__lte=at)
        case Status.ACTIVE:
            return going & Q(starts_at__lte=at) & (Q(ends_at__isnull=True) | Q(ends_at__gt=at))


def promotions_with_status(
    promotions: QuerySet[Promotion], *, statuses: Collection[str], at: datetime
) -> QuerySet[Promotion]:
    """Those whose true status at a moment is one of ``statuses``."""
    return promotions.filter(reduce(or_, (status_condition(status, at=at) for status in statuses)))


def promotions_live(promotions: QuerySet[Promotion], *, at: datetime) -> QuerySet[Promotion]:
    """Those that apply at a moment as far as their dates say: active, and not archived."""
    return promotions.filter(status_condition(Status.ACTIVE, at=at), archived=False)


def promotions_out_of_date(*, at: datetime) -> QuerySet[Promotion]:
    """Promotions of all accounts whose stored status is not the true one at a moment."""
    wrong = [status_condition(status, at=at) & ~Q(status=status) for status in Status.values]
    return Promotion.objects.filter(reduce(or_, wrong))


# --- by site --------------------------------------------------------------------------------------------------------


def site_facts(site: Site) -> SiteFacts:
    """A site as rules see it."""
    return SiteFacts(
        site_number=site.number.casefold(),
        site_name=fold_text(site.name),
        address_line_1=fold_text(site.address_line_1),
        town=fold_text(site.town),
        county=fold_text(site.county),
        postcode=fold_text(site.postcode),
    )


def promotions_at_site(promotions: QuerySet[Promotion], *, site: Site) -> QuerySet[Promotion]:
    """Those whose site rules admit the site: one SQL statement for the rules, which the engine judges."""
    facts = site_facts(site)
    predicates: dict[str, Predicate | None] = {}
    admitted: list[int] = []
    shut_out: list[int] = []
    rules = promotions.order_by().values_list("pk", KeyTransform("site_rules", "eligibility"))
    for pk, tree in rules.iterator():
        text = json.dumps(tree)
        if text not in predicates:
            predicates[text] = compile_tree(tree, Scope.SITE)
        predicate = predicates[text]
        (admitted if predicate is None or predicate(facts) else shut_out).append(pk)
    # The shorter list makes the shorter statement.
    if len(shut_out) <= len(admitted):
        return promotions.exclude(pk__in=shut_out)
    return promotions.filter(pk__in=admitted)


# --- what promotions name -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ReferenceSource:
    """Where the rows of a kind are found: those of an account that may be named, by their key column."""

    rows: Callable[[int], QuerySet[Any]]
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
"""The kinds of rows that promotions of any family may name."""


def references_found(
    *, account_id: int, wanted: Iterable[ReferenceKey], sources: Mapping[str, ReferenceSource]
) -> set[ReferenceKey]:
    """Those of ``wanted`` that exist in the account: one SQL statement, whatever the kinds, up to 20,000 keys."""
    found: set[ReferenceKey] = set()
    for batch in _batches(sorted(set(wanted))):
        keys = defaultdict(list)
        for kind, key in batch:
            keys[kind].append(key)
        first, *others = (_rows_named(sources[kind], kind, account_id, some) for kind, some in keys.items())
        found.update(first.union(*others, all=True) if others else first)
    return found


def _batches(keys: Sequence[ReferenceKey]) -> Iterator[Sequence[ReferenceKey]]:
    return (keys[start : start + _KEYS_AT_ONCE] for start in range(0, len(keys), _KEYS_AT_ONCE))


def _rows_named(source: ReferenceSource, kind: str, account_id: int, keys: list[str]) -> QuerySet[Any, ReferenceKey]:
    rows = source.rows(account_id).order_by().filter(**{f"{source.key}__in": keys})
    named = rows.annotate(named_kind=Value(str(kind), output_field=CharField()))
    found: QuerySet[Any, ReferenceKey] = named.values_list("named_kind", source.key)
    return found


def reference_check(kind: ReferenceKind) -> ReferenceCheck:
    """How to find which keys of a kind the account's promotions name."""

    def check(*, account_id: int, keys: Collection[str]) -> set[str]:
        named = PromotionReference.objects.filter(promotion__account_id=account_id, kind=kind, key__in=keys)
        return set(named.values_list("key", flat=True))

    return check
