"""The fields of the Eligibility tab that only loyalty promotions have."""

from django import forms

from consumers.admin.framework.formset_field import FormSetField
from loyalty.admin.editor.form.row_forms import ApplicationRuleForm
from promotions.admin.inputs.number_inputs import decimal
from promotions.engine.definition.fields import (
    MAX_APPLICATION_RULES,
)


class EligibilityFields(forms.Form):
    """What the consumer must have done before, and the control group."""

    application_rules = FormSetField(
        form=ApplicationRuleForm,
        max_rows=MAX_APPLICATION_RULES,
        label="Qualifying transactions",
        texts={
            "row": "Rule",
            "add": "Add rule",
            "empty": "No rules: it applies from the first qualifying transaction.",
        },
    )
    control_group = forms.ChoiceField(label="Group", required=False)
    control_percentage = forms.DecimalField(
        label="Percentage held out",
        required=False,
        min_value=0,
        max_value=100,
        widget=decimal("%", min="0", max="100"),
        help_text="From 0 to 100.",
    )
