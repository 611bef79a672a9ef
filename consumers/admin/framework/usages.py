"""What uses a row, so that it cannot be deleted: other rows that protect it, and what the apps above register.

Foreign keys that protect a row are found by themselves. What names a row by its key, as the rules of a promotion do, is
registered by the app that stores it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import PROTECT, Exists, Model, OuterRef
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

MAX_NAMED = 5
"""The most rows of one kind that are named."""


@dataclass(frozen=True, kw_only=True)
class NamedRow:
    """A row that uses another; ``url`` is empty where it has no page that the user may open."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The rows of one kind that use a row: the first of them, and whether there are more.

    Without ``rows`` the user may not see them.
    """

    kind: str
    rows: Sequence[NamedRow] = ()
    more: bool = False


UsageSource = Callable[[HttpRequest, Any], Iterator[Usage]]
"""Yields what uses a row of the model that it is registered for."""

_sources: defaultdict[type[Model], list[UsageSource]] = defaultdict(list)
_shown_as: dict[type[Model], str] = {}


def usage_source_register(model: type[Model], source: UsageSource) -> None:
    """Name more than foreign keys tell of what uses rows of ``model``."""
    _sources[model].append(source)


def usage_shown_as_register(model: type[Model], relation: str) -> None:
    """Show rows of ``model``, which have no page, as the rows that ``relation`` leads to; empty: not at all."""
    _shown_as[model] = relation


def usages_of(request: HttpRequest, row: Model) -> list[Usage]:
    """Return what uses a row, one usage for each kind."""
    concrete = row._meta.concrete_model
    assert concrete is not None  # noqa: S101 - rows are of tables
    usages = [usage for source in _sources[concrete] for usage in source(request, row)]
    for model, key in _protecting_relations(concrete):
        if _shown_as.get(model) != "":
            using = list(model._default_manager.filter(**{key: row.pk}).order_by("-pk")[: MAX_NAMED + 1])
            usages += usage_of(request, (_shown(each) for each in using))
    return usages


def usage_of(request: HttpRequest, rows: Iterable[Model]) -> list[Usage]:
    """Return the usage by rows of one kind, of which one too many may be given; none for no rows."""
    rows = list(rows)
    if not rows:
        return []
    page = admin.site.get_model_admin(type(rows[0])) if admin.site.is_registered(type(rows[0])) else None
    if page is not None and not page.has_view_permission(request):
        return [Usage(kind="Rows that you may not see")]
    named = [NamedRow(label=str(row), url=_url(row) if page is not None else "") for row in rows[:MAX_NAMED]]
    # As the sidebar calls their list.
    kind = getattr(page, "page_name", "") or capfirst(str(rows[0]._meta.verbose_name_plural))
    return [Usage(kind=kind, rows=named, more=len(rows) > MAX_NAMED)]


def rows_protected(rows: Sequence[Model]) -> set[object]:
    """Return the primary keys of those rows of one model that others protect: one SQL statement for each relation."""
    if not rows:
        return set()
    concrete = rows[0]._meta.concrete_model
    assert concrete is not None  # noqa: S101 - rows are of tables
    own = concrete._default_manager.filter(pk__in=[row.pk for row in rows])
    return {
        pk
        for model, key in _protecting_relations(concrete)
        for pk in own.filter(
            Exists(model._default_manager.filter(**{key: OuterRef("pk")})),
        ).values_list("pk", flat=True)
    }


def _protecting_relations(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Yield the models whose foreign keys protect rows of ``model``, with the names of these keys."""
    for relation in model._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete and getattr(relation, "on_delete", None) is PROTECT:
            key: Any = relation
            yield key.related_model, key.field.name


def _shown(row: Model) -> Model:
    shown: Model = getattr(row, _shown_as[type(row)]) if type(row) in _shown_as else row
    return shown


def _url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
