"""Base classes of the admin's pages: only the account's rows are shown, and services do every write.

A form never writes: ``save_model`` calls one service, and what the service refuses is shown as errors of the form's
fields, with nothing changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Model
from django.forms.models import construct_instance
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst, slugify
from unfold.admin import ModelAdmin
from unfold.forms import AdminForm, Fieldset

from consumers.admin.framework.deletion import DeletionMixin
from consumers.admin.framework.fields import DateInput, ZonedDateTimeField, ZonedDateTimeInput
from consumers.admin.framework.formatting import format_number
from consumers.admin.framework.history import HistoryPageMixin
from consumers.admin.framework.new_keys import key_from_name
from consumers.admin.framework.ordering import SavedOrderMixin
from consumers.admin.framework.saved_filters import NUL_STANDS_AS, SavedFiltersMixin
from consumers.author import Author
from consumers.exceptions import ConsumersError, NotFound, Problem, Refused
from consumers.models import Account, AccountOwned, User
from consumers.references import referenced_keys
from consumers.search_text import search_problem
from consumers.selectors import Matching
from consumers.services.account import account_lock
from consumers.types import Context, JsonObject, Rows


def staff_user(request: HttpRequest) -> User:
    """Return the member of staff who sent the request; the admin site lets nobody else in."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101
    return user


def author_of(request: HttpRequest, *, reason: str = "") -> Author:
    """The member of staff who asks, as the author of a change."""
    return Author(user=staff_user(request), reason=reason)


if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    RowPaginator = Paginator[Any]
else:
    ModelForm = forms.ModelForm
    RowPaginator = Paginator


def account_of(request: HttpRequest) -> Account:
    """Return the account that the user works in.

    Raises:
        PermissionDenied: the user is a member of none.
    """
    membership = getattr(request.user, "current_membership", None)
    if membership is None:
        raise PermissionDenied("You have no account yet. Ask an administrator to add you.")
    account: Account = membership.account
    return account


class ServiceForm(ModelForm):
    """A form whose values go to a service, which may refuse them.

    ``key_field`` is the field that integrators identify a row by; with ``key_from_name`` it may be left blank and is
    made from the row's name. ``problem_fields`` maps the start of a problem's path
    to the field that shows it; other problems are shown above the form. ``money_fields`` are shown with two decimals at
    least.
    """

    account: ClassVar[Account]
    key_field: ClassVar[str] = ""
    key_from_name: ClassVar[bool] = False
    refused: ClassVar[tuple[Problem, ...]] = ()
    problem_fields: ClassVar[dict[str, str]] = {}
    money_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.initial.items():
            if isinstance(value, Decimal):
                self.initial[name] = format_number(value, least=2 if name in self.money_fields else 0)
        if self.instance.pk is None and isinstance(self.instance, AccountOwned):
            self.instance.account = self.account
        if self.key_from_name and self.key_field in self.fields:
            key = self.fields[self.key_field]
            key.required, key.help_text = False, f"{key.help_text} Leave blank to create it from the name."
        for name, form_field in self.fields.items():
            if isinstance(form_field, ZonedDateTimeField):
                form_field.stored = getattr(self.instance, name, None)

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        if self.key_from_name and cleaned.get(self.key_field) == "" and cleaned.get("name"):
            cleaned[self.key_field] = self._new_key(cleaned["name"])
        for name, form_field in self.fields.items():
            stored = getattr(self.instance, name, None) if isinstance(form_field, ZonedDateTimeField) else None
            # The input shows no microseconds: an unchanged moment keeps those that are stored.
            if stored is not None and cleaned.get(name) == stored.replace(microsecond=0):
                cleaned[name] = stored
        return cleaned

    def _post_clean(self) -> None:
        # Replaces Django's method, whose messages about constraints name no field: the service reports those.
        exclude = self._get_validation_exclusions()  # type: ignore[attr-defined]
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)
        try:
            self.instance.full_clean(exclude=exclude, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            # With the model's own messages, which Django would replace by the field's general ones.
            self.add_error(None, error)
        key = self.cleaned_data.get(self.key_field)
        # A service updates an existing row of the same key; the add form must not.
        if self.instance.pk is None and key and self.rows_of_key(key).exists():
            self.add_error(self.key_field, ValidationError(f"“{key}” is already in use.", code="unique"))
        for problem in self.refused:
            self.add_problem(problem)

    def _new_key(self, name: str) -> str:
        meta = self._meta.model._meta
        rows: Rows = self._meta.model._default_manager.filter(account=self.account)
        length = meta.get_field(self.key_field).max_length
        return key_from_name(rows, self.key_field, name, max_length=length, otherwise=meta.model_name)

    def rows_of_key(self, key: str) -> Rows:
        """Return the account's rows with this key."""
        rows: Rows = self._meta.model._default_manager.filter(account=self.account)
        return rows.filter(**{self.key_field: key})

    def field_of(self, path: str) -> str | None:
        """Return the field that shows a problem at ``path``, if there is one."""
        for prefix, name in self.problem_fields.items():
            if (path == prefix or path.startswith(f"{prefix}.")) and name in self.fields:
                return name
        first = path.split(".", maxsplit=1)[0]
        return first if first in self.fields else None

    def add_problem(self, problem: Problem) -> None:
        """Add a problem that a service reported to the field that shows it."""
        name = self.field_of(problem.attr or "")
        if name is None and problem.attr:
            self.add_error(None, ValidationError(f"{problem.attr}: {problem.detail}", code=problem.code))
        else:
            self.add_error(name, ValidationError(problem.detail, code=problem.code))


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A tab of a form: its sections of fields, and how many of its fields have errors."""

    name: str
    slug: str
    sections: list[Fieldset] = field(default_factory=list)
    template: str = ""

    @property
    def errors(self) -> int:
        """Return how many fields have errors."""
        return sum(
            1
            for section in self.sections
            for line in section
            for cell in line
            if not cell.is_readonly and cell.errors()
        )


def form_tabs(adminform: Iterable[Fieldset], templates: dict[str, str]) -> list[Tab]:
    """Return the tabs of a form: a fieldset of class ``tab`` starts one, and those that follow are its sections.

    ``templates`` maps tabs to a template that is rendered below their fields.
    """
    tabs: list[Tab] = []
    for section in adminform:
        if not tabs or "tab" in section.classes:
            name = str(section.name or "General")
            tabs.append(Tab(name=name, slug=slugify(name), template=templates.get(name, "")))
        if section.fields:
            tabs[-1].sections.append(section)
    return tabs


class AccountAdmin(DeletionMixin, SavedOrderMixin, SavedFiltersMixin, HistoryPageMixin, ModelAdmin):
    """An admin page of rows that belong to an account: shows, offers and saves only rows of the user's account.

    ``account_path`` leads from the model to its account. ``tab_templates`` are rendered below the fields of a tab.
    ``add_label`` labels the button that adds a row. ``page_name`` is the list's name where it is not the model's
    plural.
    ``empty_text`` is shown in an empty list, and ``search_note`` when a search has no results.

    """

    account_path = "account"
    add_label = ""
    empty_text = ""
    search_note = ""
    page_name = ""
    empty_value_display = "–"
    tab_templates: ClassVar[dict[str, str]] = {}
    # The theme's own check reads permissions from the database, which does not exist yet during the first migration.
    checks_class = ModelAdminChecks
    compressed_fields = False
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    warn_unsaved_form = True
    # The script of lists with actions counts the rows that are selected.
    actions_selection_counter = True
    formfield_overrides: ClassVar[dict[Any, JsonObject]] = {
        models.DateTimeField: {"form_class": ZonedDateTimeField, "widget": ZonedDateTimeInput},
        models.DateField: {"widget": DateInput},
    }

    # --- only the account's rows ---

    def get_queryset(self, request: HttpRequest) -> Rows:
        rows: Rows = super().get_queryset(request)
        return rows.filter(**{self.account_path: account_of(request)})

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Rows | None:
        """Return the related rows that a field offers and accepts."""
        related: type[Model] = db_field.remote_field.model
        if issubclass(related, AccountOwned):
            rows = super().get_field_queryset(db, db_field, request)
            rows = related._default_manager.all() if rows is None else rows
            return rows.filter(account=account_of(request))
        return super().get_field_queryset(db, db_field, request)  # type: ignore[no-any-return]

    def has_module_permission(self, request: HttpRequest) -> bool:
        if getattr(request.user, "current_membership", None) is None:
            return False
        return bool(super().has_module_permission(request))

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        sections = super().get_fieldsets(request, obj)
        if obj is not None:
            return sections
        # The add form has no "archived".
        return [
            (title, {**options, "fields": tuple(name for name in options["fields"] if name != "archived")})
            for title, options in sections
        ]

    # --- the list ---

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        # The window's title is the list's name, as in the sidebar, instead of Django's "Select … to change".
        title = self.page_name or capfirst(str(self.opts.verbose_name_plural))
        context = {"title": title, "page_name": self.page_name, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        if "%00" in request.META.get("QUERY_STRING", ""):
            request.GET = _without_nul(request.GET)  # type: ignore[assignment]
        changelist = super().get_changelist_instance(request)
        # The list says so where its rows would be.
        changelist.search_problem = search_problem(changelist.query)
        return changelist

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        if search_problem(search_term):
            return queryset.none(), False
        return self.search_results(request, queryset, search_term)

    def search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """Return the rows that a search finds, and whether the same row may be among them twice."""
        rows, may_repeat = super().get_search_results(request, queryset, search_term)
        return rows, may_repeat

    # --- forms over services ---

    def get_form(
        self,
        request: HttpRequest,
        obj: Model | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[ModelForm]:
        # A user who may only view gets the same form with disabled fields: see render_change_form.
        view_only = change and not self.has_change_permission(request, obj)
        if issubclass(self.form, ServiceForm):
            # Only these fields of the form are columns of the model.
            kwargs["fields"] = self.form._meta.fields
        form: type[ModelForm] = super().get_form(request, obj, change=change and not view_only, **kwargs)
        if issubclass(form, ServiceForm):
            form.account = account_of(request)
            form.refused = getattr(request, "refused_problems", ())
        return form

    def save_row(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Model:
        """Save the form's values by their service, and return the saved row."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        saved = self.save_row(request, obj, form, change=change)
        obj.pk = saved.pk
        obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Do nothing: the service has saved the relations too."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Context | None = None,
    ) -> Any:
        try:
            # Django wraps a POST in one transaction: a refusal by the service rolls it back, with the log entry.
            response = super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            # Handle the same request again, with the refused values shown at their fields: see ServiceForm.
            request.refused_problems = refused.problems  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)
        tab = request.POST.get("_tab", "")
        if isinstance(response, HttpResponseRedirect) and "_continue" in request.POST and tab == slugify(tab) != "":
            # Save and continue leads back to the tab that the form was sent from: see static/js/tabs.js.
            response["Location"] += f"#{tab}"
        return response

    def render_change_form(  # noqa: PLR0917 - Django's signature
        self,
        request: HttpRequest,
        context: Context,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        adminform = context["adminform"]
        if change and not self.has_change_permission(request, obj):
            readonly = self.get_readonly_fields(request, obj)
            for form_field in adminform.form.fields.values():
                form_field.disabled = True
            adminform = AdminForm(adminform.form, list(adminform.fieldsets), {}, readonly, model_admin=self)
            context["adminform"] = adminform
        tabs = form_tabs(adminform, self.tab_templates)
        # A form that comes back opens on its first tab with an error, or else on the one that it was sent from.
        open_tab = next((tab.slug for tab in tabs if tab.errors), slugify(request.POST.get("_tab", "")))
        context |= {"form_tabs": tabs, "open_tab": open_tab}
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    def url_of(self, page: str, *args: Any) -> str:
        """Return the address of one of this model's pages: ``changelist``, ``add``, ``change``, …"""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


class KeyedAdmin(AccountAdmin):
    """A page of rows that integrators identify by ``key``, a field that is fixed once a row exists.

    ``reference_kind`` is the kind under which promotions and others name rows by key: see ``consumers.references``.
    """

    key = ""
    reference_kind = ""

    def rows_in_use(self, request: HttpRequest, rows: Sequence[Any]) -> set[object]:
        in_use = super().rows_in_use(request, rows)
        if not self.reference_kind:
            return in_use
        keys = {getattr(row, self.key): row.pk for row in rows}
        account_id = account_of(request).pk
        named = referenced_keys(account_id=account_id, kind=self.reference_kind, keys=list(keys))
        return in_use | {keys[key] for key in named}

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return (self.key,) if obj else ()

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        # Promotions refer to rows by their keys: a row that is added from a promotion's form returns its key.
        return to_field == self.key or bool(super().to_field_allowed(request, to_field))

    def save_values(self, *, account_id: int, author: Author, obj: Any, form: Any) -> None:
        """Save this one row by the service that saves many."""
        raise NotImplementedError

    def save_row(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Model:
        account = account_of(request)
        self._require_unchanged(account, obj, change=change)
        try:
            self.save_values(account_id=account.pk, author=author_of(request), obj=obj, form=form)
        except Refused as refused:
            raise refused.without(0) from None
        saved: Model = self.model._default_manager.get(account=account, **{self.key: getattr(obj, self.key)})
        return saved

    def _require_unchanged(self, account: Account, obj: Any, *, change: bool) -> None:
        """Refuse to add a key that somebody else has added since the form was checked, or to save a deleted row.

        The services would replace the one and bring back the other. Race: two people save at once. The account's lock,
        which the services take as well, admits one at a time, until the request's transaction ends.
        """
        account_lock(account_id=account.pk)
        key = getattr(obj, self.key)
        exists = self.model._default_manager.filter(account=account, **{self.key: key}).exists()
        if change and not exists:
            raise NotFound("Somebody has deleted it meanwhile.")
        if exists and not change:
            detail = f"Somebody has just added {key}."
            raise ConsumersError(problems=[Problem(code="already_exists", detail=detail, attr=self.key)])


class ReadOnlyAdmin(AccountAdmin):
    """A read-only page of what tills and workers write; it has no history page."""

    warn_unsaved_form = False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        extra_context = {"show_history": False, **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> Sequence[str]:
        return [name for _, options in self.get_fieldsets(request, obj) for name in flatten_fields(options["fields"])]


class CappedPaginator(RowPaginator):
    """Paginates lists of millions of rows: they are counted, and paged through, up to ``MAX_COUNT``."""

    MAX_COUNT = 10_000

    @cached_property
    def count(self) -> int:
        return min(self._count, self.MAX_COUNT)

    @property
    def more(self) -> bool:
        """Return whether there are more rows than ``count``."""
        return self._count > self.MAX_COUNT

    @cached_property
    def _count(self) -> int:
        rows = cast("Rows", self.object_list)
        return rows.order_by()[: self.MAX_COUNT + 1].count()


class LongListAdmin(ReadOnlyAdmin):
    """A read-only page of up to millions of rows.

    ``matching`` returns the condition of a search; ``sortable_by`` names the columns of the list's index.
    """

    paginator = CappedPaginator
    matching: ClassVar[Matching]
    # Django shows the search box only if fields are named.
    search_fields = ("pk",)
    search_note = "Type the beginning of a reference, code, name or card number."

    def search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        search = search_term.strip()
        if search:
            queryset = queryset.filter(self.matching(account_id=account_of(request).pk, search=search))
        return queryset, False


def flatten_fields(fields: Iterable[Any]) -> list[str]:
    """Return the names of fields; groups that share a line are flattened."""
    return [name for item in fields for name in (flatten_fields(item) if isinstance(item, list | tuple) else [item])]


class OnePageAdmin(AccountAdmin):
    """A page about the account itself: no list, no adding, no deleting. Its address has the account's id.

    ``page_name`` is its heading, as in the sidebar.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def row_of(self, account: Account) -> Model:
        """Return the account's only row."""
        raise NotImplementedError

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        account = account_of(request)
        return self.row_of(account) if object_id == str(account.pk) else None

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        """Redirect to the page."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.url_of("change", account_of(request).pk))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        context = {"title": self.page_name, "subtitle": None, "page_name": self.page_name, **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def response_change(self, request: HttpRequest, obj: object) -> HttpResponse:
        messages.success(request, f"{self.page_name} saved.")
        stays_here = "_continue" in request.POST
        return HttpResponseRedirect(request.path if stays_here else reverse("admin:index"))


def _without_nul(query: QueryDict) -> QueryDict:
    """Return a query whose filters hold no NUL. The search says itself that it takes none."""
    kept = QueryDict(mutable=True)
    for name, values in query.lists():
        kept.setlist(name, values if name == SEARCH_VAR else [value.replace("\x00", NUL_STANDS_AS) for value in values])
    return kept
