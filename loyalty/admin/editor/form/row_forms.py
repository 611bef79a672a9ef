"""The rows of a loyalty promotion's form: product sets and application rules."""

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from consumers.admin.framework.formset_field import RowForm
from consumers.types import JsonMapping
from promotions.admin.editor.form import Document, number_text
from promotions.admin.inputs.number_inputs import decimal, whole
from promotions.admin.rules.field import RulesField
from promotions.engine.rules.attributes import Scope


class ProductSetForm(RowForm):
    """A product set."""

    name = forms.CharField(
        label="Name of product set", max_length=200, required=False, widget=UnfoldAdminTextInputWidget()
    )
    units = forms.IntegerField(
        label="Units of this set in a bundle",
        min_value=1,
        max_value=1_000_000,
        initial=1,
        required=False,
        widget=whole("units", **{"data-shown-when": "product_match:all"}),
    )
    rules = RulesField(
        Scope.LINE_ITEM, label="Products of this set", empty="all products are in this set", suggested=("category",)
    )

    def as_values(self) -> Document:
        return {
            "name": self.cleaned_data["name"],
            "rules": self.cleaned_data["rules"],
            "units": self.cleaned_data["units"] or 1,
        }


class ApplicationRuleForm(RowForm):
    """An application rule: what the consumer must have done before."""

    measure = forms.ChoiceField(
        label="Count",
        choices=[("transactions", "Transactions"), ("quantity", "Units bought"), ("spend", "Amount spent")],
        initial="transactions",
        widget=UnfoldAdminSelectWidget(),
    )
    threshold = forms.DecimalField(
        label="At least",
        widget=decimal({"of": "measure", "transactions": "transactions", "quantity": "units", "spend": "currency"}),
        help_text="Number of transactions or units, or an amount in the promotion's currency.",
    )
    period_unit = forms.ChoiceField(
        label="Within",
        choices=[
            ("days", "Days"),
            ("weeks", "Weeks"),
            ("months", "Months"),
            ("promotion", "Since this promotion started"),
        ],
        initial="days",
        widget=UnfoldAdminSelectWidget(),
    )
    period_length = forms.IntegerField(
        label="How many",
        min_value=1,
        max_value=3650,
        required=False,
        initial=30,
        widget=whole(
            {"of": "period_unit", "days": "days", "weeks": "weeks", "months": "months"},
            **{"data-shown-when": "period_unit:days,weeks,months"},
        ),
        help_text="Counts back from the day of this transaction.",
    )
    counting = forms.ChoiceField(
        label="Applies",
        choices=[
            ("every", "Each time the target is reached (counting restarts)"),
            ("reached", "On every transaction once the target is reached"),
        ],
        widget=UnfoldAdminSelectWidget(),
        initial="every",
    )
    line_item_rules = RulesField(
        Scope.LINE_ITEM,
        label="Only count these line items",
        empty="all line items count",
        suggested=("category",),
    )

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
    def from_values(cls, values: JsonMapping) -> Document:
        period = values.get("period") or {}
        return {
            "measure": values.get("measure"),
            "threshold": values.get("threshold"),
            "period_unit": period.get("unit"),
            "period_length": period.get("length"),
            "line_item_rules": values.get("line_item_rules"),
            "counting": values.get("counting"),
        }
