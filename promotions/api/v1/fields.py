"""Money and parts of definitions in bodies and answers."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from consumers.api.framework.components import AMOUNT
from consumers.api.framework.fields import DecimalText, ObjectField, TextField, is_of_body
from consumers.types import JsonObject
from promotions.api.v1.definitions import FUNDING, FUNDING_BODY
from promotions.engine.definition.funding import MAX_LEDGER_CLASS_LENGTH
from promotions.engine.money import exponent, price_text


class MoneyText(DecimalText):
    """An amount of 0 or more, as a string or an integer. How many decimals it may have, its currency says."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(max_digits=14, decimal_places=4, min_value=0, **kwargs)


class UncheckedField(serializers.Field[Any, Any, Any, Any]):
    """A part of a definition as it was sent: the service checks it.

    ``body`` and ``answer`` describe it in the OpenAPI document.
    """

    def __init__(self, *, body: JsonObject, answer: JsonObject, **kwargs: Any) -> None:
        self.schemas = body, answer
        super().__init__(**{"allow_null": True, "default": None, **kwargs})

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        body, answer = self.schemas
        return body if is_of_body(self) else answer

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

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        return dict(AMOUNT)


class FundingField(UncheckedField):
    """The parties that pay, up to 100 per cent together; the retailer pays the rest."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=FUNDING_BODY, answer=FUNDING, **kwargs)


class LedgerClassField(TextField):
    """What the cost is booked under."""

    def __init__(self) -> None:
        super().__init__(
            max_length=MAX_LEDGER_CLASS_LENGTH, allow_blank=True, default="", help_text="What the cost is booked under."
        )


class DocumentField(ObjectField):
    """A document of a definition; ``body`` and ``answer`` describe it in the OpenAPI document."""

    def __init__(self, *, body: JsonObject, answer: JsonObject, **kwargs: Any) -> None:
        self.schemas = body, answer
        super().__init__(**kwargs)

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        body, answer = self.schemas
        return body if is_of_body(self) else answer
