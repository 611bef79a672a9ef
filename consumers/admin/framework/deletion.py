"""Delete rows by their service, one or several, and name what uses those that must stay."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from consumers.admin.framework.usages import rows_protected, usages_of
from consumers.exceptions import Refused
from consumers.types import Context, JsonObject, Rows

CONFIRMED = "confirmed"
MAX_DELETED = 500
"""Rows that can be deleted at once."""


class DeletionMixin:
    """Deletes by a service, for ``AccountAdmin``. ``lists_deletion`` shows a link to delete in each row of the list."""

    lists_deletion = False

    def delete_row(self, request: HttpRequest, obj: Any) -> None:
        """Delete the row by its service, which refuses what is in use."""
        raise NotImplementedError

    def rows_in_use(self, request: HttpRequest, rows: Sequence[Any]) -> set[object]:
        """Return the primary keys of those rows that something uses, in a fixed number of SQL statements."""
        return rows_protected(rows)

    # --- one row ---

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[Any]]:
        """Return the row alone: the service decides what is deleted with it, and what forbids it."""
        return [str(row) for row in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: object) -> None:
        self.delete_row(request, obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Context | None = None) -> HttpResponse:
        """Ask whether a row is to be deleted, or name what uses it."""
        page: Any = self
        try:
            if request.method != "POST":
                row = page.get_object(request, object_id)
                usages = usages_of(request, row) if row is not None and page.has_delete_permission(request, row) else []
                archives = bool(usages) and any(field.name == "archived" for field in page.opts.fields)
                extra_context = {"usages": usages, "archives": archives, **(extra_context or {})}
            response: HttpResponse = super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
        except Refused as refused:
            row = page.get_object(request, object_id)
            if row is not None and usages_of(request, row):
                return HttpResponseRedirect(page.url_of("delete", object_id))
            messages.error(request, self.describe_refused_delete(request, refused, row))
            return HttpResponseRedirect(page.url_of("change", object_id))
        return response

    def describe_refused_delete(self, request: HttpRequest, refused: Refused, obj: Any) -> str:
        """Return why a row was not deleted, and what to do."""
        if refused.problems[0].code == "in_use":
            return "It has been used, so it cannot be deleted. Archive it instead."
        return refused.detail

    # --- the list ---

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        page: Any = super()
        columns: Sequence[Any] = page.get_list_display(request)
        may_delete = self.lists_deletion and page.has_delete_permission(request)
        return (*columns, "delete_link") if may_delete else columns

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)  # type: ignore[misc]
        if "delete_link" in changelist.list_display:
            in_use = self.rows_in_use(request, changelist.result_list)
            for row in changelist.result_list:
                row.may_be_deleted = row.pk not in in_use
        return changelist

    @display(description="Delete")
    def delete_link(self, row: Any) -> SafeString | str:
        """Return a link to the question, for a row that nothing uses."""
        page: Any = self
        if not row.may_be_deleted:
            return ""
        return format_html(
            '<a class="list-delete" href="{}"><span class="material-symbols-outlined" aria-hidden="true">delete</span>'
            '<span class="sr-only">Delete {}</span></a>',
            page.url_of("delete", row.pk),
            row,
        )

    def get_actions(self, request: HttpRequest) -> JsonObject:
        page: Any = super()
        actions: JsonObject = page.get_actions(request)
        actions.pop("delete_selected", None)
        if self.deletes_rows and page.has_delete_permission(request):
            actions["delete_chosen"] = page.get_action("delete_chosen")
        return actions

    @property
    def deletes_rows(self) -> bool:
        """Return whether a service deletes rows of this page."""
        return type(self).delete_row is not DeletionMixin.delete_row

    @admin.action(description="Delete")
    def delete_chosen(self, request: HttpRequest, chosen: Rows) -> HttpResponse | None:
        """Ask about the chosen rows, or delete them once that is confirmed: each by itself, as if one by one.

        None redirects to the list, which shows the messages.
        """
        page: Any = self
        rows = list(chosen.order_by("pk")[: MAX_DELETED + 1])
        if len(rows) > MAX_DELETED:
            messages.error(request, f"At most {MAX_DELETED} at once. Select fewer.")
            return None
        # Rows that the user may not delete are kept as those in use are.
        in_use = self.rows_in_use(request, rows)
        in_use |= {row.pk for row in rows if not page.has_delete_permission(request, row)}
        allowed = [row for row in rows if row.pk not in in_use]
        if CONFIRMED in request.POST:
            self._delete_each(request, allowed)
            return None
        context = {
            **page.admin_site.each_context(request),
            "title": f"Delete these {page.opts.verbose_name_plural}?",
            "opts": page.opts,
            "allowed": allowed,
            "kept": [{"row": row, "url": page.url_of("delete", row.pk)} for row in rows if row.pk in in_use],
            "checkbox": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/delete_several.html", context)

    def _delete_each(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Delete each row, and leave messages of what was deleted and refused."""
        page: Any = self
        count = 0
        for row in rows:
            name, pk = str(row), row.pk
            try:
                self.delete_row(request, row)
            except (Refused, Http404):
                # Since the question was asked somebody deleted it, or something came to use it.
                if not type(row)._default_manager.filter(pk=pk).exists():
                    messages.warning(request, f"“{name}” was already deleted.")
                    continue
                text = '“{}” is in use and was kept: <a class="text-link" href="{}">see where</a>.'
                messages.error(request, format_html(text, name, page.url_of("delete", pk)))
            else:
                count += 1
        if count:
            messages.success(request, f"{count:,} deleted.")
        elif not rows:
            messages.warning(request, "None of these can be deleted.")
