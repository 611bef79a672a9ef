"""The form of a loyalty promotion, and its conversion to and from the three documents of the definition.

The values are checked where every promotion is checked; problems come back by their paths and are shown at the fields
that ``PATHS`` names.
"""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
)

from consumers.admin.framework.formatting import format_moment
from consumers.exceptions import Problem
from consumers.models import ConsumerGroup
from loyalty.admin.editor.form.eligibility_fields import EligibilityFields
from loyalty.admin.editor.form.layout import PATHS, TEXTS, TYPE_FIELDS
from loyalty.admin.editor.form.outcome_fields import OutcomeFields
from loyalty.choices import PromotionType
from loyalty.models import LoyaltyPromotion, Offer
from loyalty.selectors.promotion import offers_redeemable
from loyalty.services.promotion import LOYALTY
from promotions.admin.editor.content_fields import ContentFields, content_document, content_values
from promotions.admin.editor.form import Document, PromotionForm, number_text, to_definition
from promotions.admin.inputs.related_select import related_select
from promotions.engine.definition.fields import (
    CONDITIONS,
    RESTRICTIONS,
)
from promotions.models import Promotion
from promotions.services.promotion.save import promotion_problems
from promotions.services.promotion.values import PromotionValues


def _availability(offer: Offer, at: datetime) -> str:
    """Return why an offer issues no voucher at a moment; empty if it issues them."""
    if offer.ends_at is not None and offer.ends_at <= at:
        return f" – ended {format_moment(offer.ends_at)}"
    if offer.stock is not None and offer.issued >= offer.stock:
        return " – out of stock"
    if offer.starts_at is not None and offer.starts_at > at:
        return f" – starts {format_moment(offer.starts_at)}"
    return ""


class LoyaltyPromotionForm(ContentFields, EligibilityFields, OutcomeFields, PromotionForm):
    """A loyalty promotion of one type. The last base has the first fields."""

    problem_fields = dict(PATHS)
    problem_rows: ClassVar[dict[str, str]] = {
        "outcome.product_selection.sets": "product_sets",
        "eligibility.application_rules": "application_rules",
        "funding": "funding",
    }
    problem_parts: ClassVar[dict[str, str]] = {
        "period": "period_length",
        "period.unit": "period_unit",
        "period.length": "period_length",
    }

    class Meta(PromotionForm.Meta):
        model = LoyaltyPromotion

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for names in TYPE_FIELDS.values():
            for name in names:
                if name not in TYPE_FIELDS[self.promotion_type]:
                    del self.fields[name]
        self.fields["activity_type"].widget.attrs["placeholder"] = PromotionType(self.promotion_type).label
        self.fields["activity_type"].help_text = f"Leave blank for {PromotionType(self.promotion_type).label}."
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
            field.widget = related_select(UnfoldAdminSelect2Widget(), Offer, key="code")
            field.choices = [("", "Choose an offer"), *offers.items()]

    def _group_choices(self) -> None:
        field = self.fields["control_group"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        groups = ConsumerGroup.objects.filter(account=self.account)
        offered = groups.filter(Q(archived=False) | Q(code=self.initial.get("control_group") or ""))
        field.widget = related_select(UnfoldAdminSelectWidget(), ConsumerGroup, key="code")
        field.choices = [("", "No control group"), *((group.code, str(group)) for group in offered)]

    # --- from the documents ---

    def values_of(self, promotion: Promotion) -> Document:
        outcome, eligibility, content = promotion.outcome or {}, promotion.eligibility or {}, promotion.content or {}
        if not outcome:
            return {"currency": self.account.currency}
        selection = outcome.get("product_selection") or {}
        control = eligibility.get("control_group") or {}
        return {
            **{name: outcome.get(name) for name in (*TYPE_FIELDS[self.promotion_type], *TEXTS)},
            "product_match": selection.get("match"),
            "product_sets": selection.get("sets"),
            "quantity_apply_to": (outcome.get("quantity_rule") or {}).get("apply_to"),
            "quantity_units": (outcome.get("quantity_rule") or {}).get("units"),
            "pricing_order": (outcome.get("pricing_rule") or {}).get("order", "cheapest"),
            "pricing_by": (outcome.get("pricing_rule") or {}).get("by", "inc_tax"),
            **{name: eligibility.get(name) for name in (*CONDITIONS, *RESTRICTIONS, "application_rules")},
            "control_group": control.get("group"),
            "control_percentage": control.get("percentage"),
            **content_values(content),
        }

    # --- to the documents ---

    def outcome(self) -> Document:
        """Return the document of the Outcome tab."""
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
        # For all units X has no meaning: keep what is stored.
        stored = ((self.instance.outcome or {}).get("quantity_rule") or {}).get("units", 1)
        return {"apply_to": apply_to, "units": stored if apply_to == "all" else units}

    def _pricing_rule(self) -> Document | None:
        rule = {
            "order": self.cleaned_data["pricing_order"] or "cheapest",
            "by": self.cleaned_data["pricing_by"] or "inc_tax",
        }
        is_default = (self.instance.outcome or {}).get("pricing_rule") is None
        return None if is_default and rule == {"order": "cheapest", "by": "inc_tax"} else rule

    def eligibility(self) -> Document:
        """Return the document of the Eligibility tab."""
        values = self.cleaned_data
        document = {name: values[name] for name in (*CONDITIONS, *RESTRICTIONS, "application_rules")}
        group, percentage = values["control_group"], number_text(values["control_percentage"])
        document["control_group"] = {"group": group, "percentage": percentage} if group or percentage else None
        return document

    def content(self) -> Document:
        """Return the document of the Content tab."""
        return content_document(self.cleaned_data)

    # --- checks of the form itself ---

    def problems(self, common: Document, *, before: Promotion | None, at: datetime) -> tuple[Problem, ...]:
        values = PromotionValues(
            **common,
            type=self.promotion_type,
            outcome=self.outcome(),
            eligibility=self.eligibility(),
            content=self.content(),
            **self.budgets(),
        )
        return promotion_problems(family=LOYALTY, account=self.account, values=values, before=before, at=at)

    def clean(self) -> Document:
        cleaned = super().clean()
        wants_units = cleaned.get("quantity_apply_to") in ("every", "first")
        if wants_units and not cleaned.get("quantity_units") and "quantity_units" not in self.errors:
            self.add_error("quantity_units", "Enter how many units.")
        return cleaned
