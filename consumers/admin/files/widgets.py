"""Column widgets: how a value of a column is read from a file and written to one."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation

from import_export.widgets import BooleanWidget, CharWidget, DecimalWidget, Widget

from consumers.admin.files.cells import split_items
from consumers.admin.framework.formatting import format_number


class TextWidget(CharWidget):
    """A text."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return "" if value is None else str(value)

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError("Expected a text.")
        return value


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
            raise ValueError("Expected a list of texts.")
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
        raise ValueError("Expected yes or no.")


class AmountWidget(DecimalWidget):
    """An amount or a rate; an empty cell is none."""

    def render(self, value: Decimal | None, obj: object = None, **kwargs: object) -> object:
        return None if value is None else Decimal(format_number(value, least=2))

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = str("" if value is None else value).strip()
        if not text:
            return None
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise ValueError("Expected a number such as 12.50.") from error


class WholeWidget(Widget):
    """A whole number; an empty cell is none."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return value

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = str("" if value is None else value).strip()
        if not text:
            return None
        if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
            raise ValueError("Expected a whole number.")
        return int(text)


class DayWidget(Widget):
    """A day; a spreadsheet may have it as midnight."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return value

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        text = str("" if value is None else value).strip().removesuffix("T00:00:00")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("Expected a day such as 2026-03-31.") from error


_DIGITS = 18
