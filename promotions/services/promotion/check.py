"""."""

import unicodedata
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime

from consumers.choices import CURRENCIES, NO_CURRENCY
from consumers.exceptions import Problem
from consumers.models import Account
from consumers.services.upsert import FIRST_YEAR, LAST_YEAR, is_storable
from promotions.engine.definition.reader import Definition, InvalidDefinition
from promotions.exceptions import (
    AlreadyPublished,
    PromotionsError,
)
from promotions.models import Promotion
from promotions.services.promotion.change import Change
from promotions.services.promotion.values import (
    MAX_CODE_LENGTH,
    MAX_DESCRIPTION_LENGTH,
    MAX_NAME_LENGTH,
    PromotionFamily,
    PromotionValues,
)

_NOT_IN_CODES = frozenset("/?#")
_NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def checked_change(
    family: PromotionFamily, account: Account, row: PromotionValues, before: Promotion | None, at: datetime
) -> Change:
    """The change that a row asks for.

    Raises:
        PromotionsError: everything wrong with the row, references aside.
    """
    if before is not None and row.type != before.type:
        raise PromotionsError(
            problems=[Problem(code="immutable", attr="type", detail=f"It is a {before.type} promotion, and stays one.")]
        )
    row = replace(row, name=row.name.strip(), currency=row.currency or account.currency)
    problems = [*field_problems(row), *(_fixed_problems(row, before, at) if before is not None else ())]
    promotion = copy(before) if before is not None else Promotion(account=account, family=family.family, type=row.type)
    change = Change(promotion=promotion, before=before)
    for name in ("code", "name", "description", "currency", "starts_at", "ends_at", "draft", "archived"):
        setattr(promotion, name, getattr(row, name))
    if change.publishes or before is None or _documents(row) != _documents(before):
        try:
            definition = family.check(row, account.catalogue_enabled)
        except InvalidDefinition as invalid:
            problems += [Problem(code=one.code, detail=one.detail, attr=one.path) for one in invalid.problems]
        else:
            problems += _unstorable(definition)
            change.references = definition.references
            _define(promotion, definition)
    if problems:
        raise PromotionsError(problems=problems)
    return change


def _documents(promotion: PromotionValues | Promotion) -> tuple[object, ...]:
    """What a check is given, amounts in the currency among it."""
    return promotion.outcome, promotion.eligibility, promotion.content, promotion.currency


def _define(promotion: Promotion, definition: Definition) -> None:
    """Lay a checked definition into the row, with the columns that overviews and limits read."""
    promotion.subtype = definition.subtype
    promotion.outcome = definition.outcome
    promotion.eligibility = definition.eligibility
    promotion.content = definition.content
    promotion.always_apply = bool(definition.eligibility.get("always_apply"))
    promotion.total_redemption_limit = definition.eligibility.get("total_redemption_limit")


def field_problems(row: PromotionValues) -> Iterator[Problem]:
    if problem := code_problem(row.code):
        yield Problem(code="invalid", attr="code", detail=problem)
    if not row.name:
        yield Problem(code="blank", attr="name", detail="This may not be blank.")
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in row.name):
        yield Problem(code="invalid", attr="name", detail="A name is one line without control characters.")
    for name, text, longest in (
        ("name", row.name, MAX_NAME_LENGTH),
        ("description", row.description, MAX_DESCRIPTION_LENGTH),
    ):
        if len(text) > longest:
            yield Problem(code="max_length", attr=name, detail=f"Expected {longest} characters at most.")
    if not is_storable(row.description):
        yield Problem(code="invalid", attr="description", detail="This text has a character that cannot be stored.")
    if row.currency not in CURRENCIES:
        yield Problem(code="invalid_choice", attr="currency", detail=NO_CURRENCY)
    yield from _date_problems(row)


def _date_problems(row: PromotionValues) -> Iterator[Problem]:
    moments = {name: moment for name in ("starts_at", "ends_at") if (moment := getattr(row, name)) is not None}
    wrong = {name: problem for name, moment in moments.items() if (problem := _moment_problem(moment))}
    for name, problem in wrong.items():
        yield Problem(code="invalid", attr=name, detail=problem)
    if not wrong and row.ends_at is not None and row.ends_at <= row.starts_at:
        yield Problem(code="not_after_start", attr="ends_at", detail="The end must be after the start.")


def _moment_problem(moment: datetime) -> str:
    if moment.tzinfo is None:
        return "Say which offset from UTC this time has."
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return f"Years are {FIRST_YEAR} to {LAST_YEAR}; for no end leave it empty."
    return ""


def code_problem(code: str) -> str:
    """Why a promotion cannot have this code; empty if it can.

    Codes stand in addresses and are read by people: printable characters, but none that divides an address.
    """
    if not 1 <= len(code) <= MAX_CODE_LENGTH:
        return f"A code has 1 to {MAX_CODE_LENGTH} characters."
    if code != code.strip() or not code.isprintable() or not _NOT_IN_CODES.isdisjoint(code):
        return "A code has printable characters only, no / ? or #, and no blank at its ends."
    if code in (".", ".."):
        return "A code of dots alone would be lost in an address."
    return ""


def _fixed_problems(row: PromotionValues, before: Promotion, at: datetime) -> Iterator[Problem]:
    """What may not change any more."""
    if before.draft:
        return
    if row.draft:
        yield Problem(
            code=AlreadyPublished.code,
            attr="draft",
            detail=f"Promotion {before.code} is published and cannot become a draft again.",
        )
    if row.currency != before.currency:
        yield Problem(code="immutable", attr="currency", detail="The currency is fixed once a promotion is published.")
    if before.starts_at <= at and row.starts_at != before.starts_at:
        yield Problem(code="immutable", attr="starts_at", detail="The start is fixed once a promotion has started.")


def _unstorable(definition: Definition) -> Iterator[Problem]:
    for name in ("outcome", "eligibility", "content"):
        for path, text in _texts(getattr(definition, name), name):
            if not is_storable(text):
                yield Problem(code="invalid", attr=path, detail="This text has a character that cannot be stored.")


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}")
