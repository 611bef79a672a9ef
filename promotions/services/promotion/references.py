"""The rows that promotions reference: checked before a promotion is saved, and stored with it."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from consumers.exceptions import Problem
from consumers.models import Account
from promotions.engine.rules.problems import Reference, join_path
from promotions.models import PromotionReference
from promotions.selectors.references import ReferenceKey, ReferenceSource, existing_references
from promotions.services.promotion.change import Change
from promotions.services.promotion.values import PromotionFamily

INSERT_BATCH = 1_000


def reference_key(reference: Reference) -> ReferenceKey:
    """Return the kind and the key of a reference, without its path."""
    return reference.kind, reference.key


def stored_references_read(changes: Sequence[Change]) -> None:
    """Read the stored references of the promotions whose definition was checked, and set them on their changes."""
    by_promotion = {
        change.promotion.pk: change for change in changes if change.before and change.references is not None
    }
    if by_promotion:
        rows = PromotionReference.objects.filter(promotion__in=list(by_promotion))
        for pk, promotion_id, kind, key in rows.values_list("pk", "promotion_id", "kind", "key"):
            by_promotion[promotion_id].stored_references[kind, key] = pk


def missing_references(family: PromotionFamily, account: Account, changes: Sequence[Change]) -> Iterator[Problem]:
    """Yield a problem for each reference to a row that does not exist, under ``<index>.<path>``.

    What a promotion references already may stay, unless the change publishes it.
    """
    unchecked = [
        (
            index,
            [
                reference
                for reference in change.references or ()
                if change.publishes or reference_key(reference) not in change.stored_references
            ],
        )
        for index, change in enumerate(changes)
    ]
    wanted = {reference_key(reference) for _, references in unchecked for reference in references}
    if not wanted:
        return
    existing = existing_references(account_id=account.pk, wanted=wanted, sources=family.sources)
    for index, references in unchecked:
        yield from unknown_references(references, existing=existing, sources=family.sources, path=str(index))


def unknown_references(
    references: Iterable[Reference],
    *,
    existing: Container[ReferenceKey],
    sources: Mapping[str, ReferenceSource],
    path: str = "",
) -> Iterator[Problem]:
    """Yield a problem for each path, below ``path``, that references a row that is not among ``existing``."""
    unknown: dict[str, list[Reference]] = {}
    for reference in references:
        if reference_key(reference) not in existing:
            unknown.setdefault(reference.path, []).append(reference)
    for reference_path, at_path in unknown.items():
        keys = ", ".join(reference.key for reference in at_path)[:300]
        detail = f"There is no {sources[at_path[0].kind].noun} {keys}."
        yield Problem(code="unknown_reference", attr=join_path(path, reference_path), detail=detail)


def references_write(changes: Iterable[Change]) -> None:
    """Store the references of new definitions, in two SQL statements."""
    new, stale = [], []
    for change in changes:
        if change.references is not None:
            wanted = {reference_key(reference) for reference in change.references}
            new += [
                PromotionReference(promotion=change.promotion, kind=kind, key=key)
                for kind, key in sorted(wanted - change.stored_references.keys())
            ]
            stale += [pk for key, pk in change.stored_references.items() if key not in wanted]
    if stale:
        PromotionReference.objects.filter(pk__in=stale).delete()
    if new:
        PromotionReference.objects.bulk_create(new, batch_size=INSERT_BATCH)
