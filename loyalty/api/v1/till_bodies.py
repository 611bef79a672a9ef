"""Bodies of the till's calls: decoded and checked once, then typed all the way."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from consumers.api.framework.strict_json import DuplicateKey, check_keys
from consumers.choices import CURRENCIES
from consumers.exceptions import MAX_PROBLEMS, Problem
from consumers.lengths import MAX_CONSUMER_ID_LENGTH, MAX_KEY_LENGTH, MAX_REFERENCE_LENGTH
from consumers.normal_form import normalized, normalized_json
from consumers.texts import key_problem, text_problem
from loyalty.choices import ReversalKind
from loyalty.exceptions import LoyaltyError, ReturnInvalid, SaleInvalid
from loyalty.services.till.reversal import ReturnedLine, ReversalRequest
from loyalty.services.till.sale import Expectation, Sale, SaleLine
from promotions.engine.benefits.vouchers import voucher_key
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.engine.money import PRICE_DECIMALS, exponent

_MAX_LENGTHS = {
    **dict.fromkeys(("site", "loyalty_card", "source", "payment_card_type"), MAX_KEY_LENGTH),
    "consumer": MAX_CONSUMER_ID_LENGTH,
}
MAX_LINES = 500
MAX_VOUCHERS = 20
# What differs is stored with the sale, whose size is bounded.
MAX_EXPECTED = 1_000
_MAX_NUMBER = Decimal(10) ** 12
"""The largest number, and the largest value of a basket."""
MAX_UNITS = 1_000_000_000
"""Units of a line, and of a whole basket."""
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_COMMON_PRICE = re.compile(r"\d{1,12}(\.(?P<decimals>\d{1,15}))?", re.ASCII)


def _documented(**keywords: object) -> Meta:
    """Return what the OpenAPI document says of a bound that is checked after decoding, with a code of its own."""
    return Meta(extra_json_schema=keywords)


_NUMBER_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
Name = Annotated[str, Meta(min_length=1, max_length=100, description="1 to 100 characters.")]
Sku = Annotated[str, Meta(min_length=1, max_length=MAX_SKU_LENGTH)]
Text = Annotated[str, Meta(max_length=200)]
Reference = Annotated[Text, _documented(maxLength=MAX_REFERENCE_LENGTH)]
Consumer = Annotated[Text, _documented(maxLength=MAX_CONSUMER_ID_LENGTH)]
ShortText = Annotated[Text, _documented(maxLength=MAX_KEY_LENGTH)]
Currency = Annotated[
    str, Meta(max_length=10, description="An ISO 4217 code."), _documented(maxLength=3, pattern="^[A-Z]{3}$")
]
Number = Annotated[
    str | int,
    Meta(description='A decimal number as text, such as "12.50".'),
    _documented(pattern=_NUMBER_PATTERN, examples=["12.50"]),
]
Lines = _documented(minItems=1, maxItems=MAX_LINES)
UnitPrice = Annotated[
    str | int,
    Meta(description="Up to four decimals. Below zero only if the line is left out of both discounts and points."),
    _documented(pattern=_NUMBER_PATTERN, examples=["12.50"]),
]
Weighed = Annotated[
    bool | None, Meta(description="Whether the line is one unit, whatever it weighs; null: as its product says.")
]
LeftOut = Annotated[
    bool | None, Meta(description="True leaves the line out; a line whose product is left out is left out anyway.")
]
Moment = Annotated[
    str,
    Meta(max_length=40, description="An ISO 8601 date and time with its offset from UTC."),
    _documented(format="date-time"),
]


class LineBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of a basket."""

    line_id: Name
    sku: Sku
    quantity: Number
    unit_price_inc_tax: UnitPrice
    unit_price_ex_tax: UnitPrice | None = None
    category: Text | None = ""
    brand: Text | None = ""
    weighed: Weighed = None
    no_discount: LeftOut = None
    no_points: LeftOut = None


class ExpectedBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """What the till printed."""

    net_total_inc_tax: Number | None = None
    points: int | None = None
    applied: Annotated[list[Name], _documented(maxItems=MAX_EXPECTED)] | None = None


class SaleBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A basket to evaluate, or a transaction to commit."""

    site: Annotated[Name, _documented(maxLength=MAX_KEY_LENGTH)]
    currency: Currency
    lines: Annotated[list[LineBody], Lines]
    reference: Reference | None = None
    occurred_at: Moment | None = None
    consumer: Consumer | None = None
    loyalty_card: ShortText | None = None
    source: ShortText | None = ""
    payment_card_type: ShortText | None = ""
    vouchers: Annotated[list[Text], _documented(maxItems=MAX_VOUCHERS, uniqueItems=True)] | None = None
    expected: ExpectedBody | None = None
    on_difference: Literal["commit", "refuse"] = "commit"


class ReturnedLineBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """How much of a line came back."""

    line_id: Name
    quantity: Number


class ReturnBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A part of a transaction that came back."""

    reference: Name
    lines: Annotated[list[ReturnedLineBody], Lines]
    occurred_at: Moment | None = None


class VoidBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A transaction that is taken back as a whole."""

    reference: Name
    occurred_at: Moment | None = None


class Placement(Struct):
    """What places a body in a batch: the rest of it is passed over, and takes no memory."""

    reference: object = None
    occurred_at: object = None


Body = TypeVar("Body", bound=Struct)

_batch_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_placement_decoder = msgspec.json.Decoder(Placement)
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"field `(?P<field>[^`]*)`")
_EXPECTED = re.compile(r"Expected `(?P<types>[^`]*)`(?: of length (?P<bound>[<>]=) (?P<length>\d+))?")
_NUMBER_AS_TEXT = 'Must be a number as text, such as "12.50".'
_EXPECTED_TYPES = {
    "array": "Must be a list.",
    "bool": "Must be true or false.",
    "int": "Must be a whole number.",
    "int | str": _NUMBER_AS_TEXT,
    "object": "Must be an object.",
    "str": "Must be text.",
}
"""What msgspec expected, without null, in words for integrators."""


class NotJson(Exception):
    """The body is not JSON."""


def sale_decoded(raw: bytes, *, now: datetime, commit: bool) -> Sale:
    """Return the sale in a body.

    Args:
        raw: the body.
        now: the moment of a basket that names none.
        commit: whether it will be committed: then it must have a reference.

    Raises:
        NotJson: it is not JSON.
        SaleInvalid: with the path of everything that is wrong.
    """
    return sale_checked(_decoded(raw, SaleBody, SaleInvalid), now=now, commit=commit)


def return_decoded(raw: bytes, *, transaction: str) -> ReversalRequest:
    """Return the request in a body for a return of a part of a transaction.

    Raises:
        NotJson: it is not JSON.
        ReturnInvalid: with the path of everything that is wrong.
    """
    body = _decoded(raw, ReturnBody, ReturnInvalid)
    checks = _Checks()
    if not 1 <= len(body.lines) <= MAX_LINES:
        checks.problem("lines", "length", f"A return has 1 to {MAX_LINES} lines.")
    lines = []
    line_ids: set[str] = set()
    for i, line in enumerate(body.lines[:MAX_LINES]):
        if line.line_id in line_ids:
            checks.problem(f"lines.{i}.line_id", "duplicate", f"The line id {line.line_id} is used twice.")
        line_ids.add(line.line_id)
        lines.append(
            ReturnedLine(
                line_id=checks.text(line.line_id, f"lines.{i}.line_id"),
                quantity=checks.quantity(line.quantity, f"lines.{i}.quantity"),
            )
        )
    return _reversal(body, checks, kind=ReversalKind.RETURN, transaction=transaction, lines=tuple(lines))


def void_decoded(raw: bytes, *, transaction: str) -> ReversalRequest:
    """Return the request in a body for the void of a transaction.

    Raises:
        NotJson: it is not JSON.
        ReturnInvalid: with the path of everything that is wrong.
    """
    body = _decoded(raw, VoidBody, ReturnInvalid)
    return _reversal(body, _Checks(), kind=ReversalKind.VOID, transaction=transaction)


def _reversal(
    body: ReturnBody | VoidBody,
    checks: "_Checks",
    *,
    kind: ReversalKind,
    transaction: str,
    lines: tuple[ReturnedLine, ...] = (),
) -> ReversalRequest:
    occurred_at = None if body.occurred_at is None else checks.moment(body.occurred_at, "occurred_at")
    reference = checks.text(body.reference, "reference")
    if not reference.strip():
        checks.problem("reference", "required", "A return needs a reference of its own.")
    if checks.problems:
        raise ReturnInvalid(problems=checks.problems)
    return ReversalRequest(
        kind=kind, transaction=transaction, reference=reference, lines=lines, occurred_at=occurred_at
    )


def batch_decoded(raw: bytes, *, now: datetime) -> list[tuple[str, bytes]]:
    """Return the bodies of an offline till, each as it was sent with its reference, the oldest first.

    A body that cannot be read is placed by its moment too, or else by ``now``.

    Raises:
        NotJson: it is not a JSON list.
    """
    try:
        bodies = [(bytes(body), _placement(bytes(body))) for body in _batch_decoder.decode(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from None
    dated = []
    for body, placement in bodies:
        reference, moment = placement.reference, placement.occurred_at
        at = _Checks().moment(moment, "") if isinstance(moment, str) else None
        dated.append((at or now, normalized(reference) if isinstance(reference, str) else "", body))
    return [(reference, body) for _, reference, body in sorted(dated, key=lambda entry: entry[0])]


def _placement(body: bytes) -> Placement:
    """Return what places a body in a batch; nothing if it is no object, or has a number beyond all bounds."""
    try:
        return _placement_decoder.decode(body)
    except msgspec.ValidationError:
        return Placement()


def _decoded(raw: bytes, struct: type[Body], refusal: type[LoyaltyError]) -> Body:
    try:
        normal = normalized_json(raw)
        body = msgspec.json.decode(normal, type=struct)
        check_keys(raw)
    except msgspec.ValidationError as error:
        raise refusal(problems=[_decode_problem(str(error))]) from None
    except DuplicateKey as error:
        problem = Problem(code="duplicate_key", detail="This key is sent twice.", attr=error.path)
        raise refusal(problems=[problem]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from None
    # Only escapes and characters beyond ASCII can be wrong: JSON itself has no bare control character but DEL.
    if not raw.isascii() or b"\\" in raw or b"\x7f" in raw:
        problems = list(islice(_text_problems(msgspec.json.decode(normal), "", ""), MAX_PROBLEMS))
        if problems:
            raise refusal(problems=problems)
    return body


_TEXTS_FOR_PEOPLE = frozenset({"category", "brand", "note", "attributes"})
"""Fields whose texts name no row; a voucher's code is looked for, whatever it is."""


def _text_problems(value: object, name: str, path: str) -> Iterator[Problem]:
    """Yield the control characters of all texts, and the invisible characters of keys."""
    if isinstance(value, str) and not value.isprintable():
        problem = text_problem(value) if name in _TEXTS_FOR_PEOPLE else key_problem(value)
        if "\x00" in value:
            yield Problem(
                code="invalid", detail="This text contains a character that cannot be stored. Remove it.", attr=path
            )
        elif problem and not (name == "vouchers" and problem.code == "invisible_character"):
            yield Problem(code=problem.code, detail=problem.detail, attr=path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            # Below the attributes of a line or sale all texts are for people.
            yield from _text_problems(inner, name if name == "attributes" else key, _joined(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _text_problems(inner, name, _joined(path, str(index)))


def _decode_problem(message: str) -> Problem:
    """Return msgspec's error as a problem, with its path in dots: ``lines.0.quantity``."""
    match = _PATH.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    dotted = path.removeprefix("$").replace("[", ".").replace("]", "").strip(".")
    field = _FIELD.search(what)
    if field and "missing required" in what:
        return Problem(code="required", detail="This field is required.", attr=_joined(dotted, field["field"]))
    if field and "unknown field" in what:
        return Problem(code="unknown_field", detail="Unknown field.", attr=_joined(dotted, field["field"]))
    return Problem(code="invalid", detail=_expected_type(what), attr=dotted or None)


def _expected_type(message: str) -> str:
    """Return msgspec's error about a value in the words of JSON, not of Python."""
    match = _EXPECTED.match(message)
    if match is None:
        return f"{message}."
    if match["length"]:
        bound = "least" if match["bound"] == ">=" else "most"
        return f"Must be text of at {bound} {match['length']} character{'' if match['length'] == '1' else 's'}."
    types = " | ".join(name for name in match["types"].split(" | ") if name != "null")
    return _EXPECTED_TYPES.get(types, f"{message}.")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@lru_cache(maxsize=10_000)
def _common_price(text: str, places: int) -> Decimal | None:
    """Return a price written as nearly all are, in which nothing can be wrong; None for any other text.

    A shop has a few thousand prices, and every line of every basket names two: cached, they take a third of the time.
    """
    match = _COMMON_PRICE.fullmatch(text)
    return Decimal(text) if match and len(match["decimals"] or "") <= places else None


@lru_cache(maxsize=10_000)
def _common_quantity(text: str) -> Decimal | None:
    """Return a quantity written as nearly all are; None for any other text."""
    quantity = _common_price(text, 3)
    return quantity if quantity and quantity <= MAX_UNITS else None


class _Checks:
    """Checks values, each at a path, and collects the problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.any_below_zero = False

    def problem(self, attr: str, code: str, detail: str) -> None:
        self.problems.append(Problem(code=code, detail=detail, attr=attr))

    def text(self, value: str | None, *path: str) -> str:
        if value and "\x00" in value:
            self.problem(".".join(path), "invalid", "This text contains a character that cannot be stored. Remove it.")
        return value or ""

    def number(self, value: str | int, *path: str) -> Decimal:
        text = str(value)
        try:
            if not _DECIMAL.fullmatch(text):
                raise InvalidOperation
            number = Decimal(text)
        except InvalidOperation:
            self.problem(".".join(path), "invalid", _NUMBER_AS_TEXT)
            return Decimal(1)
        if abs(number) > _MAX_NUMBER:
            self.problem(".".join(path), "max_value", "The number is too large.")
            return Decimal(1)
        return number

    def unit_price(self, value: str | int, *path: str) -> Decimal:
        """Return a price, of which the decision says whether it may be below zero."""
        price = _common_price(str(value), PRICE_DECIMALS)
        if price is not None:
            return price
        amount = self.number(value, *path)
        self.any_below_zero = self.any_below_zero or amount < 0
        if amount != round(amount, PRICE_DECIMALS):
            self.problem(".".join(path), "max_decimal_places", f"A unit price has {PRICE_DECIMALS} decimals at most.")
            return Decimal(0)
        return amount

    def money(self, value: str | int, currency: str, *path: str) -> Decimal:
        places = exponent(currency)
        amount = self.number(value, *path)
        if amount != round(amount, places):
            self.problem(".".join(path), "max_decimal_places", f"{currency} has {places} decimals.")
            return Decimal(0)
        return amount

    def quantity(self, value: str | int, *path: str) -> Decimal:
        common = _common_quantity(str(value))
        if common is not None:
            return common
        quantity = self.number(value, *path)
        if quantity <= 0:
            self.problem(".".join(path), "min_value", "A quantity is above 0.")
        elif quantity != round(quantity, 3):
            self.problem(".".join(path), "max_decimal_places", "A quantity has 3 decimals at most.")
        elif quantity > MAX_UNITS:
            self.problem(".".join(path), "max_value", f"A quantity is {MAX_UNITS:,} at most.")
        else:
            return quantity
        return Decimal(1)

    def moment(self, value: str, attr: str) -> datetime | None:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                # Far ends of the calendar overflow when they are moved to another zone.
                if 1900 <= moment.year <= 9000:
                    return moment
                self.problem(attr, "invalid", "The date and time is out of range.")
                return None
        except ValueError:
            self.problem(attr, "invalid", "Must be a date and time such as 2026-03-01T12:00:00Z.")
            return None
        self.problem(attr, "invalid", "A moment needs its offset from UTC, such as Z or +01:00.")
        return None


def sale_checked(body: SaleBody, *, now: datetime, commit: bool) -> Sale:
    """Check a decoded body and return it as a sale.

    Raises:
        SaleInvalid: with the path of everything that is wrong.
    """
    checks = _Checks()
    occurred_at = now if body.occurred_at is None else checks.moment(body.occurred_at, "occurred_at")
    if body.currency not in CURRENCIES:
        checks.problem("currency", "invalid_choice", f"{body.currency[:10]!r} is no ISO 4217 currency.")
    reference = checks.text(body.reference, "reference")
    if commit and not reference.strip():
        checks.problem("reference", "required", "A transaction needs its reference.")
    elif len(reference) > MAX_REFERENCE_LENGTH:
        checks.problem("reference", "max_length", f"A reference has {MAX_REFERENCE_LENGTH} characters at most.")
    vouchers = tuple(checks.text(code, f"vouchers.{i}") for i, code in enumerate(body.vouchers or ()))
    if len(vouchers) > MAX_VOUCHERS:
        checks.problem("vouchers", "max_length", f"At most {MAX_VOUCHERS} vouchers.")
    elif len({voucher_key(code) for code in vouchers}) < len(vouchers):
        checks.problem("vouchers", "duplicate", "A voucher is presented once.")
    lines = _lines(body, checks)
    sale = Sale(
        reference=reference,
        occurred_at=occurred_at or now,
        is_dated=body.occurred_at is not None,
        site=checks.text(body.site, "site"),
        currency=body.currency,
        consumer=checks.text(body.consumer, "consumer"),
        loyalty_card=checks.text(body.loyalty_card, "loyalty_card"),
        source=checks.text(body.source, "source"),
        payment_card_type=checks.text(body.payment_card_type, "payment_card_type"),
        lines=lines,
        vouchers=vouchers,
        expected=_expected(body, checks),
        on_difference=body.on_difference,
    )
    for name, max_length in _MAX_LENGTHS.items():
        if len(getattr(sale, name)) > max_length:
            checks.problem(name, "max_length", f"At most {max_length} characters.")
    if checks.problems:
        raise SaleInvalid(problems=checks.problems)
    return sale


def _lines(body: SaleBody, checks: _Checks) -> tuple[SaleLine, ...]:
    if not 1 <= len(body.lines) <= MAX_LINES:
        checks.problem("lines", "length", f"A basket has 1 to {MAX_LINES} lines.")
        return ()
    lines = []
    line_ids: set[str] = set()
    for i, line in enumerate(body.lines):
        at = f"lines.{i}"
        if line.line_id in line_ids:
            checks.problem(f"{at}.line_id", "duplicate", f"The line id {line.line_id} is used twice.")
        line_ids.add(line.line_id)
        inc_tax = checks.unit_price(line.unit_price_inc_tax, at, "unit_price_inc_tax")
        ex_tax = inc_tax
        if line.unit_price_ex_tax is not None:
            ex_tax = checks.unit_price(line.unit_price_ex_tax, at, "unit_price_ex_tax")
        lines.append(
            SaleLine(
                line_id=checks.text(line.line_id, at, "line_id"),
                sku=checks.text(line.sku, at, "sku"),
                quantity=checks.quantity(line.quantity, at, "quantity"),
                unit_price_inc_tax=inc_tax,
                unit_price_ex_tax=ex_tax,
                category=checks.text(line.category, at, "category"),
                brand=checks.text(line.brand, at, "brand"),
                weighed=line.weighed,
                no_discount=bool(line.no_discount),
                no_points=bool(line.no_points),
            )
        )
    if sum(line.quantity for line in lines) > MAX_UNITS:
        checks.problem("lines", "max_value", f"A basket has {MAX_UNITS:,} units at most.")
    if _worth(lines, any_below_zero=checks.any_below_zero) > _MAX_NUMBER:
        checks.problem("lines", "max_value", f"A basket is worth {_MAX_NUMBER:,} at most.")
    return tuple(lines)


def _worth(lines: Sequence[SaleLine], *, any_below_zero: bool) -> Decimal:
    """Return what some lines are worth at most, the sign of their prices aside."""
    if any_below_zero:
        lines = [
            line._replace(
                unit_price_inc_tax=abs(line.unit_price_inc_tax), unit_price_ex_tax=abs(line.unit_price_ex_tax)
            )
            for line in lines
        ]
    return sum((line.quantity * max(line.unit_price_inc_tax, line.unit_price_ex_tax) for line in lines), Decimal(0))


def _expected(body: SaleBody, checks: _Checks) -> Expectation | None:
    expected = body.expected
    if expected is None:
        return None
    if len(expected.applied or ()) > MAX_EXPECTED:
        checks.problem("expected.applied", "max_length", f"At most {MAX_EXPECTED:,} codes.")
    total = expected.net_total_inc_tax
    return Expectation(
        net_total_inc_tax=None if total is None else checks.money(total, body.currency, "expected.net_total_inc_tax"),
        points=expected.points,
        applied=None if expected.applied is None else frozenset(expected.applied),
    )
