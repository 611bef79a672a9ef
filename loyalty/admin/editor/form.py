"""The form of a loyalty promotion: fields as marketers know them, to and from the three documents of its definition.

What the fields may hold is checked where every promotion is checked; its problems come back by their paths and are
shown at the fields that ``PATHS`` names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import site
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Model, Q
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
    UnfoldBooleanSwitchWidget,
)

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.formset_field import FormSetField, RowForm
from consumers.exceptions import Problem
from consumers.models import ConsumerGroup
from loyalty.choices import PromotionType
from loyalty.models import LoyaltyPromotion, Offer
from loyalty.selectors.promotion import offers_redeemable
from loyalty.services.promotion import LOYALTY
from promotions.admin.editor.form import GENERAL, Document, PromotionForm, number_text, to_definition
from promotions.admin.inputs.number_inputs import decimal, whole
from promotions.admin.inputs.rich_text import InsertsInput, RichTextWidget
from promotions.admin.rules.field import RulesField
from promotions.engine.definition.fields import (
    ACTIVITY_INSERTS,
    CONDITIONS,
    CONTENT_TEXTS,
    LIMITS,
    LOYALTY_OUTCOME,
    LOYALTY_TYPES,
    MAX_APPLICATION_RULES,
    MAX_PRODUCT_SETS,
    MESSAGE_INSERTS,
    FieldKind,
    own_fields,
)
from promotions.engine.rules.attributes import Scope
from promotions.models import Promotion
from promotions.services.promotion.save import promotion_problems
from promotions.services.promotion.values import PromotionValues

PLACES = (1, 2, 3)


def address_field(label: str) -> forms.CharField:
    """An https address; the definition's check says what is none."""
    return forms.CharField(
        label=label,
        required=False,
        max_length=2000,
        widget=UnfoldAdminURLInputWidget({"placeholder": "https://"}),
    )


def short_field(label: str) -> forms.CharField:
    """One line of text."""
    return forms.CharField(label=label, required=False, max_length=200, widget=UnfoldAdminTextInputWidget())


@dataclass(frozen=True, kw_only=True)
class KeyedRelation:
    """What the theme's sign that adds a related row needs to know: the table, and the column that the field holds."""

    model: type[Model]
    key: str
    limit_choices_to: Mapping[str, Any] = field(default_factory=dict)

    def get_related_field(self) -> Any:
        """The column that the field holds."""
        return self.model._meta.get_field(self.key)


GROUP: Any = KeyedRelation(model=ConsumerGroup, key="code")


TYPE_FIELDS: Mapping[str, tuple[str, ...]] = {name: own_fields(LOYALTY_OUTCOME, name) for name in LOYALTY_TYPES}
"""The fields of the Outcome tab that only one type has."""

TEXTS = tuple(name for name, field in LOYALTY_OUTCOME.items() if field.kind is FieldKind.TEXT)
CONTENT = tuple(CONTENT_TEXTS)


def fieldsets_of(promotion_type: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The four tabs with their sections, for one type."""
    issues: tuple[Any, ...] = TYPE_FIELDS[promotion_type]
    if promotion_type == PromotionType.BONUS_POINTS:
        issues = ("issue_points_on", ("conversion_points", "conversion_units"), "whole_ratio_units_only")
    return (
        GENERAL,
        ("Outcome", {"classes": ("tab",), "fields": issues}),
        (
            "Loyalty activity and message",
            {"fields": TEXTS},
        ),
        (
            "Product selection rules",
            {
                "fields": (
                    "product_match",
                    "product_sets",
                    ("quantity_apply_to", "quantity_units"),
                    ("pricing_order", "pricing_by"),
                ),
                "description": "Which units of the basket count, how many make one redemption, and which come first. "
                "Without product sets every unit of the basket counts.",
            },
        ),
        (
            "Eligibility",
            {"classes": ("tab",), "fields": ()},
        ),
        (
            "Qualification rules",
            {
                "fields": CONDITIONS,
                "description": "Where, to whom and in which transactions it applies. Empty rules mean: all sites, all "
                "customers, all transactions and all line items qualify.",
            },
        ),
        (
            "Application rules",
            {
                "fields": ("application_rules",),
                "description": "What the consumer must have done, this transaction included. All of them must hold.",
            },
        ),
        (
            "Control group",
            {
                "fields": (("control_group", "control_percentage"),),
                "description": "Consumers of the group who are held out, by chance but always the same ones, so that "
                "the promotion's effect can be measured.",
            },
        ),
        ("Restriction rules", {"fields": (LIMITS, "always_apply")}),
        (
            "Content",
            {"classes": ("tab",), "fields": CONTENT},
        ),
        ("Links", {"fields": tuple((f"link_url_{n}", f"anchor_text_{n}") for n in PLACES)}),
        ("Images", {"fields": tuple((f"image_url_{n}", f"alt_text_{n}") for n in PLACES)}),
    )


class ProductSetForm(RowForm):
    """One set of the product rules."""

    name = forms.CharField(label="Name of the set", max_length=200, required=False, widget=UnfoldAdminTextInputWidget())
    units = forms.IntegerField(
        label="Units of this set in a bundle",
        min_value=1,
        max_value=1_000_000,
        initial=1,
        required=False,
        widget=whole("units", **{"data-shown-when": "product_match:all"}),
    )
    rules = RulesField(Scope.LINE_ITEM, label="Products of this set", empty="every product is in this set")

    def as_values(self) -> Document:
        return {
            "name": self.cleaned_data["name"],
            "rules": self.cleaned_data["rules"],
            "units": self.cleaned_data["units"] or 1,
        }


class ApplicationRuleForm(RowForm):
    """One rule of repeat behaviour."""

    measure = forms.ChoiceField(
        label="Count",
        choices=[("transactions", "Transactions"), ("quantity", "Units bought"), ("spend", "Amount spent")],
        initial="transactions",
        widget=UnfoldAdminSelectWidget(),
    )
    threshold = forms.DecimalField(
        label="At least",
        widget=decimal({"of": "measure", "transactions": "transactions", "quantity": "units", "spend": "currency"}),
        help_text="Transactions, units, or an amount in the promotion's currency.",
    )
    period_unit = forms.ChoiceField(
        label="Within",
        choices=[
            ("days", "Days"),
            ("weeks", "Weeks"),
            ("months", "Months"),
            ("promotion", "The time of this promotion"),
        ],
        initial="days",
        widget=UnfoldAdminSelectWidget(),
    )
    period_length = forms.IntegerField(
        label="How many",
        min_value=1,
        max_value=3650,
        required=False,
        initial=1,
        widget=whole(
            {"of": "period_unit", "days": "days", "weeks": "weeks", "months": "months"},
            **{"data-shown-when": "period_unit:days,weeks,months"},
        ),
        help_text="Up to and including the day of this transaction.",
    )
    counting = forms.ChoiceField(
        label="Applies",
        choices=[
            ("reached", "From the threshold on, every time"),
            ("every", "Each time it is reached, then counts anew"),
        ],
        widget=UnfoldAdminSelectWidget(),
        initial="reached",
    )
    line_item_rules = RulesField(Scope.LINE_ITEM, label="Only these line items count", empty="all line items count")

    def as_values(self) -> Document:
        values = self.cleaned_data
        unit = values["period_unit"]
        return {
            "measure": values["measure"],
            "threshold": number_text(values["threshold"]),
            "period": {"unit": unit, "length": None if unit == "promotion" else values["period_length"]},
            "line_item_rules": values["line_item_rules"],
            "counting": values["counting"],
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Document:
        period = values.get("period") or {}
        return {
            "measure": values.get("measure"),
            "threshold": values.get("threshold"),
            "period_unit": period.get("unit"),
            "period_length": period.get("length"),
            "line_item_rules": values.get("line_item_rules"),
            "counting": values.get("counting"),
        }


def _availability(offer: Offer, at: datetime) -> str:
    """Why no voucher of an offer is issued at a moment; empty where one is."""
    if offer.ends_at is not None and offer.ends_at <= at:
        return f" – ended on {format_moment(offer.ends_at)}"
    if offer.stock is not None and offer.issued >= offer.stock:
        return " – out of stock"
    if offer.starts_at is not None and offer.starts_at > at:
        return f" – starts on {format_moment(offer.starts_at)}"
    return ""


PATHS: Mapping[str, str] = {
    **{f"outcome.{name}": name for names in TYPE_FIELDS.values() for name in names},
    **{f"outcome.{name}": name for name in TEXTS},
    "outcome.product_selection.sets": "product_sets",
    "outcome.product_selection": "product_match",
    "outcome.quantity_rule.units": "quantity_units",
    "outcome.quantity_rule": "quantity_apply_to",
    "outcome.pricing_rule.by": "pricing_by",
    "outcome.pricing_rule": "pricing_order",
    **{f"eligibility.{name}": name for name in (*CONDITIONS, *LIMITS, "application_rules", "always_apply")},
    "eligibility.control_group.percentage": "control_percentage",
    "eligibility.control_group": "control_group",
    **{f"content.{name}": name for name in CONTENT},
    **{f"content.links.{n - 1}.url": f"link_url_{n}" for n in PLACES},
    **{f"content.links.{n - 1}.anchor_text": f"anchor_text_{n}" for n in PLACES},
    **{f"content.images.{n - 1}.url": f"image_url_{n}" for n in PLACES},
    **{f"content.images.{n - 1}.alt_text": f"alt_text_{n}" for n in PLACES},
}
"""Where a problem's path is shown: the first that it begins with."""


class LoyaltyPromotionForm(PromotionForm):
    """A loyalty promotion of one type."""

    problem_fields = dict(PATHS)
    problem_rows: ClassVar[dict[str, str]] = {
        "outcome.product_selection.sets": "product_sets",
        "eligibility.application_rules": "application_rules",
    }
    problem_parts: ClassVar[dict[str, str]] = {
        "period": "period_length",
        "period.unit": "period_unit",
        "period.length": "period_length",
    }

    # Outcome, by type
    points = forms.IntegerField(
        label="Points", widget=whole("points"), min_value=1, help_text="Given for each redemption."
    )
    multiplier = forms.DecimalField(
        label="Points multiplier",
        widget=decimal("times the base points", min="1", max="100"),
        help_text="2 means double points: the base points once more. At least 1, at most 100.",
    )
    multiplier_scope = forms.ChoiceField(
        label="Multiplies",
        choices=[("basket", "The basket: all base points"), ("line_items", "Line items: those selected below")],
        initial="basket",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    issue_points_on = forms.ChoiceField(
        label="Issue points type",
        choices=[("currency", "Currency spent"), ("quantity", "Quantity purchased")],
        initial="currency",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    conversion_points = forms.IntegerField(
        label="Conversion rate: points",
        widget=whole("points"),
        min_value=1,
        help_text="So many points …",
    )
    conversion_units = forms.DecimalField(
        label="Conversion rate: for every",
        widget=decimal({"of": "issue_points_on", "currency": "currency", "quantity": "units"}),
        help_text="… for every so much spent (in the promotion's currency), or so many units bought.",
    )
    whole_ratio_units_only = forms.BooleanField(
        label="Whole ratio units only",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="5 points for every 10 spent give 5 points for 19 spent; without this, 9.",
    )
    offer = forms.ChoiceField(
        label="Personalised offer to be redeemed",
        widget=UnfoldAdminSelect2Widget(),
        help_text="One voucher of it is issued for each redemption.",
    )
    activity_description = forms.CharField(
        label="Loyalty activity description",
        required=False,
        max_length=500,
        widget=InsertsInput(ACTIVITY_INSERTS),
        help_text="What the consumer's points statement says.",
    )
    activity_type = forms.CharField(
        label="Loyalty activity type",
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
    )
    redemption_message_subject = forms.CharField(
        label="Redemption message subject",
        required=False,
        max_length=200,
        widget=InsertsInput(("promotion_name", "short_description")),
    )
    redemption_message = forms.CharField(
        label="Redemption message",
        required=False,
        widget=RichTextWidget("Redemption message", MESSAGE_INSERTS),
        help_text="Sent to the consumer after a redemption. Inserts, links and images come from the Content tab. "
        "Empty: nothing is sent.",
    )

    # Outcome, product selection
    product_match = forms.ChoiceField(
        label="Product rules",
        required=False,
        initial="any",
        choices=[
            ("any", "Or: a unit counts if it fits any of the sets"),
            ("all", "And: units of every set together make a bundle"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    product_sets = FormSetField(
        form=ProductSetForm,
        max_rows=MAX_PRODUCT_SETS,
        label="Product sets",
        texts={
            "row": "Product set",
            "add": "Add product set",
            "empty": "No product sets: every unit of the basket counts.",
        },
    )
    quantity_apply_to = forms.ChoiceField(
        label="Quantity rules",
        required=False,
        choices=[
            ("", "As usual: all units together, or each bundle"),
            ("all", "All units (or bundles) make one redemption"),
            ("every", "Every X units (or bundles) make one redemption"),
            ("first", "The first X units (or bundles) make one redemption"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    quantity_units = forms.IntegerField(
        label="X",
        required=False,
        min_value=1,
        max_value=1_000_000,
        widget=whole(
            {"of": "product_match", "any": "units", "all": "bundles"},
            **{"data-shown-when": "quantity_apply_to:every,first"},
        ),
        help_text="Units, or bundles where the product rules say And.",
    )
    pricing_order = forms.ChoiceField(
        label="Pricing rules",
        required=False,
        initial="cheapest",
        choices=[("cheapest", "Cheapest units first"), ("most_expensive", "Most expensive units first")],
        widget=UnfoldAdminSelectWidget(),
    )
    pricing_by = forms.ChoiceField(
        label="By",
        required=False,
        initial="inc_tax",
        choices=[
            ("inc_tax", "Unit sales value inc. tax"),
            ("ex_tax", "Unit sales value excl. tax"),
            ("tax", "Unit tax value"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )

    # Eligibility
    application_rules = FormSetField(
        form=ApplicationRuleForm,
        max_rows=MAX_APPLICATION_RULES,
        label="Qualifying transactions",
        texts={
            "row": "Rule",
            "add": "Add rule",
            "empty": "No rules: it applies from the first qualifying transaction on.",
        },
    )
    control_group = forms.ChoiceField(label="Group", required=False)
    control_percentage = forms.DecimalField(
        label="Percentage held out",
        required=False,
        min_value=0,
        max_value=100,
        widget=decimal("%", min="0", max="100"),
        help_text="0 to 100.",
    )
    # Content
    short_description = forms.CharField(
        label="Short description", required=False, max_length=500, widget=UnfoldAdminTextInputWidget()
    )
    long_description = forms.CharField(
        label="Long description", required=False, widget=RichTextWidget("Long description")
    )
    confirmation_message = forms.CharField(
        label="Confirmation message",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text="May be printed on the receipt.",
    )
    terms_and_conditions = forms.CharField(
        label="Terms and conditions", required=False, widget=RichTextWidget("Terms and conditions")
    )
    link_url_1 = address_field("Link URL 1")
    anchor_text_1 = short_field("Anchor text 1")
    link_url_2 = address_field("Link URL 2")
    anchor_text_2 = short_field("Anchor text 2")
    link_url_3 = address_field("Link URL 3")
    anchor_text_3 = short_field("Anchor text 3")
    image_url_1 = address_field("Image URL 1")
    alt_text_1 = short_field("Alt text 1")
    image_url_2 = address_field("Image URL 2")
    alt_text_2 = short_field("Alt text 2")
    image_url_3 = address_field("Image URL 3")
    alt_text_3 = short_field("Alt text 3")

    class Meta(PromotionForm.Meta):
        model = LoyaltyPromotion

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for names in TYPE_FIELDS.values():
            for name in names:
                if name not in TYPE_FIELDS[self.promotion_type]:
                    del self.fields[name]
        self.fields["activity_type"].widget.attrs["placeholder"] = PromotionType(self.promotion_type).label
        self.fields["activity_type"].help_text = f"Empty: {PromotionType(self.promotion_type).label}."
        self._offer_choices()
        self._group_choices()

    # --- choices of the account ---

    def _offer_choices(self) -> None:
        field = self.fields.get("offer")
        if isinstance(field, forms.ChoiceField):
            stored = self.initial.get("offer")
            now = timezone.now()
            offers = {
                offer.code: f"{offer.name} ({offer.code}){_availability(offer, now)}"
                for offer in offers_redeemable(self.account.pk).order_by("name")
            }
            if stored and stored not in offers:
                offers[stored] = f"no longer in use ({stored})"
            field.choices = [("", "Choose an offer"), *offers.items()]

    def _group_choices(self) -> None:
        field = self.fields["control_group"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        groups = ConsumerGroup.objects.filter(account=self.account)
        shown = groups.filter(Q(archived=False) | Q(code=self.initial.get("control_group") or ""))
        # With its sign that adds a group in a window of its own, and then chooses it.
        field.widget = RelatedFieldWidgetWrapper(
            UnfoldAdminSelectWidget(), GROUP, site, can_add_related=True, can_change_related=False
        )
        field.widget.template_name = "unfold/widgets/related_widget_wrapper.html"
        field.choices = [("", "No control group"), *((group.code, str(group)) for group in shown)]

    # --- from the documents ---

    def values_of(self, promotion: Promotion) -> Document:
        outcome, eligibility, content = promotion.outcome or {}, promotion.eligibility or {}, promotion.content or {}
        if not outcome:
            return {"currency": self.account.currency}
        selection = outcome.get("product_selection") or {}
        control = eligibility.get("control_group") or {}
        values = {
            **{name: outcome.get(name) for name in (*TYPE_FIELDS[self.promotion_type], *TEXTS)},
            "product_match": selection.get("match"),
            "product_sets": selection.get("sets"),
            "quantity_apply_to": (outcome.get("quantity_rule") or {}).get("apply_to"),
            "quantity_units": (outcome.get("quantity_rule") or {}).get("units"),
            "pricing_order": (outcome.get("pricing_rule") or {}).get("order", "cheapest"),
            "pricing_by": (outcome.get("pricing_rule") or {}).get("by", "inc_tax"),
            **{name: eligibility.get(name) for name in (*CONDITIONS, *LIMITS, "application_rules", "always_apply")},
            "control_group": control.get("group"),
            "control_percentage": control.get("percentage"),
            **{name: content.get(name) for name in CONTENT},
        }
        for kind, address, text in (("links", "link_url", "anchor_text"), ("images", "image_url", "alt_text")):
            for number, entry in enumerate(content.get(kind) or (), start=1):
                values[f"{address}_{number}"] = entry.get("url")
                values[f"{text}_{number}"] = entry.get(text)
        return values

    # --- to the documents ---

    def outcome(self) -> Document:
        """The document of the Outcome tab."""
        values = self.cleaned_data
        document = {name: to_definition(values.get(name)) for name in (*TYPE_FIELDS[self.promotion_type], *TEXTS)}
        document["product_selection"] = {"match": values["product_match"] or "any", "sets": values["product_sets"]}
        document["quantity_rule"] = self._quantity_rule()
        document["pricing_rule"] = self._pricing_rule()
        return document

    def _quantity_rule(self) -> Document | None:
        apply_to = self.cleaned_data["quantity_apply_to"]
        if not apply_to:
            return None
        units = self.cleaned_data["quantity_units"]
        # Of all units, X says nothing; what is stored of it stays.
        stored = ((self.instance.outcome or {}).get("quantity_rule") or {}).get("units", 1)
        return {"apply_to": apply_to, "units": stored if apply_to == "all" else units}

    def _pricing_rule(self) -> Document | None:
        rule = {
            "order": self.cleaned_data["pricing_order"] or "cheapest",
            "by": self.cleaned_data["pricing_by"] or "inc_tax",
        }
        unsaid = (self.instance.outcome or {}).get("pricing_rule") is None
        return None if unsaid and rule == {"order": "cheapest", "by": "inc_tax"} else rule

    def eligibility(self) -> Document:
        """The document of the Eligibility tab."""
        values = self.cleaned_data
        document = {name: values[name] for name in (*CONDITIONS, *LIMITS, "application_rules", "always_apply")}
        group, percentage = values["control_group"], number_text(values["control_percentage"])
        document["control_group"] = {"group": group, "percentage": percentage} if group or percentage else None
        return document

    def content(self) -> Document:
        """The document of the Content tab."""
        values = self.cleaned_data
        document: Document = {name: values[name] for name in CONTENT}
        for kind, address, text in (("links", "link_url", "anchor_text"), ("images", "image_url", "alt_text")):
            entries = [{"url": values[f"{address}_{n}"], text: values[f"{text}_{n}"]} for n in PLACES]
            while entries and not any(entries[-1].values()):
                entries.pop()
            document[kind] = entries
        return document

    # --- checks of the form itself ---

    def problems(self, common: Document, *, before: Promotion | None, at: datetime) -> tuple[Problem, ...]:
        values = PromotionValues(
            **common,
            type=self.promotion_type,
            outcome=self.outcome(),
            eligibility=self.eligibility(),
            content=self.content(),
        )
        return promotion_problems(family=LOYALTY, account=self.account, values=values, before=before, at=at)

    def clean(self) -> Document:
        cleaned = super().clean()
        wants_units = cleaned.get("quantity_apply_to") in ("every", "first")
        if wants_units and not cleaned.get("quantity_units") and "quantity_units" not in self.errors:
            self.add_error("quantity_units", "Say how many units.")
        return cleaned
