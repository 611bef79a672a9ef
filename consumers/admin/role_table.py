"""The table of functionalities on a role's page, and the pages that its holder sees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.utils.module_loading import import_string
from unfold.widgets import CHECKBOX_CLASSES

from consumers.functionalities import (
    Action,
    Capability,
    Functionality,
    capabilities,
    functionalities,
    functionalities_had,
    missing_needs,
)
from consumers.types import Context, JsonObject


@dataclass(frozen=True, kw_only=True)
class PageSeen:
    """A page of the sidebar, and the grants of which one is enough to see it; everybody sees one without grants."""

    title: str
    grants: tuple[str, ...]

    def is_seen_with(self, held: Iterable[str]) -> bool:
        """Return whether the holder of grants sees it."""
        return not self.grants or not set(self.grants).isdisjoint(held)


@cache
def pages_by_heading() -> Sequence[tuple[str, Sequence[PageSeen]]]:
    """Return the sidebar's pages by heading: what each grant alone shows, as the sidebar itself decides it."""
    sidebar = import_string(settings.UNFOLD["SIDEBAR"]["navigation"])
    seen_by = {
        grant: SimpleNamespace(user=SimpleNamespace(has_perm=capability.permissions.__contains__))
        for grant, capability in capabilities().items()
    }
    return [
        (group.get("title", ""), [_page(item, seen_by) for item in group["items"]])
        for group in sidebar(SimpleNamespace(user=None))
    ]


def _page(item: JsonObject, seen_by: Mapping[str, Any]) -> PageSeen:
    is_permitted = item.get("permission")
    grants = [grant for grant, request in seen_by.items() if is_permitted is not None and is_permitted(request)]
    return PageSeen(title=item["title"], grants=tuple(grants))


def grants_held(user: Any) -> frozenset[str]:
    """Return the grants whose permissions a user has, without a statement."""
    return frozenset(
        grant for grant, capability in capabilities().items() if all(map(user.has_perm, capability.permissions))
    )


def pages_seen(grants: Iterable[str]) -> list[str]:
    """Return the titles of the pages that the holder of grants sees in the sidebar."""
    held = set(grants)
    useful = held - missing_needs(held).keys()
    return [page.title for _, pages in pages_by_heading() for page in pages if page.is_seen_with(useful)]


class GrantsTable(forms.CheckboxSelectMultiple):
    """A table of functionalities and actions, with a box for each grant; ``offered`` are those that may be ticked.

    It names no functionality of which nothing is offered, and no page of one: it is not there for who looks.
    """

    template_name = "admin/consumers/role/grants.html"
    offered: frozenset[str] = frozenset()

    class Media:
        js = ("js/role.js",)

    def get_context(self, name: str, value: Any, attrs: JsonObject | None) -> Context:
        context: Context = super().get_context(name, value, attrs)
        held = set(value or ())
        is_disabled = bool(context["widget"]["attrs"].get("disabled"))
        sections: dict[str, list[JsonObject]] = {}
        named = functionalities_had(self.offered)
        for each in functionalities().values():
            if each.code not in named:
                continue
            cells = [self._cell(each, action, held, is_disabled=is_disabled) for action in Action]
            row = {"code": each.code, "label": each.label, "note": each.note, "cells": cells}
            sections.setdefault(each.chapter, []).append(row)
        seen = set(pages_seen(held))
        pages = [
            (
                heading,
                [
                    {"title": page.title, "grants": page.grants, "seen": page.title in seen}
                    for page in group
                    if page.is_seen_with(self.offered)
                ],
            )
            for heading, group in pages_by_heading()
        ]
        return {
            **context,
            "actions": [action.capitalize() for action in Action],
            "sections": list(sections.items()),
            "pages": [(heading, group, any(page["seen"] for page in group)) for heading, group in pages],
            "count": sum(page["seen"] for _, group in pages for page in group),
            "has_unnamed": not functionalities_had(held) <= named,
            "total": sum(len(group) for _, group in pages),
            "classes": " ".join(CHECKBOX_CLASSES),
        }

    def _cell(
        self, functionality: Functionality, action: Action, held: set[str], *, is_disabled: bool
    ) -> JsonObject | None:
        capability: Capability | None = functionality.actions.get(action)
        if capability is None:
            return None
        grant = functionality.grant(action)
        return {
            "grant": grant,
            "label": capability.label,
            "name": f"{functionality.label}: {action}",
            "needs": functionality.needs(action),
            "checked": grant in held,
            "disabled": is_disabled or (grant not in self.offered and grant not in held),
        }


def grants_field() -> forms.MultipleChoiceField:
    """Return the field of a role's grants."""
    return forms.MultipleChoiceField(
        label="What staff with this role may do",
        choices=[(grant, capability.label) for grant, capability in capabilities().items()],
        required=False,
        widget=GrantsTable(),
        error_messages={"invalid_choice": "No functionality has this name: %(value)s."},
    )
