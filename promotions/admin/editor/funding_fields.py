"""Who pays for a promotion or an offer, in a form: the parties with their shares, and the ledger class."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from consumers.admin.framework.formset_field import FormSetField, RowForm
from consumers.types import JsonObject
from promotions.admin.inputs.number_inputs import decimal
from promotions.engine.definition.funding import (
    MAX_LEDGER_CLASS_LENGTH,
    MAX_PARTIES,
    MAX_PARTY_LENGTH,
    MAX_SHARE_DECIMALS,
    WHOLE_COST,
)

WHO_PAYS = (
    "Who pays",
    {
        "fields": ("funding", "ledger_class"),
        "description": "Suppliers and others who pay a part of the cost. You pay the rest.",
    },
)
"""The section of a form."""


class PartyForm(RowForm):
    """One party that pays."""

    party = forms.CharField(label="Party", max_length=MAX_PARTY_LENGTH, widget=UnfoldAdminTextInputWidget())
    share = forms.DecimalField(
        label="Share",
        min_value=Decimal(1).scaleb(-MAX_SHARE_DECIMALS),
        max_value=WHOLE_COST,
        decimal_places=MAX_SHARE_DECIMALS,
        widget=decimal("% of the cost"),
    )

    def as_values(self) -> JsonObject:
        values = super().as_values()
        return {**values, "share": f"{values['share'].normalize():f}"}


def funding_field() -> FormSetField:
    """Return the field of the parties that pay."""
    return FormSetField(
        form=PartyForm,
        max_rows=MAX_PARTIES,
        label="Parties",
        texts={"row": "Party", "add": "Add party", "empty": "You pay all of it."},
        help_text="Up to 100% together. Results split the cost by party.",
    )


def ledger_class_field() -> forms.CharField:
    """Return the field of the ledger class."""
    return forms.CharField(
        label="Ledger class",
        required=False,
        max_length=MAX_LEDGER_CLASS_LENGTH,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="The account or class in your books, such as 4711.",
    )


def describe_funding(funding: Sequence[Mapping[str, Any]] | None) -> str:
    """Describe who pays, as in “Acme 60%, you 40%”."""
    if not funding:
        return "You pay all of it"
    rest = WHOLE_COST - sum(Decimal(entry["share"]) for entry in funding)
    shares = [f"{entry['party']} {entry['share']}%" for entry in funding]
    return ", ".join([*shares, f"you {rest.normalize():f}%"] if rest > 0 else shares)
