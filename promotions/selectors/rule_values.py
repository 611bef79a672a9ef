"""Values that the rule builder offers for a condition: the account's rows by name, and texts that occur in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When

from consumers.models import AccountOwned, Card, Site
from promotions.models import Product
from promotions.selectors.references import ReferenceKey, ReferenceSource

MAX_CHOICES = 20
_MAX_LABEL_SETS = 2_000
_MAX_KEYS_PER_STATEMENT = 10_000


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """Where the texts of an attribute occur.

    ``find`` takes an account's id and a search text, and returns up to ``MAX_CHOICES`` texts that contain it, those
    that begin with it first. ``model`` is the table that a user must be allowed to see.
    """

    model: type[Model]
    find: Callable[[int, str], list[str]]


def _column(model: type[AccountOwned], column: str) -> TextSource:
    def find(account_id: int, search: str) -> list[str]:
        rows = model._default_manager.filter(account_id=account_id, **{f"{column}__icontains": search})
        nearness = Case(
            When(**{f"{column}__istartswith": search, "then": Value(0)}), default=Value(1), output_field=IntegerField()
        )
        rows = rows.exclude(**{column: ""}).annotate(nearness=nearness).order_by("nearness", column)
        # SELECT DISTINCT needs the columns that it is ordered by.
        return [text for text, _ in rows.values_list(column, "nearness").distinct()[:MAX_CHOICES]]

    return TextSource(model=model, find=find)


def _labels(account_id: int, search: str) -> list[str]:
    # Many products share few different sets of labels.
    sets = Product.objects.filter(account_id=account_id).order_by().values_list("labels", flat=True).distinct()
    labels = {label for labels in sets[:_MAX_LABEL_SETS] for label in labels}
    return texts_containing(labels, search)


def texts_containing(texts: Iterable[str], search: str) -> list[str]:
    """Return up to ``MAX_CHOICES`` texts that contain ``search`` in any case, those that begin with it first."""
    folded = search.casefold()
    containing = (text for text in texts if text and folded in text.casefold())
    return sorted(containing, key=lambda text: (not text.casefold().startswith(folded), text))[:MAX_CHOICES]


TEXT_SOURCES: Mapping[str, TextSource] = {
    "site_name": _column(Site, "name"),
    "site_number": _column(Site, "number"),
    "address_line_1": _column(Site, "address_line_1"),
    "town": _column(Site, "town"),
    "county": _column(Site, "county"),
    "postcode": _column(Site, "postcode"),
    "loyalty_card_type": _column(Card, "type"),
    "sku": _column(Product, "sku"),
    "program_brand": _column(Product, "program_brand"),
    "product_brand": _column(Product, "product_brand"),
    "category": _column(Product, "category"),
    "labels": TextSource(model=Product, find=_labels),
}
"""Where the texts of an attribute occur. For other attributes nothing is offered."""


def choosable_rows(*, account_id: int, source: ReferenceSource, search: str) -> list[tuple[str, str]]:
    """Return the keys and names of up to ``MAX_CHOICES`` rows, not archived, whose key or name contains ``search``.

    One SQL statement; a row whose key is the text comes first, those that begin with it next.
    """
    key = source.key
    rows: QuerySet[Model] = source.rows(account_id).filter(archived=False)
    if search:
        rows = rows.filter(Q(**{f"{key}__icontains": search}) | Q(name__icontains=search))
    nearness = Case(
        When(**{f"{key}__iexact": search, "then": Value(0)}),
        When(Q(**{f"{key}__istartswith": search}) | Q(name__istartswith=search), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return list(rows.order_by(nearness, "name", key).values_list(key, "name")[:MAX_CHOICES])


def reference_names(
    *, account_id: int, references: Iterable[ReferenceKey], sources: Mapping[str, ReferenceSource]
) -> dict[ReferenceKey, str]:
    """Return the names of the rows among ``references`` that exist, archived ones too.

    One SQL statement for each kind and each 10,000 keys.
    """
    keys_by_kind: dict[str, set[str]] = {}
    for kind, key in references:
        keys_by_kind.setdefault(kind, set()).add(key)
    return {
        (kind, key): name
        for kind, keys in keys_by_kind.items()
        for key, name in _names(account_id, sources[kind], keys)
    }


def _names(account_id: int, source: ReferenceSource, keys: set[str]) -> Iterator[tuple[str, str]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), _MAX_KEYS_PER_STATEMENT):
        batch = ordered[start : start + _MAX_KEYS_PER_STATEMENT]
        rows = source.rows(account_id).order_by().filter(**{f"{source.key}__in": batch})
        yield from rows.values_list(source.key, "name")
