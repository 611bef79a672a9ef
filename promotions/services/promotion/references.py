"""."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from consumers.exceptions import Problem
from consumers.models import Account
from promotions.engine.rules.tree import Reference, join_path
from promotions.models import PromotionReference
from promotions.selectors.promotion import (
    ReferenceKey,
    ReferenceSource,
    references_found,
)
from promotions.services.promotion.change import _BATCH, Change
from promotions.services.promotion.values import PromotionFamily


def references_read(changes: Sequence[Change]) -> None:
    """Fill in what judged promotions name already."""
    judged = {change.promotion.pk: change for change in changes if change.before and change.references is not None}
    if judged:
        rows = PromotionReference.objects.filter(promotion__in=list(judged))
        for pk, promotion_id, kind, key in rows.values_list("pk", "promotion_id", "kind", "key"):
            judged[promotion_id].named[kind, key] = pk


def missing_references(family: PromotionFamily, account: Account, changes: Sequence[Change]) -> Iterator[Problem]:
    """What the definitions name that is not there; what a promotion names already may stay, unless it is published."""
    asked = [
        (index, [one for one in change.references or () if change.publishes or reference_key(one) not in change.named])
        for index, change in enumerate(changes)
    ]
    wanted = {reference_key(one) for _, references in asked for one in references}
    if not wanted:
        return
    found = references_found(account_id=account.pk, wanted=wanted, sources=family.sources)
    for index, references in asked:
        yield from unknown_references(references, found=found, sources=family.sources, path=str(index))


def unknown_references(
    references: Iterable[Reference],
    *,
    found: Container[ReferenceKey],
    sources: Mapping[str, ReferenceSource],
    path: str = "",
) -> Iterator[Problem]:
    """A problem for each path, below ``path``, at which something is named that is not ``found``."""
    unknown: dict[str, list[Reference]] = {}
    for one in references:
        if reference_key(one) not in found:
            unknown.setdefault(one.path, []).append(one)
    for at, some in unknown.items():
        keys = ", ".join(one.key for one in some)[:300]
        detail = f"There is no {sources[some[0].kind].noun} {keys}."
        yield Problem(code="unknown_reference", attr=join_path(path, at), detail=detail)


def reference_key(reference: Reference) -> ReferenceKey:
    return reference.kind, reference.key


def references_write(changes: Iterable[Change]) -> None:
    new, stale = [], []
    for change in changes:
        if change.references is not None:
            wanted = {reference_key(one) for one in change.references}
            new += [
                PromotionReference(promotion=change.promotion, kind=kind, key=key)
                for kind, key in sorted(wanted - change.named.keys())
            ]
            stale += [pk for key, pk in change.named.items() if key not in wanted]
    if stale:
        PromotionReference.objects.filter(pk__in=stale).delete()
    if new:
        PromotionReference.objects.bulk_create(new, batch_size=_BATCH)
