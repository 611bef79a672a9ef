"""Column widgets: how a value of a column is read from a file and written to one."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django.utils import timezone
from import_export.widgets import BooleanWidget, CharWidget, DecimalWidget, Widget

from consumers.admin.files.cells import split_items
from consumers.admin.files.numbers import NotANumber, NumberStyle, number_text
from consumers.admin.framework.formatting import format_number
from consumers.moments import day_start, moment_of_clock
from consumers.services.upsert import FIRST_YEAR, LAST_YEAR


class TextWidget(CharWidget):
    """A text."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return "" if value is None else str(value)

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError("Must be text.")
        return str(value)


class TextsWidget(Widget):
    """Several texts, in a cell separated by commas."""

    def render(self, value: Iterable[object] | None, obj: object = None, **kwargs: object) -> object:
        return [str(item) for item in value or ()]

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return list(dict.fromkeys(item for item in value if item))
        if not isinstance(value, str):
            raise ValueError("Must be a list of text values.")
        return split_items(value)


class FlagWidget(BooleanWidget):
    """Yes or no; an empty cell is no."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return bool(value)

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = str("" if value is None else value).strip().lower()
        if text in {"", "no", "false", "0", "n"}:
            return False
        if text in {"yes", "true", "1", "y"}:
            return True
        raise ValueError("Must be yes or no.")


class NumberWidget(Widget):
    """A number, written as the file writes its numbers; ``style`` is set once the file is read."""

    style = NumberStyle()

    def render(self, value: Any, obj: object = None, **kwargs: object) -> object:
        return value


class AmountWidget(NumberWidget, DecimalWidget):
    """An amount or a rate; an empty cell is none."""

    def render(self, value: Any, obj: object = None, **kwargs: object) -> object:
        return None if value is None else Decimal(format_number(value, least=2))

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = _stripped(value)
        if not text:
            return None
        try:
            return Decimal(number_text(text, self.style))
        except NotANumber as error:
            raise ValueError("Must be a number such as 12.50.") from error


class WholeWidget(NumberWidget):
    """A whole number; an empty cell is none."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = _stripped(value)
        if not text:
            return None
        try:
            digits = number_text(text, self.style)
        except NotANumber:
            digits = ""
        if isinstance(value, bool) or not digits.isdigit() or len(digits) > _DIGITS:
            raise ValueError("Must be a whole number.")
        return int(digits)


class SignedWidget(WholeWidget):
    """A whole number, which may be below zero."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = _stripped(value)
        if isinstance(value, bool) or not text.startswith(("-", "+")):
            return super().clean(value, row, **kwargs)
        number = super().clean(type(text)(text[1:]), row, **kwargs)
        return -number if isinstance(number, int) and text.startswith("-") else number


class DayWidget(Widget):
    """A day; a spreadsheet may have it as midnight."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return value

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = _stripped(value).removesuffix("T00:00:00")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("Must be a date such as 2026-03-31.") from error


class MomentWidget(Widget):
    """A moment; without an offset it is in the account's time zone, as in a form. A day is its first moment."""

    zone: tzinfo

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return timezone.localtime(value, self.zone) if isinstance(value, datetime) else value

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        if value in (None, "", [], {}):
            return None
        text = value.strip() if isinstance(value, str) else ""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(
                "Must be a date such as 2026-03-31, a time such as 2026-03-31 09:00, or one with its offset: "
                "2026-03-31T09:00:00+01:00."
            ) from error
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(f"Years are {FIRST_YEAR} to {LAST_YEAR}.")
        if moment.tzinfo is not None:
            return moment
        if len(text) <= _LONGEST_DAY:
            return self.moment_of_day(moment.date())
        return moment_of_clock(moment, self.zone)

    def moment_of_day(self, day: date) -> datetime:
        """Return the moment that a day without a time stands for."""
        return day_start(day, self.zone)


class EndWidget(MomentWidget):
    """The moment at which something ends. A day is the last one: the end is the first moment of the next day."""

    def moment_of_day(self, day: date) -> datetime:
        return day_start(day + timedelta(days=1), self.zone)


def _stripped(value: object) -> str:
    """Return a cell's text without blanks, a workbook's number as such."""
    if isinstance(value, str):
        return value if value == value.strip() else value.strip()
    return str("" if value is None else value)


_DIGITS = 18
_LONGEST_DAY = len("2026-03-31")
