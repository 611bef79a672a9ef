"""The pages of campaigns: the list, the form with its members, and the steps that all members take at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from import_export.fields import Field
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import EndWidget, MomentWidget
from consumers.admin.framework.filters import ArchivedFilter, choice_filter, values_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of, author_of
from consumers.author import Author
from consumers.selectors import row_by_id
from consumers.types import Context, Rows
from loyalty.admin.calendar import KIND_LABELS
from loyalty.admin.page_urls import promotion_page_url
from loyalty.services.promotion import LOYALTY
from promotions.admin.editor.budget_fields import (
    BUDGET_PATHS,
    TotalBudgetFields,
    budget_use_words,
    campaign_budget_prepare,
    total_budget_document,
    total_budget_values,
)
from promotions.admin.editor.bulk_steps import CONFIRMED, MAX_PROMOTIONS, step_allowed, step_take
from promotions.admin.editor.files import DocumentWidget
from promotions.admin.editor.funding_fields import describe_funding
from promotions.admin.editor.steps import DUPLICATE, STOP, Step, StepInput
from promotions.admin.visibility import families_of, families_seen, may_publish
from promotions.choices import Family
from promotions.models import Campaign, Promotion
from promotions.selectors.budget import campaign_budget_state
from promotions.selectors.campaign import campaign_members, campaigns_of, campaigns_with_sizes
from promotions.services.campaign import CampaignValues, campaign_delete, campaigns_save

MAX_MEMBERS = 500
"""Members that the page shows."""

FIELDS = ("code", "name", "description", "starts_at", "ends_at", "owner", "archived")
"""The fields of a campaign beside its budget."""


class CampaignForm(TotalBudgetFields, ServiceForm):
    """A campaign, as its service takes it."""

    key_field = "code"
    problem_fields: ClassVar[dict[str, str]] = {
        path: name for path, name in BUDGET_PATHS.items() if name in TotalBudgetFields.base_fields
    }

    class Meta:
        model = Campaign
        fields = FIELDS
        labels = {
            "code": "Campaign code",
            "name": "Campaign name",
            "starts_at": "Start date",
            "ends_at": "End date",
            "owner": "Owner",
        }
        help_texts = {
            "code": "Code used in promotions and integrations. You cannot change it later.",
            "description": "For colleagues; consumers do not see it.",
            "starts_at": "As planned. Each promotion runs by its own dates.",
            "ends_at": "As planned. Each promotion runs by its own dates.",
            "owner": "Who answers for it: a colleague, a team or an agency.",
            "archived": "Hides the campaign from lists. Its promotions and discounts stay in it and keep running.",
        }
        widgets = {"description": UnfoldAdminTextareaWidget({"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "total_budget" in self.fields:
            self.initial.update(total_budget_values(self.instance.budget))
            campaign_budget_prepare(self.fields, self.instance, currency=self.account.currency)

    def values(self) -> CampaignValues:
        """Return the campaign as its service takes it."""
        named = {name: getattr(self.instance, name) for name in FIELDS}
        return CampaignValues(**named, budget=total_budget_document(self.cleaned_data))


class CampaignResource(AccountResource):
    """Campaigns by code; promotions and discounts name theirs in their own files."""

    starts_at = Field(column_name="starts_at", attribute="starts_at", widget=MomentWidget())
    ends_at = Field(column_name="ends_at", attribute="ends_at", widget=EndWidget())
    budget = Field(column_name="budget", attribute="budget", widget=DocumentWidget())

    class Meta(AccountResource.Meta):
        model = Campaign
        import_id_fields = ("code",)
        fields = (*FIELDS, "budget")

    def save_rows(self, rows: Sequence[Campaign]) -> None:
        values = [CampaignValues(**{name: getattr(row, name) for name in FIELDS}, budget=row.budget) for row in rows]
        campaigns_save(account_id=self.account.pk, rows=values, author=self.author, at=timezone.now())


@dataclass(frozen=True, kw_only=True)
class Member:
    """A promotion or discount as a row of its campaign's page."""

    name: str
    code: str
    url: str
    kind: str
    status: str
    starts: str
    ends: str
    funding: str


CAMPAIGN_DATES = [("now", "Running"), ("later", "Starts later"), ("over", "Over")]


def _by_dates(_: HttpRequest, campaigns: Rows, value: str) -> Rows:
    now = timezone.now()
    has_started, is_over = Q(starts_at=None) | Q(starts_at__lte=now), Q(ends_at__lte=now)
    match value:
        case "now":
            return campaigns.filter(has_started).exclude(is_over)
        case "later":
            return campaigns.filter(starts_at__gt=now)
        case _:
            return campaigns.filter(is_over)


@admin.register(Campaign)
class CampaignAdmin(ImportExportMixin, KeyedAdmin):
    """Campaigns."""

    key = "code"
    resource_classes = (CampaignResource,)
    form = CampaignForm
    lists_deletion = True
    add_label = "Add campaign"
    empty_text = "A campaign holds promotions and discounts that you plan, stop and copy together."
    list_display = ("title", "owner", "starts", "ends", "members_count", "budget_use")
    list_filter = (
        choice_filter("dates", "dates", CAMPAIGN_DATES, _by_dates),
        values_filter("owner", "owner", blank="Nobody"),
        ArchivedFilter,
    )
    search_fields = ("code", "name", "description", "owner")
    search_help_text = "Code, name, description or owner"
    ordering = ("name", "code")
    fieldsets = (
        (
            "General",
            {"classes": ("tab",), "fields": ("name", "description", ("starts_at", "ends_at"), "owner", "code")},
        ),
        ("Budget", {"fields": (("total_budget", "total_budget_when_short"),)}),
        ("Archive", {"fields": ("archived",)}),
        ("Members", {"classes": ("tab",), "fields": ()}),
    )
    tab_templates = {"Members": "admin/promotions/campaign/members.html"}
    actions_detail = ("stop_members", "duplicate_members")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.members_step)
        steps = [
            path(f"<int:pk>/{step.name}/", view, {"step": step}, name=f"promotions_campaign_{step.name}")
            for step in (STOP, DUPLICATE)
        ]
        return [*steps, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        campaigns = campaigns_with_sizes(account_id=account_of(request).pk, families=families_seen(request))
        return campaigns.select_related("account").order_by(*self.ordering)

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        sections = super().get_fieldsets(request, obj)
        return sections if obj is not None else [section for section in sections if section[0] != "Members"]

    @display(description="Campaign", ordering="name", header=True)
    def title(self, campaign: Campaign) -> list[str]:
        return [campaign.name, campaign.code]

    @display(description="Starts", ordering="starts_at")
    def starts(self, campaign: Campaign) -> str:
        return format_moment(campaign.starts_at)

    @display(description="Ends", ordering="ends_at")
    def ends(self, campaign: Campaign) -> str:
        return format_moment(campaign.ends_at)

    @display(description="Members", ordering="number_of_members")
    def members_count(self, campaign: Any) -> str:
        return f"{campaign.number_of_members:,}"

    @display(description="Budget used", ordering="budget_amount")
    def budget_use(self, campaign: Campaign) -> str:
        state = campaign_budget_state(campaign, currency=campaign.account.currency)
        return self.empty_value_display if state.amount is None else budget_use_words(state)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        if campaign is not None:
            shown = list(campaign_members(campaign=campaign, families=families_seen(request))[: MAX_MEMBERS + 1])
            at = timezone.now()
            extra_context = {
                "title": campaign.name,
                "members": [_member(request, promotion, at) for promotion in shown[:MAX_MEMBERS]],
                "has_more_members": len(shown) > MAX_MEMBERS,
                "tab_links": [("Results", f"{reverse('campaign_results')}?{urlencode({'campaign': campaign.pk})}")],
                **(extra_context or {}),
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    # --- steps of all members ---

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # For an action the theme passes the row's id as the row.
        return bool(super().has_view_permission(request))

    def has_stop_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whether the user may stop promotions of some family."""
        return self.has_view_permission(request) and bool(_families_for(STOP, request))

    def has_copy_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whether the user may duplicate promotions of some family."""
        return self.has_view_permission(request) and bool(_families_for(DUPLICATE, request))

    @action(description="Stop members", icon="stop_circle", permissions=["stop"])
    def stop_members(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the page that asks whether all members are stopped."""
        return HttpResponseRedirect(self.url_of(STOP.name, object_id))

    @action(description="Duplicate members", icon="content_copy", permissions=["copy"])
    def duplicate_members(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the page that asks for the dates of the copies."""
        return HttpResponseRedirect(self.url_of(DUPLICATE.name, object_id))

    def members_step(self, request: HttpRequest, pk: int, step: Step) -> HttpResponse:
        """Ask whether all members of a campaign take a step, or take it once confirmed: each by itself.

        Only members that the question named take it: one that joins meanwhile does not.
        """
        campaign = row_by_id(campaigns_of(account_id=account_of(request).pk), pk)
        allowed_families = _families_for(step, request)
        if not self.has_view_permission(request) or not allowed_families:
            raise PermissionDenied
        if campaign is None:
            raise Http404("This campaign does not exist.")
        question = step.bulk
        assert question is not None  # noqa: S101 - both steps have one
        at, back = timezone.now(), self.url_of("change", campaign.pk)
        members = list(campaign_members(campaign=campaign, families=families_seen(request))[: MAX_PROMOTIONS + 1])
        if len(members) > MAX_PROMOTIONS:
            messages.error(request, f"At most {MAX_PROMOTIONS} at once: choose them in the lists by campaign.")
            return HttpResponseRedirect(back)
        allowed: list[Promotion] = []
        skipped: list[Promotion] = []
        for member in members:
            may_take = member.family in allowed_families and step_allowed(step, question, member, at)
            (allowed if may_take else skipped).append(member)
        form = question.form(request.POST if CONFIRMED in request.POST else None)
        if CONFIRMED in request.POST and form.is_valid():
            named = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
            _take(request, [member for member in allowed if str(member.pk) in named], step, form.cleaned_data, at)
            return HttpResponseRedirect(f"{back}#members")
        context = {
            **self.admin_site.each_context(request),
            "title": _question(step, campaign, len(allowed)),
            "opts": self.opts,
            "question": question,
            "allowed": allowed,
            "skipped": [{"promotion": member, "status": member.status_at(at).label} for member in skipped],
            "form": form,
            "checkbox": ACTION_CHECKBOX_NAME,
            "send_to": request.path,
            "back": back,
        }
        return TemplateResponse(request, "admin/promotions/promotion/bulk_step.html", context)

    # --- services ---

    def save_values(self, *, account_id: int, author: Author, obj: Campaign, form: CampaignForm) -> None:
        campaigns_save(account_id=account_id, rows=[form.values()], author=author, at=timezone.now())

    def delete_row(self, request: HttpRequest, obj: Campaign) -> None:
        campaign_delete(account_id=account_of(request).pk, code=obj.code, author=author_of(request))


def _families_for(step: Step, request: HttpRequest) -> list[Family]:
    """Return the families whose promotions the user may see, and take a step with."""
    if step is STOP and not may_publish(request):
        return []
    families = families_of(request, action="change" if step is STOP else "add")
    return [family for family in families_seen(request) if family in families]


def _question(step: Step, campaign: Campaign, count: int) -> str:
    noun = "member" if count == 1 else "members"
    return f"{step.label} {count} {noun} of {campaign.name}?"


def _take(
    request: HttpRequest, promotions: Sequence[Promotion], step: Step, values: dict[str, Any], at: datetime
) -> None:
    author = author_of(request, reason=values.get("reason", ""))
    sent = {name: value for name, value in values.items() if value}
    # The family matters to neither of the two steps.
    step_take(request, promotions, step, StepInput(family=LOYALTY, author=author, at=at, values=sent))


def _member(request: HttpRequest, promotion: Promotion, at: datetime) -> Member:
    status = promotion.status_at(at).label
    return Member(
        name=promotion.name,
        code=promotion.code,
        url=promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk),
        kind=KIND_LABELS[promotion.type],
        status=f"{status}, archived" if promotion.archived else status,
        starts=format_moment(promotion.starts_at),
        ends=format_moment(promotion.stopped_at or promotion.ends_at),
        funding=describe_funding(promotion.funding),
    )
