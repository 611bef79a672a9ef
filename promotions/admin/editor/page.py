"""The pages of the promotions of one family: the overview, the choice of a type, the form, and the steps of a life.

A family's own page names its types, its form and its services; see ``PromotionAdmin``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet, TextChoices, Value
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.framework.dialogs import RowDialogForm, dialog_redirect, dialog_with_errors
from consumers.admin.framework.fields import DateInput
from consumers.admin.framework.filters import ArchivedFilter, ChoiceFilter, choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.history import DescribeChange
from consumers.admin.framework.pages import AccountAdmin, ModelForm, account_of, author_of
from consumers.author import Author
from consumers.exceptions import Problem, Refused
from consumers.models import Account, Site
from consumers.selectors import row_by_id
from promotions.admin.editor.bulk_steps import ChosenStepsMixin, code_of_copy, reason_field
from promotions.admin.editor.form import PromotionForm
from promotions.admin.editor.publish_warning import (
    NOT_MEASURED,
    WHAT_IT_IS,
    caution_before_publishing,
    comparison,
    cost_of,
    describe_cost,
    milliseconds,
)
from promotions.admin.editor.summary import SummaryMixin, promotion_said
from promotions.admin.rules.wording import label_of
from promotions.admin.version import (
    promotion_change,
    promotion_change_withheld,
    status_entries,
    versions_address,
)
from promotions.admin.visibility import may_see_personalized
from promotions.choices import Family, Status
from promotions.exceptions import PromotionsError
from promotions.models import Promotion
from promotions.selectors.life import promotions_with_status
from promotions.selectors.profiling import EvaluationTime, evaluation_time_median, promotions_with_evaluation_time
from promotions.selectors.promotion import promotions_at_site
from promotions.services.promotion.life import (
    promotion_archive,
    promotion_delete,
    promotion_duplicate,
    promotion_publish,
    promotion_rename,
    promotion_stop,
)
from promotions.services.promotion.save import promotion_unsaved
from promotions.services.promotion.values import MAX_CODE_LENGTH, MAX_NAME_LENGTH, PromotionFamily, PromotionValues

STATUS_COLOURS = {
    Status.DRAFT.label: "default",
    Status.SCHEDULED.label: "info",
    Status.ACTIVE.label: "success",
    Status.STOPPED.label: "danger",
    Status.ENDED.label: "warning",
}


@dataclass(frozen=True, kw_only=True)
class TypeCard:
    """A type of promotion as the first step offers it."""

    value: str
    label: str
    icon: str
    sentence: str
    example: str


# --- filters of the overview ----------------------------------------------------------------------------------------


class LiveOnForm(forms.Form):
    """A day."""

    def __init__(self, *, name: str, label: str, data: Any) -> None:
        super().__init__(data)
        self.fields[name] = forms.DateField(label=label, required=False, widget=DateInput())


class LiveOnFilter(admin.SimpleListFilter):
    """Promotions that are live at some time of a day of the account's zone."""

    title = "live on"
    parameter_name = "live_on"
    template = "unfold/filters/filters_field.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[()]:
        return ()

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        try:
            day = parse_date(self.value() or "")
        except ValueError:
            day = None
        if day is None:
            return queryset
        start = timezone.make_aware(datetime.combine(day, time.min))
        end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        running = queryset.filter(draft=False, archived=False, starts_at__lt=end)
        running = running.exclude(ends_at__lte=start).exclude(stopped_at__lte=start)
        return running.exclude(stopped_at__lte=F("starts_at"))

    def choices(self, changelist: Any) -> Iterator[Any]:
        data = {self.parameter_name: self.value()}
        yield {"form": LiveOnForm(name=self.parameter_name, label="Live on", data=data)}


def _by_status(request: HttpRequest, promotions: QuerySet[Any], status: str) -> QuerySet[Any]:
    return promotions_with_status(promotions, statuses=[status], at=timezone.now())


class CurrencyFilter(ChoiceFilter):
    """The currencies that the account's promotions have."""

    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        promotions = model_admin.get_queryset(request)
        codes = promotions.order_by("currency").values_list("currency", flat=True).distinct()
        return [(code, code) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class SiteFilter(ChoiceFilter):
    """Promotions whose site rules admit a site."""

    title = "site"
    parameter_name = "site"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.sites = {site.number: site for site in Site.objects.filter(account=account_of(request), archived=False)}
        return [(number, str(site)) for number, site in self.sites.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        site = self.sites.get(self.value() or "")
        return promotions_at_site(queryset, site=site) if site is not None else queryset


def filters_of(types: type[TextChoices]) -> tuple[type[admin.SimpleListFilter], ...]:
    """The filters of the overview of a family with these types."""
    return (
        choice_filter("status", "status", Status.choices, _by_status),
        choice_filter("type", "type", types.choices, lambda _, rows, value: rows.filter(type=value)),
        CurrencyFilter,
        SiteFilter,
        LiveOnFilter,
        choice_filter(
            "always apply",
            "always_apply",
            [("yes", "Always apply"), ("no", "Compete")],
            lambda _, rows, value: rows.filter(always_apply=value == "yes"),
        ),
        ArchivedFilter,
    )


# --- questions before a step ----------------------------------------------------------------------------------------


PUBLISH_ANYWAY = "Publish it all the same"

NOUNS = {Family.LOYALTY: "promotion", Family.DISCOUNT: "discount"}
"""What the promotions of a family are called in a question."""


class ConfirmationForm(RowDialogForm):
    """The question before a step, about one promotion of the account; {} in it is what that is called."""

    question: ClassVar[str]
    reason = reason_field()

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        # The page below has fields of the same names.
        super().__init__(request, object_id, *args, auto_id="dialog_%s", **kwargs)
        self.promotion = promotion_of(request, object_id)

    @property
    def title(self) -> str:
        """The question about this promotion."""
        return self.question.format(NOUNS[Family(self.promotion.family)])


class PublishForm(ConfirmationForm):
    """Whether to publish it; where something should be said before, that it is known must be said too."""

    question = "Publish this {}?"
    form_before_template = "admin/promotions/promotion/caution_in_question.html"
    publish_anyway = forms.BooleanField(label=PUBLISH_ANYWAY, widget=UnfoldBooleanSwitchWidget())

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        # What was confirmed is not asked again, whatever another measurement would say.
        self.caution = ""
        if not self.data.get("publish_anyway") and self.promotion.draft:
            self.caution = caution_before_publishing(account_of(request), self.promotion)
        if not self.caution:
            del self.fields["publish_anyway"]

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"caution": self.caution}


class StopForm(ConfirmationForm):
    """Whether to stop it."""

    question = "Stop this {}?"


class ArchiveForm(ConfirmationForm):
    """Whether to archive it."""

    question = "Archive this {}?"


class BringBackForm(ConfirmationForm):
    """Whether to bring it back."""

    question = "Bring this {} back?"


class DuplicateForm(ConfirmationForm):
    """What the copy is called."""

    question = "Duplicate this {}"
    reason = None  # type: ignore[assignment]  # a copy has no history yet
    name = forms.CharField(label="Promotion name", max_length=MAX_NAME_LENGTH, widget=UnfoldAdminTextInputWidget())
    code = forms.CharField(label="Promotion code", max_length=MAX_CODE_LENGTH, widget=UnfoldAdminTextInputWidget())

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.initial = {"name": f"{self.promotion.name} (copy)"[:MAX_NAME_LENGTH], "code": code_of_copy(self.promotion)}


def promotion_of(request: HttpRequest, object_id: Any) -> Promotion:
    """The promotion of the account, of whatever family, that a question is about.

    Raises:
        Http404: there is none.
    """
    promotion = row_by_id(Promotion.objects.filter(account=account_of(request)), object_id)
    if promotion is None:
        raise Http404("There is no such promotion.")
    return promotion


class PromotionAdmin(ImportExportMixin, ChosenStepsMixin, SummaryMixin, AccountAdmin):
    """The promotions of one family.

    ``types`` are its types, and ``cards`` offers them in the first step of adding one. ``question`` is asked
    there. ``values_from`` reads its form, ``save_values`` calls its service, and ``summary`` says a promotion in a
    sentence.
    """

    family: ClassVar[PromotionFamily]
    types: ClassVar[type[TextChoices]]
    cards: ClassVar[Sequence[TypeCard]]
    question: ClassVar[str]
    change_form_template = "admin/promotions/promotion/change_form.html"
    list_display = ("title", "type_label", "status_label", "starts", "ends", "redeemed", "cost_per_basket")
    search_fields = ("name", "code", "description")
    search_help_text = "Name, code or description"
    ordering = ("-starts_at", "code")
    file_note = (
        "New ones begin as drafts, and those that are there are edited as by their form: a file neither publishes nor "
        "stops. Rows that they name, such as sites and products, are named by their keys, and must be there."
    )
    other_entries = staticmethod(status_entries)
    actions_detail = ("publish", "stop", "try_it", "conflicts", "duplicate", "archive", "bring_back", "versions")

    class Media:
        js = ("js/shown.js", "js/summary.js")

    # --- overview ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # The clock is read once for all rows of a page.
        rows: QuerySet[Any] = super().get_queryset(request)
        seen: QuerySet[Any] = promotions_with_evaluation_time(rows.annotate(seen_at=Value(timezone.now())))
        return seen

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        # What is usual is the same for all rows of a page.
        median = evaluation_time_median(account_id=account_of(request).pk, at=timezone.now())
        for promotion in changelist.result_list:
            promotion.measured = cost_of(promotion, median=median)
        return changelist

    @display(description="Name", ordering="name", header=True)
    def title(self, promotion: Promotion) -> list[str]:
        return [promotion.name, promotion.code]

    @display(description="Type", ordering="type")
    def type_label(self, promotion: Promotion) -> str:
        return str(self.types(promotion.type).label)

    @display(description="Status", label=STATUS_COLOURS)
    def status_label(self, promotion: Any) -> str:
        return str(promotion.status_at(promotion.seen_at).label)

    @display(description="Starts", ordering="starts_at")
    def starts(self, promotion: Promotion) -> str:
        return format_moment(promotion.starts_at)

    @display(description="Ends", ordering="ends_at")
    def ends(self, promotion: Promotion) -> str:
        return format_moment(promotion.stopped_at or promotion.ends_at)

    @display(description="Redemptions", ordering="redemptions")
    def redeemed(self, promotion: Promotion) -> str:
        return describe_redemptions(promotion)

    @display(description="Cost per basket", ordering=Coalesce("cost_nanoseconds", -1.0), header=True)
    def cost_per_basket(self, promotion: Any) -> list[str]:
        measured: EvaluationTime | None = promotion.measured
        return (
            [NOT_MEASURED, ""]
            if measured is None
            else [milliseconds(measured.nanoseconds), comparison(measured, "the median")]
        )

    def describe_for(self, request: HttpRequest) -> DescribeChange:
        return promotion_change if may_see_personalized(request) else promotion_change_withheld

    # --- the form ---

    def fieldsets_of(self, promotion_type: str) -> Any:
        """The form's tabs with their sections, for one type."""
        raise NotImplementedError

    def values_from(self, form: Any, *, common: dict[str, Any]) -> PromotionValues:
        """What a valid form says, with what every family has, ``common``."""
        raise NotImplementedError

    def save_values(
        self, form: Any, *, common: dict[str, Any], account: Account, author: Author, at: datetime
    ) -> tuple[Promotion, bool]:
        """Call the service with what every family has, ``common``, and the form's own; whether it was created."""
        raise NotImplementedError

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets_of(self._type(request, obj))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, PromotionForm):
            form.promotion_type = self._type(request, obj)
        return form

    @staticmethod
    def _type(request: HttpRequest, promotion: Promotion | None) -> str:
        return promotion.type if promotion is not None else request.GET.get("type", "")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """First the type, which is fixed then; then the form."""
        if request.GET.get("type") in self.types.values:
            caution = self._caution_of_new(request)
            if caution:
                # The form comes back with what was entered: see ServiceForm.
                problem = Problem(code="dear", detail="Nothing is saved yet: read the note above, and confirm it.")
                request.refused_problems = (problem,)  # type: ignore[attr-defined]
            label = self.types(request.GET["type"]).label
            extra_context = {
                "title": f"{self.add_label}: {label}",
                "show_save_as_draft": True,
                "show_save_and_add_another": False,
                "promotion_type": label,
                "summary_url": f"{self.url_of('summary')}?{urlencode({'type': request.GET['type']})}",
                "add_url": self.url_of("add"),
                "caution": caution,
                "publish_anyway": PUBLISH_ANYWAY,
                "submit_note": "Saving publishes it: it applies from its start date. A draft waits.",
            }
            response: HttpResponse = super().add_view(request, form_url, extra_context)
            return response
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": self.add_label,
            "question": self.question,
            "opts": self.opts,
            "cards": self.cards,
            "changelist_url": self.url_of("changelist"),
        }
        return TemplateResponse(request, "admin/promotions/promotion/choose_type.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        promotion = self.get_object(request, object_id)
        if promotion is not None:
            status = promotion.status_at(promotion.seen_at)
            extra_context = {
                "title": promotion.name,
                "show_save_and_add_another": False,
                "summary_url": f"{self.url_of('summary')}?{urlencode({'id': promotion.pk})}",
                "head": head_of(promotion, status, type_label=self.type_label(promotion)),
                "cost": self._cost_of(request, promotion),
                "cost_help": WHAT_IT_IS,
                # One that history needs is archived instead: deleting it would be refused.
                "show_delete": not promotion.redemptions,
                "submit_note": "A draft: nothing applies until you publish it." if status == Status.DRAFT else "",
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        # What stands above the form is there from the start: nothing moves from under a pointer when it is read.
        form = context["adminform"].form
        stored = form.stored.pk is not None and not form.is_bound
        context["summary"] = self.summary_for(request, promotion_said(form.stored) if stored else form.said())
        context["changes"] = self.changes_for(request, form) if form.is_bound else []
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @staticmethod
    def _cost_of(request: HttpRequest, promotion: Any) -> str:
        """What a promotion costs, in words."""
        median = None
        if promotion.cost_nanoseconds is not None:
            median = evaluation_time_median(account_id=account_of(request).pk, at=promotion.seen_at)
        return describe_cost(cost_of(promotion, median=median))

    def _caution_of_new(self, request: HttpRequest) -> str:
        """What should be said before a new promotion is saved that would be live at once; empty: nothing.

        Asked before the request's transaction begins: nothing is held up while it is found out.
        """
        if request.method != "POST" or {"_draft", "publish_anyway"} & set(request.POST):
            return ""
        if not self.has_add_permission(request):
            return ""
        form = self.get_form(request)(request.POST, request.FILES)
        if not form.is_valid():
            return ""
        account = account_of(request)
        common = {**self._common(form), "code": form.cleaned_data["code"]}
        try:
            promotion = promotion_unsaved(
                family=self.family, account=account, values=self.values_from(form, common=common), at=timezone.now()
            )
        except PromotionsError:
            return ""
        return caution_before_publishing(account, promotion)

    @staticmethod
    def _common(form: Any) -> dict[str, Any]:
        """What a valid form says of every promotion, its code aside."""
        names = ("name", "description", "currency", "starts_at", "ends_at")
        return {name: form.cleaned_data[name] for name in names}

    def save_row(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Promotion:
        now = timezone.now()
        account, author = account_of(request), author_of(request)
        draft, code, archived = "_draft" in request.POST, form.cleaned_data["code"], False
        if change:
            stored = self.promotion_of(request, obj.pk)
            draft, archived = stored.draft, stored.archived
            if stored.draft:
                promotion_rename(promotion=stored, code=code, author=author, at=now)
            else:
                code = stored.code
        common = {**self._common(form), "code": code, "draft": draft, "archived": archived}
        saved, created = self.save_values(form, common=common, account=account, author=author, at=now)
        if not change and not created:
            # Somebody took the code between the form's look and the save: undone with the request.
            raise PromotionsError("There is a promotion with this code already.", attr="code")
        return saved

    def delete_row(self, request: HttpRequest, obj: Any) -> None:
        promotion_delete(promotion=self.promotion_of(request, obj.pk), author=author_of(request))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._after_saving(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._after_saving(request, obj)

    def _after_saving(self, request: HttpRequest, promotion: Any) -> HttpResponse:
        messages.success(request, f"“{promotion.name}” is saved. {describe_life(promotion, at=timezone.now())}")
        page = self.url_of("change", promotion.pk) if "_continue" in request.POST else self.url_of("changelist")
        return HttpResponseRedirect(page)

    # --- the steps of its life ---

    def promotion_of(self, request: HttpRequest, object_id: Any) -> Promotion:
        """The promotion of this family that a step is taken with.

        Raises:
            Http404: the account has none.
        """
        promotion = promotion_of(request, object_id)
        if promotion.family != self.family.family:
            raise Http404("There is no such promotion.")
        return promotion

    def has_copy_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Who may add may duplicate."""
        return bool(self.has_add_permission(request))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """The steps that the promotion can take now."""
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        promotion = self.get_object(request, str(object_id))
        if promotion is None:
            return []
        status = promotion.status_at(promotion.seen_at)
        possible = {
            "publish": status == Status.DRAFT and not promotion.archived,
            "stop": status in (Status.ACTIVE, Status.SCHEDULED),
            "archive": not promotion.archived,
            "bring_back": promotion.archived,
            "duplicate": self.has_add_permission(request),
        }
        return [one for one in actions if possible.get(one.method.original_function_name, True)]

    @action(
        description="Publish",
        icon="publish",
        variant=ActionVariant.PRIMARY,
        permissions=["change"],
        dialog={
            "title": PublishForm.question,
            "description": "It applies from its start date on. Its code and currency are fixed then, and it cannot "
            "become a draft again.",
            "form_class": PublishForm,
            "form_submit_text": "Publish",
        },
    )
    def publish(self, request: HttpRequest, form: ConfirmationForm, object_id: Any) -> HttpResponse:
        return self._step(
            request,
            "publish",
            form,
            lambda promotion, now: promotion_publish(
                family=self.family,
                promotion=promotion,
                author=author_of(request, reason=form.cleaned_data["reason"]),
                at=now,
            ),
        )

    @action(
        description="Stop",
        icon="stop_circle",
        variant=ActionVariant.DANGER,
        permissions=["change"],
        dialog={
            "title": StopForm.question,
            "description": "It applies to no basket from now on, for good. What it gave until now stays.",
            "form_class": StopForm,
            "form_submit_text": "Stop it",
            "variant": "danger",
        },
    )
    def stop(self, request: HttpRequest, form: ConfirmationForm, object_id: Any) -> HttpResponse:
        return self._step(
            request,
            "stop",
            form,
            lambda promotion, now: promotion_stop(
                promotion=promotion,
                author=author_of(request, reason=form.cleaned_data["reason"]),
                at=now,
            ),
        )

    @action(
        description="Duplicate",
        icon="content_copy",
        permissions=["copy"],
        dialog={
            "title": DuplicateForm.question,
            "description": "The copy is a draft that says the same.",
            "form_class": DuplicateForm,
            "form_submit_text": "Duplicate",
        },
    )
    def duplicate(self, request: HttpRequest, form: DuplicateForm, object_id: Any) -> HttpResponse:
        return self._step(
            request,
            "duplicate",
            form,
            lambda promotion, now: promotion_duplicate(
                promotion=promotion,
                code=form.cleaned_data["code"],
                name=form.cleaned_data["name"],
                author=author_of(request),
                at=now,
            ),
        )

    @action(
        description="Archive",
        icon="archive",
        permissions=["change"],
        dialog={
            "title": ArchiveForm.question,
            "description": "It never applies while it is archived, and is hidden from the overview. Its history stays, "
            "and it can be brought back.",
            "form_class": ArchiveForm,
            "form_submit_text": "Archive",
        },
    )
    def archive(self, request: HttpRequest, form: ConfirmationForm, object_id: Any) -> HttpResponse:
        return self._archive(request, form, archived=True)

    @action(
        description="Bring back",
        icon="unarchive",
        permissions=["change"],
        dialog={
            "title": BringBackForm.question,
            "description": "It is shown in the overview again, and applies as its dates say.",
            "form_class": BringBackForm,
            "form_submit_text": "Bring back",
        },
    )
    def bring_back(self, request: HttpRequest, form: ConfirmationForm, object_id: Any) -> HttpResponse:
        return self._archive(request, form, archived=False)

    def _archive(self, request: HttpRequest, form: ConfirmationForm, *, archived: bool) -> HttpResponse:
        return self._step(
            request,
            "archive" if archived else "bring_back",
            form,
            lambda promotion, now: promotion_archive(
                family=self.family,
                promotion=promotion,
                archived=archived,
                author=author_of(request, reason=form.cleaned_data["reason"]),
                at=now,
            ),
        )

    @action(description="Try it", icon="play_circle", permissions=["promotions.view_promotion"])
    def try_it(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        query = urlencode({"promotion": self.promotion_of(request, object_id).pk})
        return HttpResponseRedirect(f"{reverse('try_basket')}?{query}")

    @action(description="Conflicts", icon="balance", permissions=["promotions.view_promotion"])
    def conflicts(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        query = urlencode({"promotion": self.promotion_of(request, object_id).pk})
        return HttpResponseRedirect(f"{reverse('promotion_conflicts')}?{query}")

    @action(description="Versions", icon="history", permissions=["promotions.view_promotionversion"])
    def versions(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return HttpResponseRedirect(versions_address(self.promotion_of(request, object_id).code))

    def _step(
        self, request: HttpRequest, name: str, form: ConfirmationForm, take: Callable[[Promotion, datetime], Promotion]
    ) -> HttpResponse:
        """Take a step, or show in the question why it is refused."""
        promotion = self.promotion_of(request, form.promotion.pk)
        try:
            promotion = take(promotion, timezone.now())
        except Refused as refused:
            for problem in refused.problems:
                form.add_error(problem.attr if problem.attr in form.fields else None, problem.detail)
            return dialog_with_errors(request, getattr(self, name).dialog, form)
        self.log_change(request, promotion, f"{label_of(name)}.")
        messages.success(request, f"“{promotion.name}”: {describe_life(promotion, at=timezone.now())}")
        return dialog_redirect(request, self.url_of("change", promotion.pk))


# --- words ----------------------------------------------------------------------------------------------------------


def describe_redemptions(promotion: Promotion) -> str:
    """Redemptions against the limit, if there is one."""
    limit = promotion.total_redemption_limit
    return f"{promotion.redemptions:,} of {limit:,}" if limit else f"{promotion.redemptions:,}"


def describe_life(promotion: Promotion, *, at: datetime) -> str:
    """Where a promotion stands, as a sentence."""
    if promotion.archived:
        return "It is archived."
    match promotion.status_at(at):
        case Status.DRAFT:
            return "It is a draft: nothing applies until it is published."
        case Status.SCHEDULED:
            return f"It is scheduled and starts on {format_moment(promotion.starts_at)}."
        case Status.STOPPED:
            return f"It was stopped on {format_moment(promotion.stopped_at)}."
        case Status.ENDED:
            return f"It ended on {format_moment(promotion.ends_at)}."
        case _ if promotion.ends_at:
            return f"It is active until {format_moment(promotion.ends_at)}."
        case _:
            return "It is active until somebody stops it."


def head_of(promotion: Promotion, status: Status, *, type_label: str) -> dict[str, Any]:
    """What stands above the form of a promotion."""
    return {
        "status": status.label,
        "colour": STATUS_COLOURS[status.label],
        "archived": promotion.archived,
        "type": type_label,
        "version": promotion.version,
        "next_version": promotion.version + 1,
        "redeemed": promotion.redemptions,
        "redemptions": describe_redemptions(promotion),
        "limit": promotion.total_redemption_limit,
        "life": describe_life(promotion, at=timezone.now()),
        "running": status == Status.ACTIVE and not promotion.archived,
    }
