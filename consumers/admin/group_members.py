"""The members of a group: its page lists them, adds consumers and removes chosen ones; so does the consumers' list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from consumers.admin.files.cells import text_from_cell
from consumers.admin.files.formats import FORMATS, MAX_FILE_BYTES, UnreadableFile
from consumers.admin.files.pages import redirect_to_job
from consumers.admin.framework.key_fields import KeyField, KeysField
from consumers.admin.framework.pages import account_of, author_of
from consumers.admin.framework.rows_page import rows_page
from consumers.exceptions import Refused
from consumers.models import Account, ConsumerGroup
from consumers.search_text import search_problem
from consumers.selectors import consumer_names, consumer_pks_by_id, groups_of, members_of, parse_id
from consumers.services.group_members import (
    MAX_INLINE_MEMBERS,
    group_members_change,
    group_members_job_create,
)
from consumers.services.upsert import is_storable
from consumers.types import Context, JsonObject, Rows

CHANGE_GROUPS = "consumers.change_consumergroup"
"""The permission to add members to groups and to remove them."""

CONFIRMED = "confirmed"
MAX_SHOWN_IDS = 50
ID_COLUMN = "consumer_id"


def change_members(
    request: HttpRequest, group: ConsumerGroup, consumer_pks: Sequence[int], *, is_member: bool
) -> HttpResponse | None:
    """Add consumers to a group, or remove them; redirect to the job that does so where they are many."""
    page = admin.site.get_model_admin(ConsumerGroup)
    done, preposition = ("added", "to") if is_member else ("removed", "from")
    if len(consumer_pks) > MAX_INLINE_MEMBERS:
        job = group_members_job_create(
            account=account_of(request),
            group=group,
            consumer_pks=consumer_pks,
            is_member=is_member,
            author=author_of(request),
            at=timezone.now(),
        )
        page.log_change(request, group, f"{job.title}, in the background.")
        return redirect_to_job(request, job)
    try:
        count = group_members_change(
            account_id=group.account_id, code=group.code, consumer_pks=consumer_pks, is_member=is_member
        )
    except Refused as refused:
        messages.error(request, refused.detail)
        return None
    message = f"{_consumers(count)} {done} {preposition} {group}."
    if others := len(consumer_pks) - count:
        message += f" {others:,} {'already in it' if is_member else 'not in it'}."
    page.log_change(request, group, message)
    messages.success(request, message)
    return None


def _consumers(number: int) -> str:
    return f"{number:,} {'consumer' if number == 1 else 'consumers'}"


# --- the group's page -------------------------------------------------------------------------------------------------


class AddMembersForm(forms.Form):
    """Consumers to add: searched for, pasted as ids, or in a file. ``consumer_pks`` are those that the account has.

    Ids that nobody has are an error that names them, until ``skip_unknown`` confirms that the others are added.
    """

    consumers = KeysField(
        "consumer",
        noun="consumer",
        max_keys=MAX_INLINE_MEMBERS,
        label="Consumers",
        help_text="Search by name, consumer id, e-mail or card. You can paste several ids, one on each line.",
    )
    file = forms.FileField(
        label="File of consumer ids",
        required=False,
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.xlsx,.json"}),
        help_text=f"CSV, XLSX or JSON with a column {ID_COLUMN}, or with a single column of ids.",
    )
    skip_unknown = forms.BooleanField(required=False, widget=forms.HiddenInput())

    def __init__(self, account: Account, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account = account
        self.consumer_pks: list[int] = []

    def clean_file(self) -> list[str]:
        """Return the ids in the file."""
        file = self.cleaned_data["file"]
        if file is None:
            return []
        if file.size > MAX_FILE_BYTES:
            raise ValidationError(f"A file can be up to {filesizeformat(MAX_FILE_BYTES)}. Import it in parts.")
        file_format = FORMATS.get(Path(file.name).suffix.lower().removeprefix("."))
        if file_format is None:
            raise ValidationError("Choose a CSV, XLSX or JSON file.")
        try:
            rows = file_format().create_dataset(file.read())
        except UnreadableFile as error:
            raise ValidationError(str(error)) from error
        headers = [str(header) for header in rows.headers or ()]
        if ID_COLUMN in headers:
            cells, first = [row[headers.index(ID_COLUMN)] for row in rows], []
        elif len(headers) == 1:
            # A bare list of ids: its first line is an id too.
            cells, first = [row[0] for row in rows], headers
        else:
            raise ValidationError(f"The file has no column {ID_COLUMN}.")
        return [text for cell in (*first, *cells) if (text := text_from_cell(cell))]

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        ids = list(dict.fromkeys([*cleaned["consumers"], *cleaned["file"]]))
        if not ids:
            self.add_error("consumers", "Choose consumers, paste ids or choose a file.")
            return cleaned
        pks = consumer_pks_by_id(account_id=self.account.pk, consumer_ids=[key for key in ids if is_storable(key)])
        unknown = [key for key in ids if key not in pks]
        self.consumer_pks = [pks[key] for key in ids if key in pks]
        if unknown and not self.consumer_pks:
            self.add_error("consumers", f"No consumer has {listed_ids(unknown)}. Nothing is changed.")
        elif unknown and not cleaned["skip_unknown"]:
            self._ask_to_skip(ids, unknown)
        return cleaned

    def _ask_to_skip(self, ids: Sequence[str], unknown: Sequence[str]) -> None:
        """Name the ids that nobody has, and offer to add the others; the page keeps the ids of a short file."""
        advice = f"Nothing is changed yet. Correct them, or add the other {_consumers(len(self.consumer_pks))}."
        if len(ids) <= MAX_INLINE_MEMBERS:
            self.data = {**self.data.dict(), "consumers": "\n".join(ids)}  # type: ignore[attr-defined]
        else:
            advice += " Then choose the file again."
        self.add_error("consumers", f"No consumer has {listed_ids(unknown)}. {advice}")
        field = self.fields["skip_unknown"]
        field.widget = UnfoldBooleanSwitchWidget()
        field.label = "Skip ids that no consumer has"


def show_names(form: forms.BaseForm, account: Account) -> None:
    """Give the consumers chosen in the form's field ``consumers`` their names, for its widget."""
    widget: Any = form.fields["consumers"].widget
    keys = form["consumers"].value() or ""
    lines = keys.splitlines() if isinstance(keys, str) else keys
    chosen = [key for line in lines if (key := line.strip()) and is_storable(key)]
    widget.names = consumer_names(account_id=account.pk, consumer_ids=chosen[:MAX_INLINE_MEMBERS])


def listed_ids(ids: Sequence[str]) -> str:
    """Name ids, the first ones where they are many."""
    label = "the id" if len(ids) == 1 else f"these {len(ids):,} ids:"
    shown = ", ".join(key.replace("\x00", "�")[:64] for key in ids[:MAX_SHOWN_IDS])
    return f"{label} {shown}{f' and {len(ids) - MAX_SHOWN_IDS:,} more' if len(ids) > MAX_SHOWN_IDS else ''}"


class GroupMembersMixin:
    """The members on the page of a group, for ``GroupAdmin``."""

    change_form_outer_after_template = "admin/consumers/consumergroup/members.html"

    class Media:
        js = ("js/choice_box.js", "js/choice_keys.js")

    def get_urls(self) -> list[URLPattern]:
        page: Any = self
        view = page.admin_site.admin_view
        pages = {"add-members": self.add_members_view, "remove-members": self.remove_members_view}
        own = [
            path(f"<int:pk>/{name}/", view(page_view), name=f"consumers_consumergroup_{name.replace('-', '_')}")
            for name, page_view in pages.items()
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def members_context(self, request: HttpRequest, group: ConsumerGroup) -> Context:
        """Return what the group's page shows of its members: a page of them, searched."""
        search = request.GET.get("member", "").replace("\x00", "").strip()
        problem = search_problem(search)
        members = members_of(group=group, search=search)
        return {
            "group": group,
            "members": rows_page(request, members.none() if problem else members, parameter="members"),
            "members_search": search,
            "members_problem": problem,
            "may_change_members": request.user.has_perm(CHANGE_GROUPS),
        }

    def add_members_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask which consumers to add to a group, and add them."""
        group = _group_to_change(request, pk)
        form = AddMembersForm(account_of(request), data=request.POST or None, files=request.FILES or None)
        if request.method == "POST" and form.is_valid():
            back = HttpResponseRedirect(group_address(group))
            return change_members(request, group, form.consumer_pks, is_member=True) or back
        show_names(form, form.account)
        context = {"title": f"Add members to {group}", "group": group, "form": form, "back": group_address(group)}
        return self._render(request, "add_members", context)

    def remove_members_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask whether the chosen members are removed from a group, and remove them once confirmed."""
        group = _group_to_change(request, pk)
        keys = request.POST.getlist("consumer") if request.method == "POST" else []
        pks = [key for text in keys if (key := parse_id(text)) is not None]
        links = members_of(group=group).filter(consumer__in=pks)
        members = [link.consumer for link in links[: MAX_INLINE_MEMBERS + 1]]
        if not members:
            messages.warning(request, "Select the members to remove.")
            return HttpResponseRedirect(group_address(group))
        if CONFIRMED in request.POST:
            back = HttpResponseRedirect(group_address(group))
            return change_members(request, group, [member.pk for member in members], is_member=False) or back
        context = {
            "title": f"Remove {_consumers(len(members))} from {group}?",
            "group": group,
            "members": members,
            "back": group_address(group),
        }
        return self._render(request, "remove_members", context)

    def _render(self, request: HttpRequest, template: str, context: Context) -> HttpResponse:
        page: Any = self
        shared = {**page.admin_site.each_context(request), "opts": page.opts, "media": page.media}
        return TemplateResponse(request, f"admin/consumers/consumergroup/{template}.html", {**shared, **context})


def _group_to_change(request: HttpRequest, pk: int) -> ConsumerGroup:
    """Return a group of the account, to users who may change its members.

    Raises:
        PermissionDenied: the user may not.
        Http404: the account has no such group.
    """
    if not request.user.has_perm(CHANGE_GROUPS):
        raise PermissionDenied
    group = groups_of(account_id=account_of(request).pk).filter(pk=pk).first()
    if group is None:
        raise Http404("There is no such group.")
    return group


def group_address(group: ConsumerGroup) -> str:
    """Return the address of a group's page."""
    return reverse("admin:consumers_consumergroup_change", args=[group.pk])


# --- the consumers' list ----------------------------------------------------------------------------------------------


class GroupChoiceForm(forms.Form):
    """The group that the selected consumers join or leave."""

    group = KeyField("group", noun="group", required=True, label="Group", help_text="Search by name or code.")

    def __init__(self, account: Account, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account = account

    def clean_group(self) -> ConsumerGroup:
        """Return the group that was named."""
        code = self.cleaned_data["group"]
        group = groups_of(account_id=self.account.pk).filter(code=code).first() if is_storable(code) else None
        if group is None:
            raise ValidationError(f"There is no group {code}.")
        return group


class GroupActionsMixin:
    """The actions of the consumers' list that change the members of a group, for ``ConsumerAdmin``.

    They act on the selected consumers, or on all that the list's search and filters show.
    """

    actions = ("add_to_group", "remove_from_group")

    def has_change_groups_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may change the members of groups."""
        return request.user.has_perm(CHANGE_GROUPS)

    @admin.action(description="Add to group", permissions=["change_groups"])
    def add_to_group(self, request: HttpRequest, chosen: Rows) -> HttpResponse | None:
        """Add the selected consumers to a group, once it is chosen."""
        return self._group_action(request, chosen, is_member=True)

    @admin.action(description="Remove from group", permissions=["change_groups"])
    def remove_from_group(self, request: HttpRequest, chosen: Rows) -> HttpResponse | None:
        """Remove the selected consumers from a group, once it is chosen."""
        return self._group_action(request, chosen, is_member=False)

    def _group_action(self, request: HttpRequest, chosen: Rows, *, is_member: bool) -> HttpResponse | None:
        page: Any = self
        form = GroupChoiceForm(account_of(request), data=request.POST if CONFIRMED in request.POST else None)
        if form.is_bound and form.is_valid():
            pks = list(chosen.order_by("pk").values_list("pk", flat=True))
            return change_members(request, form.cleaned_data["group"], pks, is_member=is_member)
        across = request.POST.get("select_across") == "1"
        count = chosen.count()
        verb = "Add {} to a group" if is_member else "Remove {} from a group"
        context = {
            **page.admin_site.each_context(request),
            "opts": page.opts,
            "media": page.media + form.media,
            "title": verb.format(_consumers(count)),
            "form": form,
            "is_member": is_member,
            "is_large": count > MAX_INLINE_MEMBERS,
            "action": "add_to_group" if is_member else "remove_from_group",
            "across": across,
            "keys": request.POST.getlist(ACTION_CHECKBOX_NAME)[: 1 if across else None],
            "checkbox": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/consumers/consumer/group_action.html", context)
