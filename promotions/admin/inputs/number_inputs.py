"""Inputs of numbers, with their unit beside them."""

import json
from collections.abc import Mapping
from typing import Any

from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

Unit = str | Mapping[str, str]
"""A word; or which word goes with which value of the field that is named under ``of``. ``currency`` is the form's."""

CURRENCY: Unit = {"of": "currency"}
"""The form's own currency, whichever is chosen."""


class NumberWithUnit(UnfoldAdminIntegerFieldWidget):
    """A number with its unit."""

    template_name = "admin/widgets/number_with_unit.html"

    class Media:
        js = ("js/units.js",)

    def __init__(self, attrs: dict[str, Any], *, unit: Unit) -> None:
        super().__init__(attrs)
        self.unit = unit

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        if isinstance(self.unit, str):
            return context | {"unit": self.unit}
        return context | {"units": json.dumps(dict(self.unit))}


def whole(unit: Unit = "", **attrs: Any) -> UnfoldAdminIntegerFieldWidget:
    """An input of a whole number."""
    attrs = {"inputmode": "numeric", "min": "1", **attrs}
    return NumberWithUnit(attrs, unit=unit) if unit else UnfoldAdminIntegerFieldWidget(attrs)


def decimal(unit: Unit = "", **attrs: Any) -> UnfoldAdminDecimalFieldWidget:
    """An input of a number with decimals."""
    attrs = {"inputmode": "decimal", "step": "any", **attrs}
    return NumberWithUnit(attrs, unit=unit) if unit else UnfoldAdminDecimalFieldWidget(attrs)
