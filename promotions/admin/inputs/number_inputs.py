"""Inputs of numbers with their unit."""

import json
from collections.abc import Mapping

from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

Unit = str | Mapping[str, str]
"""A unit; or the unit for each value of the field named under ``of``. The field ``currency`` is its own unit."""

CURRENCY: Unit = {"of": "currency"}
"""The currency that is chosen in the form."""


class NumberWithUnit(UnfoldAdminIntegerFieldWidget):
    """The input of a number with its unit."""

    template_name = "admin/widgets/number_with_unit.html"

    class Media:
        js = ("js/units.js",)

    def __init__(self, attrs: dict[str, object], *, unit: Unit) -> None:
        super().__init__(attrs)
        self.unit = unit

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context: dict[str, object] = super().get_context(name, value, attrs)
        if isinstance(self.unit, str):
            return context | {"unit": self.unit}
        return context | {"units": json.dumps(dict(self.unit))}


def whole(unit: Unit = "", **attrs: object) -> UnfoldAdminIntegerFieldWidget:
    """Return the input of a whole number."""
    attrs = {"inputmode": "numeric", "min": "1", **attrs}
    return NumberWithUnit(attrs, unit=unit) if unit else UnfoldAdminIntegerFieldWidget(attrs)


def decimal(unit: Unit = "", **attrs: object) -> UnfoldAdminDecimalFieldWidget:
    """Return the input of a decimal number."""
    attrs = {"inputmode": "decimal", "step": "any", **attrs}
    return NumberWithUnit(attrs, unit=unit) if unit else UnfoldAdminDecimalFieldWidget(attrs)
