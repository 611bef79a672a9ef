"""Money, parts of definitions and fields of outcomes in bodies and answers."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from consumers.api.framework.fields import DecimalText
from promotions.engine.definition.fields import FieldKind, OutcomeField
from promotions.engine.money import exponent, price_text


class MoneyText(DecimalText):
    """An amount of 0 or more, as a string or an integer. How many decimals it may have, its currency says."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(max_digits=14, decimal_places=4, min_value=0, **kwargs)


class UncheckedField(serializers.Field[Any, Any, Any, Any]):
    """A part of a definition as it was sent: the service checks it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, "default": None, **kwargs})

    def to_internal_value(self, data: object) -> object:
        return data

    def to_representation(self, value: object) -> object:
        return value


def amount_output(amount: Decimal | None, currency: str) -> str | None:
    """Return an amount with exactly the decimals of its currency; None stays None."""
    return None if amount is None else f"{amount:.{exponent(currency)}f}"


def price_output(price: Decimal | None, currency: str) -> str | None:
    """Return a unit price with at least the decimals of its currency; None stays None."""
    return None if price is None else price_text(price, currency)


class MoneyOutput(serializers.CharField):
    """An amount that the serializer has formatted with ``amount_output``."""


def outcome_shape(field: OutcomeField, *, hint: str) -> serializers.Field[Any, Any, Any, Any]:
    """Return the shape of a field of an outcome for the API's document: which types have it, and what it may hold."""
    types = field.types if len(field.types) == 1 else ()
    help_text = ": ".join([*types, *([hint] if hint else [])])
    match field.kind:
        case FieldKind.WHOLE:
            return serializers.IntegerField(required=False, min_value=1, help_text=help_text)
        case FieldKind.FLAG:
            return serializers.BooleanField(required=False, help_text=help_text)
        case FieldKind.CHOICE:
            return serializers.ChoiceField(choices=field.choices, required=False, help_text=help_text)
        case _:
            return serializers.CharField(required=False, help_text=help_text)
