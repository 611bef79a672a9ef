"""Numbers as spreadsheets write them: with a decimal point or a decimal comma, and thousands separators."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PLAIN = {sign: re.compile(rf"[+-]?(\d+({re.escape(sign)}\d*)?|{re.escape(sign)}\d+)", re.ASCII) for sign in ".,"}
_GROUPED = {
    sign: re.compile(
        rf"[+-]?\d{{1,3}}(?P<separator>[{other}' \u00a0\u202f’])\d{{3}}(?:(?P=separator)\d{{3}})*"
        rf"({re.escape(sign)}\d+)?",
        re.ASCII,
    )
    for sign, other in ((".", ","), (",", "."))
}
_THOUSANDS_OR_DECIMALS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_SEPARATORS = re.compile("[' \u00a0\u202f’]")
SIGN_NAMES = {".": "point", ",": "comma"}


class NotANumber(ValueError):
    """The text is no number."""


class UnclearNumber(ValueError):
    """The text has a separator that may be that of decimals or of thousands; the message says what to do."""


class NativeNumber(str):
    """A number of a workbook's cell, as text: always with a decimal point, whatever the file's texts have."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class NumberStyle:
    """How a file writes its numbers.

    ``sign`` is the decimal sign. ``is_chosen`` says that a person named it: only then are thousands separators read.
    ``is_certain`` says that a single separator before three digits is the decimal sign.
    """

    sign: str = "."
    is_chosen: bool = False
    is_certain: bool = True


def recognise_style(texts: Iterable[str], *, delimiter: str) -> NumberStyle:
    """Return the style of a file by the numbers in it. A file with commas between its cells has decimal points."""
    signs: set[str] = set()
    for text in texts:
        if isinstance(text, NativeNumber) or _THOUSANDS_OR_DECIMALS.fullmatch(text):
            continue
        signs |= {sign for sign in ".," if sign in text and _PLAIN[sign].fullmatch(text)}
    if signs:
        return NumberStyle(sign="," if signs == {","} else ".")
    # Points in a file that separates its cells by semicolons may well be those of thousands.
    return NumberStyle(is_certain=delimiter != ";")


def number_text(text: str, style: NumberStyle) -> str:
    """Return a number's text with a decimal point and without thousands separators.

    Raises:
        NotANumber: the text is no number.
        UnclearNumber: it is one, but its separators are not those of the file.
    """
    if isinstance(text, NativeNumber):
        return str(text)
    sign = style.sign
    if _PLAIN[sign].fullmatch(text):
        if not style.is_chosen and not style.is_certain and _THOUSANDS_OR_DECIMALS.fullmatch(text):
            raise UnclearNumber(_unclear(text))
        return text.replace(sign, ".")
    if style.is_chosen and _GROUPED[sign].fullmatch(text):
        other = "." if sign == "," else ","
        return _SEPARATORS.sub("", text).replace(other, "").replace(sign, ".")
    if style.is_chosen:
        if any(pattern.fullmatch(text) for pattern in (*_PLAIN.values(), *_GROUPED.values())):
            raise UnclearNumber(f"{text} does not have the decimal {SIGN_NAMES[sign]} that you chose.")
        raise NotANumber(text)
    if _THOUSANDS_OR_DECIMALS.fullmatch(text):
        raise UnclearNumber(_unclear(text))
    for name, pattern in ((SIGN_NAMES[each], _GROUPED[each]) for each in ".,"):
        if pattern.fullmatch(text):
            raise UnclearNumber(
                f"{text} has a thousands separator. Remove it, or choose Decimal sign: {name.capitalize()}."
            )
    if any(pattern.fullmatch(text) for pattern in _PLAIN.values()):
        raise UnclearNumber(
            f"{text} has a decimal comma, other numbers a decimal point. Use one of them, or choose the decimal sign."
        )
    raise NotANumber(text)


def _unclear(text: str) -> str:
    separator = "," if "," in text else "."
    return (
        f"{text} may be {text.replace(separator, '')} or {text.replace(separator, '.')}. "
        "Choose the decimal sign and upload the file again."
    )
