"""The fields of the Outcome tab."""

from django import forms
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from consumers.admin.framework.formset_field import FormSetField
from loyalty.admin.editor.form.row_forms import ProductSetForm
from promotions.admin.inputs.number_inputs import decimal, whole
from promotions.admin.inputs.rich_text import InsertsInput, RichTextWidget
from promotions.engine.definition.fields import (
    ACTIVITY_INSERTS,
    MAX_PRODUCT_SETS,
    MESSAGE_INSERTS,
)


class OutcomeFields(forms.Form):
    """What the promotion gives, the texts about it, and the products that count."""

    # What it gives, by type
    points = forms.IntegerField(label="Points", widget=whole("points"), min_value=1, help_text="Points per redemption.")
    multiplier = forms.DecimalField(
        label="Points multiplier",
        widget=decimal("times the base points", min="1", max="100"),
        initial=2,
        help_text="For example, 2 doubles the base points. From 1 to 100.",
    )
    multiplier_scope = forms.ChoiceField(
        label="Multiplies",
        choices=[("basket", "The whole basket"), ("line_items", "Line items in the product sets below")],
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
        help_text="For example, 5 points for every 10 spent.",
    )
    conversion_units = forms.DecimalField(
        label="Conversion rate: for every",
        widget=decimal({"of": "issue_points_on", "currency": "currency", "quantity": "units"}),
        help_text="Amount spent in the promotion's currency, or number of units bought.",
    )
    whole_ratio_units_only = forms.BooleanField(
        label="Whole ratio units only",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="If on, 5 points for every 10 spent gives 5 points for 19 spent. If off, it gives 9.",
    )
    offer = forms.ChoiceField(
        label="Personalised offer to be redeemed",
        widget=UnfoldAdminSelect2Widget(),
        help_text="Issues one voucher per redemption.",
    )
    activity_description = forms.CharField(
        label="Loyalty activity description",
        required=False,
        max_length=500,
        widget=InsertsInput(ACTIVITY_INSERTS),
        help_text="Shown on the consumer's points statement.",
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
        "Leave blank to send no message.",
    )

    # Product selection
    product_match = forms.ChoiceField(
        label="Product rules",
        required=False,
        initial="any",
        choices=[
            ("any", "Or: a unit counts if it is in any of the sets"),
            ("all", "And: units of all sets together make a bundle"),
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
            "empty": "No product sets: all units in the basket count.",
        },
        first_row_when="multiplier_scope:line_items",
    )
    quantity_apply_to = forms.ChoiceField(
        label="Quantity rules",
        required=False,
        choices=[
            ("", "Default: all units together, or each bundle"),
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
        help_text="Units, or bundles if the product rules are set to And.",
    )
    pricing_order = forms.ChoiceField(
        label="Pricing rules",
        required=False,
        initial="cheapest",
        choices=[("cheapest", "Cheapest first"), ("most_expensive", "Most expensive first")],
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
