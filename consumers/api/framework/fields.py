"""Fields of bodies. JSON's own types are taken at their word: no number for a text, no text for a number."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from rest_framework import serializers

from consumers.api.framework.components import AMOUNT, DATE, MOMENT, described
from consumers.api.framework.serializers import Input
from consumers.choices import CURRENCIES, NO_CURRENCY, NO_TIME_ZONE, TIME_ZONES
from consumers.moments import moment_text
from consumers.services.upsert import FIRST_YEAR, LAST_YEAR
from consumers.texts import key_problem
from consumers.types import JsonObject

MAX_WHOLE = 2**31 - 1

PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
PLAIN_LENGTH = 28
"""A decimal as people write it: no exponent, no infinity, no digits of other scripts."""


class TextField(serializers.CharField):
    """A JSON string; surrounding blanks are dropped."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        lowest = self.min_length or (0 if self.allow_blank else 1)
        return {
            "type": "string",
            **({"minLength": lowest} if lowest else {}),
            **({"maxLength": self.max_length} if self.max_length else {}),
        }


class KeyField(TextField):
    """The key of a row, verbatim. No slash at its ends: paths have no trailing slashes."""

    default_error_messages = {
        "blank": "This must not be blank.",
        "slash": "A key cannot begin or end with a slash.",
    }

    def __init__(self, *, max_length: int = 64, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if not text.strip():
            self.fail("blank")
        if text.startswith("/") or text.endswith("/"):
            self.fail("slash")
        return key_checked(text)

    def json_schema(self) -> JsonObject:
        return {**super().json_schema(), "pattern": r"^[^/]([\s\S]*[^/])?$"}


def key_checked(key: str) -> str:
    """Return a key that has no control characters and no invisible marks.

    Raises:
        ValidationError: it has one.
    """
    if problem := key_problem(key):
        raise serializers.ValidationError(problem.detail, code=problem.code)
    return key


class ReferenceField(TextField):
    """A number or reference by which people and tills know a row; surrounding blanks are dropped."""

    def to_internal_value(self, data: object) -> str:
        return key_checked(super().to_internal_value(data))


class BoundedListField(serializers.ListField):
    """A list whose length is checked before its entries: of a list that is refused, none is looked at."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self._max_length = max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > self._max_length:
            detail = f"Ensure this field has no more than {self._max_length} elements."
            raise serializers.ValidationError(detail, code="max_length")
        return super().to_internal_value(data)


class WholeField(serializers.IntegerField):
    """A JSON integer, by default within what a column of 32 bits holds."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        kwargs.setdefault("max_value", MAX_WHOLE)
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class FlagField(serializers.BooleanField):
    """``true`` or ``false``."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class DecimalText(serializers.DecimalField):
    """A decimal as a string or an integer; a JSON number with a fraction is refused, because it is binary by then.

    Rendered without trailing zeros, as ``"1.5"``.
    """

    default_error_messages = {"invalid": 'Must be a decimal: a string such as "12.50", or a whole number.'}

    def __init__(self, *, max_digits: int, decimal_places: int, **kwargs: Any) -> None:
        super().__init__(max_digits=max_digits, decimal_places=decimal_places, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        # Not DecimalField's, which takes a blank text for null.
        return serializers.Field.validate_empty_values(self, data)

    def to_internal_value(self, data: object) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, str | int):
            self.fail("invalid")
        text = str(data).strip() if isinstance(data, str) or abs(data) < 10**PLAIN_LENGTH else ""
        if len(text) > PLAIN_LENGTH or not PLAIN.fullmatch(text):
            self.fail("invalid")
        plain = Decimal(text)
        return super().to_internal_value(f"{plain.normalize():f}" if plain else "0")

    def to_representation(self, value: Any) -> str:
        return f"{Decimal(value).normalize():f}"

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document: a body may name a whole number as an integer."""
        if not is_of_body(self):
            return dict(AMOUNT)
        lowest = self.min_value
        highest = 10 ** ((self.max_digits or 0) - (self.decimal_places or 0)) - 1
        if self.max_value is not None:
            highest = min(highest, int(self.max_value))
        # A minus before nothing is read as 0.
        number = r"-?[0-9]+(\.[0-9]+)?" if lowest is None or lowest < 0 else r"(-0+(\.0+)?|[0-9]+(\.[0-9]+)?)"
        text = {"type": "string", "pattern": f"^{number}$", "maxLength": PLAIN_LENGTH}
        whole = {"type": "integer", "minimum": -highest if lowest is None else int(lowest), "maximum": highest}
        return {"anyOf": [text, whole], "examples": ["12.50"]}


def is_of_body(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """Return whether a field is part of a body, at any depth."""
    owner: Any = field.parent
    while owner is not None:
        if isinstance(owner, Input):
            return True
        owner = owner.parent
    return False


class MomentField(serializers.DateTimeField):
    """A moment with its offset from UTC; a naive one is refused. Rendered in UTC."""

    default_error_messages = {
        "offset": "Add the offset from UTC, as in 2026-01-31T09:00:00Z.",
        "range": f"Years are {FIRST_YEAR} to {LAST_YEAR}.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("offset")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            self.fail("range")
        return value.astimezone(UTC)

    def to_internal_value(self, value: object) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        return super().to_internal_value(value)

    def to_representation(self, value: datetime) -> str:
        return moment_text(value)

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        return described(MOMENT, "With its offset from UTC." if is_of_body(self) else "")


class DayField(serializers.DateField):
    """A calendar day, as ``2026-01-31``."""

    default_error_messages = {"range": f"Years are {FIRST_YEAR} to {LAST_YEAR}."}

    def to_internal_value(self, value: object) -> date:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DD")
        day: date = super().to_internal_value(value)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            self.fail("range")
        return day

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        return dict(DATE)


class ChoiceText(serializers.ChoiceField):
    """One of a fixed set of strings. A refusal names them."""

    def fail(self, key: str, **values: object) -> NoReturn:
        if key == "invalid_choice":
            detail = f"Not one of: {', '.join(map(str, self.choices))}."
            raise serializers.ValidationError(detail, code=key)
        super().fail(key, **values)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        chosen: str = super().to_internal_value(data)
        return chosen


class CurrencyField(TextField):
    """An ISO 4217 code."""

    default_error_messages = {"invalid_choice": NO_CURRENCY}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=3, **kwargs)

    def to_internal_value(self, data: object) -> str:
        code = super().to_internal_value(data)
        if code and code not in CURRENCIES:
            self.fail("invalid_choice")
        return code

    def json_schema(self) -> JsonObject:
        blank = "|" if self.allow_blank else ""
        return {"type": "string", "pattern": f"^([A-Z]{{3}}{blank})$", "examples": ["GBP"]}


class TimeZoneField(TextField):
    """An IANA name."""

    default_error_messages = {"invalid_choice": NO_TIME_ZONE}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_internal_value(self, data: object) -> str:
        name = super().to_internal_value(data)
        if name and name not in TIME_ZONES:
            self.fail("invalid_choice")
        return name


class ObjectField(serializers.DictField):
    """A JSON object whose meaning is judged further in."""
