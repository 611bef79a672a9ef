"""The form of promotions of every family: the General tab, conditions and limits, and where problems are shown.

The service that saves a promotion checks the values; its problems come back with their paths.
"""

from copy import copy
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from consumers.admin.framework.fields import ZonedDateTimeField, currency_choices, currency_field
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.formset_field import FormSetBoundField, FormSetField
from consumers.admin.framework.new_keys import key_from_name
from consumers.admin.framework.pages import ServiceForm
from consumers.exceptions import Problem
from promotions.admin.editor.budget_fields import (
    BudgetFields,
    budget_fields_prepare,
    budget_values,
    budgets_document,
)
from promotions.admin.editor.funding_fields import WHO_PAYS, funding_field, ledger_class_field
from promotions.admin.editor.step_forms import END_IN_THE_PAST, reason_field
from promotions.admin.editor.summary import PartialDefinition
from promotions.admin.inputs.number_inputs import whole
from promotions.admin.inputs.related_select import related_select
from promotions.admin.rules.field import RulesField, problem_in_tree
from promotions.admin.visibility import CampaignAccess
from promotions.engine.definition.fields import CONDITIONS, IGNORES_UNIVERSAL_HOLDOUT, WHOLE_PROMOTION
from promotions.engine.rules.attributes import Scope
from promotions.models import Campaign, Promotion
from promotions.selectors.campaign import campaigns_of
from promotions.services.promotion.values import MAX_CODE_LENGTH

Document = dict[str, Any]
GENERAL = (
    "General",
    {
        "classes": ("tab",),
        "fields": ("name", "currency", "description", ("starts_at", "ends_at"), "campaign", "code", "seen_version"),
    },
)
GENERAL_SECTIONS = (GENERAL, WHO_PAYS)
"""The fieldsets of the first tab."""


LIMITS_ROWS = ("total_redemption_limit", ("customer_redemption_limit", "customer_limit_period"))
SWITCHES = ("always_apply", IGNORES_UNIVERSAL_HOLDOUT)
"""The limits that every family has, as rows of fields."""

LIMIT_PERIOD_LABELS = (
    (WHOLE_PROMOTION, "The whole promotion"),
    ("day", "A day"),
    ("week", "A week, from Monday"),
    ("month", "A month"),
    ("year", "A year"),
)


def limit_field(label: str, help_text: str = "Leave blank for no limit.") -> forms.IntegerField:
    """Return the field of a limit on redemptions."""
    return forms.IntegerField(
        label=label, required=False, widget=whole("redemptions"), min_value=1, help_text=help_text
    )


def to_definition(value: object) -> object:
    """Return a field's value as a definition has it: decimal numbers as text."""
    return number_text(value) if isinstance(value, Decimal) else value


def number_text(value: Decimal | None) -> str | None:
    """Return a number as a definition has it."""
    return None if value is None else f"{value:f}"


def _beside_documents(promotion: Promotion) -> Document:
    """Return the fields' values of a promotion's campaign and of who pays."""
    return {
        "campaign": promotion.campaign.code if promotion.campaign is not None else "",
        "funding": promotion.funding,
        "ledger_class": promotion.ledger_class,
    }


class PromotionForm(BudgetFields, ServiceForm):
    """A promotion of one type, which its page sets on the class.

    ``campaign_access`` says what of campaigns the user may see and add. ``problem_rows`` maps the paths of lists to the
    fields whose rows show their own problems; ``problem_parts`` maps paths inside a row to the row's field, where the
    names differ. ``stored`` is the promotion without the form's values. One that ``publishes`` must not end in the
    past, and one that ``is_asked_about`` is not saved yet.
    """

    promotion_type: ClassVar[str]
    publishes: ClassVar[bool] = False
    is_asked_about: ClassVar[bool] = False
    key_field = "code"
    campaign_access: ClassVar[CampaignAccess] = CampaignAccess()
    problem_rows: ClassVar[dict[str, str]] = {}
    problem_parts: ClassVar[dict[str, str]] = {}

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput())
    publish_reason = reason_field()
    name = forms.CharField(
        label="Promotion name", max_length=200, widget=UnfoldAdminTextInputWidget({"autocomplete": "off"})
    )
    description = forms.CharField(
        label="Promotion description",
        required=False,
        max_length=5000,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text="For colleagues; consumers do not see it.",
    )
    currency = currency_field(label="Promotion currency", help_text="Only transactions in this currency count.")
    starts_at = ZonedDateTimeField(
        label="Start date", help_text="Date and time. In the future, it is Scheduled until then."
    )
    ends_at = ZonedDateTimeField(
        label="End date", required=False, help_text="Leave blank to keep it active until you stop it."
    )
    code = forms.CharField(
        label="Promotion code",
        required=False,
        max_length=MAX_CODE_LENGTH,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="Code used by tills and integrations. Leave blank to create it from the name.",
    )

    campaign = forms.ChoiceField(
        label="Campaign",
        required=False,
        widget=UnfoldAdminSelect2Widget(),
        help_text="Promotions and discounts that you plan, stop and copy together.",
    )
    funding = funding_field()
    ledger_class = ledger_class_field()

    site_rules = RulesField(Scope.SITE, label="Site", suggested=("site_name",))
    customer_rules = RulesField(Scope.CUSTOMER, label="Customer", suggested=("groups",))
    transaction_rules = RulesField(
        Scope.TRANSACTION, label="Transaction", suggested=("transaction_weekday", "transaction_time")
    )
    line_item_rules = RulesField(
        Scope.LINE_ITEM,
        label="Basket must contain",
        help_text="At least one line item that matches. Product sets decide which line items count.",
    )
    total_redemption_limit = limit_field(
        "Limit total number of redemptions", "Of all consumers together. Leave blank for no limit."
    )
    customer_redemption_limit = limit_field("Limit redemptions per customer")
    customer_limit_period = forms.TypedChoiceField(
        label="Period of the limit per customer",
        required=False,
        choices=LIMIT_PERIOD_LABELS,
        empty_value=WHOLE_PROMOTION,
        widget=UnfoldAdminSelectWidget(),
        help_text="The calendar day, week, month or year at the site of the sale.",
    )
    always_apply = forms.BooleanField(
        label="Always apply",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Applies even when another promotion wins, whatever conflict management says. Rules and limits still "
        "apply.",
    )
    ignores_universal_holdout = forms.BooleanField(
        label="Ignore the universal holdout",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Customers whom the account holds out of all promotions get this one too. What it brings is not part "
        "of the programme's uplift.",
    )

    class Meta:
        model = Promotion
        fields = ("name", "currency", "description", "starts_at", "ends_at", "code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._problems_added = False
        self.stored = copy(self.instance)
        self.instance.type = self.promotion_type
        self.initial = {
            **self.initial,
            **_beside_documents(self.instance),
            **self.values_of(self.instance),
            **budget_values(self.instance),
            **(kwargs.get("initial") or {}),
        }
        if self.instance.pk is None:
            self.initial.setdefault("starts_at", timezone.now().replace(second=0, microsecond=0))
        self.initial["seen_version"] = self.instance.version if self.instance.pk is not None else None
        self._currency_choices()
        self._campaign_choices()
        self._fixed_fields()
        budget_fields_prepare(self.fields, self.instance, promotion_type=self.promotion_type)

    def values_of(self, promotion: Promotion) -> Document:
        """Return the fields' values of a promotion from its documents; for a new one, the initial values."""
        raise NotImplementedError

    def partial_definition(self) -> PartialDefinition:
        """Return what is entered so far without fields that have errors; of an unbound form, its initial values."""
        if self.is_bound:
            if not hasattr(self, "cleaned_data"):
                self.full_clean()
            entered = self.cleaned_data
        else:
            entered = {name: self.get_initial_for_field(field, name) for name, field in self.fields.items()}
        self.cleaned_data = {name: entered.get(name) for name in self.fields}
        values = self.cleaned_data
        return PartialDefinition(
            type=self.promotion_type,
            currency=values["currency"] or self.account.currency,
            starts_at=values["starts_at"],
            ends_at=values["ends_at"],
            outcome=self.outcome(),
            eligibility=self.eligibility(),
            **self.budgets(),
        )

    def budgets(self) -> Document:
        """Return the budgets; None where there is none."""
        return budgets_document(self.cleaned_data)

    def outcome(self) -> Document:
        """Return the document of what the promotion does."""
        raise NotImplementedError

    def eligibility(self) -> Document:
        """Return the document of where, to whom and how often it applies."""
        raise NotImplementedError

    def content(self) -> Document:
        """Return the document of what consumers read."""
        raise NotImplementedError

    def _currency_choices(self) -> None:
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = currency_choices(first=(self.account.currency, *sorted(self.account.other_earn_rates)))

    def _campaign_choices(self) -> None:
        """Offer the campaigns that are not archived, and the promotion's own; its name only to who may see them."""
        field = self.fields["campaign"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        stored = self.stored.campaign.code if self.stored.campaign is not None else None
        if not self.campaign_access.may_see:
            field.disabled = True
            field.choices = [("", "No campaign"), *([(stored, "In a campaign")] if stored else ())]
            field.help_text = "Your role does not show campaigns."
            return
        campaigns = campaigns_of(account_id=self.account.pk).filter(Q(archived=False) | Q(code=stored or ""))
        if self.campaign_access.may_add:
            field.widget = related_select(UnfoldAdminSelect2Widget(), Campaign, key="code")
        field.choices = [("", "No campaign"), *((campaign.code, str(campaign)) for campaign in campaigns)]

    def _fixed_fields(self) -> None:
        """Disable the fields that can no longer change."""
        if self.instance.pk is None or self.instance.draft:
            return
        for name, words in (
            ("currency", "Fixed since it was published."),
            ("code", "Fixed since it was published."),
        ):
            self.fields[name].disabled = True
            self.fields[name].help_text = words
        if self.instance.starts_at <= timezone.now():
            self.fields["starts_at"].disabled = True
            self.fields["starts_at"].help_text = "Fixed since it started."

    # --- checks of the form itself ---

    def is_valid(self) -> bool:
        """Whether it can be saved.

        If it cannot, what the service would refuse of the other fields is added, so that all errors show at once.
        """
        valid = bool(super().is_valid())
        if not valid and not self.refused and not self._problems_added:
            self._problems_added = True
            fields_with_errors = set(self.errors)
            for problem in self._problems(at=timezone.now()):
                if self.shown_at(problem.attr or "") not in {None, *fields_with_errors}:
                    self.add_problem(problem)
        return valid

    def _problems(self, *, at: datetime) -> tuple[Problem, ...]:
        """Return what the service would refuse of the form; those of fields with errors of their own are the caller's
        to skip.
        """
        cleaned = self.cleaned_data
        self.cleaned_data = {**dict.fromkeys(self.fields), **cleaned}
        values = self.cleaned_data
        common = {
            "code": values["code"] or self.stored.code or "made-of-the-name",
            "name": values["name"] or "",
            "description": values["description"] or "",
            "currency": values["currency"] or "",
            "starts_at": values["starts_at"] or at,
            "ends_at": values["ends_at"] if values["starts_at"] else None,
            "draft": self.stored.draft,
            "archived": self.stored.archived,
            "campaign": values["campaign"] or None,
            "funding": values["funding"] or [],
            "ledger_class": values["ledger_class"] or "",
        }
        before = self.stored if self.stored.pk is not None else None
        try:
            return self.problems(common, before=before, at=at)
        finally:
            self.cleaned_data = cleaned

    def problems(self, common: Document, *, before: Promotion | None, at: datetime) -> tuple[Problem, ...]:
        """Return what the family's service would refuse; ``common`` are the values that every family has."""
        raise NotImplementedError

    def clean(self) -> Document:
        cleaned: Document = super().clean() or self.cleaned_data
        if not cleaned.get("code") and cleaned.get("name"):
            cleaned["code"] = self.instance.code or self._code_from(cleaned["name"])
        seen = cleaned.get("seen_version")
        if self.instance.pk is not None and seen is not None and seen != self.instance.version:
            # The entries are kept: the user sees what saving again would change, and can do so on purpose.
            sent: Any = self.data
            sent = sent.copy()
            sent[self.add_prefix("seen_version")] = str(self.instance.version)
            self.data = sent
            raise forms.ValidationError(self._saved_meanwhile(), code="changed_meanwhile")
        for problem in self.errors.get("publish_reason", ()):
            # The question is not shown again.
            self.add_error(None, f"Reason: {problem}")
        if self.is_asked_about:
            raise forms.ValidationError("Nothing is saved yet: confirm that you publish it.", code="unconfirmed")
        return cleaned

    def clean_ends_at(self) -> datetime | None:
        """Return the end, which must be ahead where the form publishes."""
        ends_at: datetime | None = self.cleaned_data["ends_at"]
        if self.publishes and ends_at is not None and ends_at <= timezone.now():
            raise forms.ValidationError(END_IN_THE_PAST, code="in_the_past")
        return ends_at

    def _saved_meanwhile(self) -> str:
        version = self.instance.versions.select_related("created_by").get(number=self.instance.version)
        who = str(version.created_by or "") or version.created_with or "Someone"
        return (
            f"{who} saved version {version.number} on {format_moment(version.created_at)}, while you were editing. "
            "Your changes are not saved yet. Save again to replace theirs, or reload the page to keep theirs."
        )

    def _code_from(self, name: str) -> str:
        promotions = self._meta.model._default_manager.filter(account=self.account)
        return key_from_name(promotions, "code", name, max_length=MAX_CODE_LENGTH, otherwise="promotion")

    # --- problems of the service ---

    def shown_at(self, path: str) -> str | None:
        """Return the field that shows a problem at ``path``, in one of its rows or by itself."""
        in_rows = (name for start, name in self.problem_rows.items() if path.startswith(f"{start}."))
        return next(in_rows, None) or self.field_of(path)

    def add_problem(self, problem: Problem) -> None:
        path = problem.attr or ""
        for start, name in self.problem_rows.items():
            if path.startswith(f"{start}."):
                self._add_to_row(name, path.removeprefix(f"{start}."), problem)
                return
        field = self.field_of(path)
        if field in CONDITIONS:
            text = problem_in_tree(problem, at=path[: path.index(field) + len(field)])
            self.add_error(field, forms.ValidationError(text, code=problem.code))
            return
        super().add_problem(problem)

    def _add_to_row(self, name: str, place: str, problem: Problem) -> None:
        """Show a problem in its row."""
        index, _, inside = place.partition(".")
        bound = self[name]
        field = self.fields[name]
        assert isinstance(bound, FormSetBoundField) and isinstance(field, FormSetField)  # noqa: S101, PT018
        row = field.counted_rows(bound.data)[int(index)]
        first = inside.partition(".")[0]
        at = self.problem_parts.get(inside, self.problem_parts.get(first, first))
        text = problem.detail
        if isinstance(row.fields.get(at), RulesField):
            text = problem_in_tree(problem, at=(problem.attr or "").removesuffix(inside) + first)
        row.add_error(at if at in row.fields else None, text)
        if name not in self.errors:
            self.add_error(name, forms.ValidationError("Correct the highlighted rows.", code="rows"))
