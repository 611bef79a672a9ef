"""Checks of what is to be saved of a promotion, before anything is looked up or written."""

import unicodedata
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime

from consumers.choices import CURRENCIES, NO_CURRENCY
from consumers.exceptions import Problem
from consumers.models import Account
from consumers.services.upsert import FIRST_YEAR, LAST_YEAR, is_storable
from consumers.texts import key_problem, text_problem
from promotions.engine.definition.budgets import budget_amount
from promotions.engine.definition.fields import Document
from promotions.engine.definition.reader import Definition, InvalidDefinition
from promotions.exceptions import AlreadyPublished, PromotionsError
from promotions.models import Promotion
from promotions.services.funding import funding_checked, ledger_class_problems
from promotions.services.promotion.change import Change
from promotions.services.promotion.values import (
    MAX_CODE_LENGTH,
    MAX_DESCRIPTION_LENGTH,
    MAX_NAME_LENGTH,
    PromotionFamily,
    PromotionValues,
)

_PLAIN = (
    "code",
    "type",
    "name",
    "description",
    "currency",
    "starts_at",
    "ends_at",
    "draft",
    "archived",
    "ledger_class",
)
"""The values that are set on the row as they are."""
_FORBIDDEN_IN_CODES = frozenset("/?#")
_CATEGORIES_FORBIDDEN_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def checked_change(
    family: PromotionFamily, account: Account, values: PromotionValues, before: Promotion | None, at: datetime
) -> Change:
    """Check new values of a promotion and return the change that they ask for.

    References and the campaign are not looked up.

    Raises:
        PromotionsError: every problem of the values, by path.
    """
    if before is not None and values.type != before.type and family.type_is_fixed:
        detail = f"The type is {before.type} and cannot be changed."
        raise PromotionsError(problems=[Problem(code="immutable", attr="type", detail=detail)])
    values = replace(
        values,
        name=values.name.strip(),
        currency=values.currency or account.currency,
        ledger_class=values.ledger_class.strip(),
    )
    funding, funding_problems = funding_checked(values.funding)
    problems = [*field_problems(values), *funding_problems]
    if before is not None:
        problems += _immutable_problems(values, before, at)
    promotion = (
        copy(before) if before is not None else Promotion(account=account, family=family.family, type=values.type)
    )
    change = Change(promotion=promotion, before=before)
    for name in _PLAIN:
        setattr(promotion, name, getattr(values, name))
    promotion.funding = funding
    if change.publishes or before is None or _checked_parts(values) != _checked_parts(before):
        try:
            definition = family.check(values, account.catalogue_enabled)
        except InvalidDefinition as invalid:
            problems += [
                Problem(code=problem.code, detail=problem.detail, attr=problem.path) for problem in invalid.problems
            ]
        else:
            problems += _storage_problems(definition)
            change.references = definition.references
            _set_definition(promotion, definition)
    if problems:
        raise PromotionsError(problems=problems)
    return change


def _checked_parts(promotion: PromotionValues | Promotion) -> tuple[object, ...]:
    """Return what the check of a definition depends on: the type, the documents, and the currency of their amounts."""
    documents = (promotion.outcome, promotion.eligibility, promotion.content)
    return promotion.type, *documents, promotion.currency, promotion.budget, promotion.customer_budget


def _set_definition(promotion: Promotion, definition: Definition) -> None:
    """Set a checked definition on the row, with the columns that lists and limits read."""
    promotion.subtype = definition.subtype
    promotion.outcome = definition.outcome
    promotion.eligibility = definition.eligibility
    promotion.content = definition.content
    promotion.always_apply = bool(definition.eligibility.get("always_apply"))
    promotion.total_redemption_limit = definition.eligibility.get("total_redemption_limit")
    promotion.budget, promotion.customer_budget = definition.budget, definition.customer_budget
    budget = definition.budget
    promotion.budget_amount = None if budget is None else _budget_amount(promotion, budget)
    promotion.budget_overruns = budget is not None and budget["when_short"] == "honour"


def _budget_amount(promotion: Promotion, budget: Document) -> int:
    return budget_amount(budget, family=promotion.family, promotion_type=promotion.type, currency=promotion.currency)


def field_problems(values: PromotionValues) -> Iterator[Problem]:
    """Yield the problems of the fields that every family has."""
    if refused := code_problem(values.code):
        yield refused
    if not values.name:
        yield Problem(code="blank", attr="name", detail="This must not be blank.")
    if any(unicodedata.category(character) in _CATEGORIES_FORBIDDEN_IN_NAMES for character in values.name):
        yield Problem(code="invalid", attr="name", detail="A name must be a single line without control characters.")
    for name, text, max_length in (
        ("name", values.name, MAX_NAME_LENGTH),
        ("description", values.description, MAX_DESCRIPTION_LENGTH),
    ):
        if len(text) > max_length:
            yield Problem(code="max_length", attr=name, detail=f"Must be at most {max_length} characters.")
    if not is_storable(values.description):
        yield Problem(
            code="invalid",
            attr="description",
            detail="This text contains a character that cannot be stored. Remove it.",
        )
    elif problem := text_problem(values.description):
        yield Problem(code=problem.code, attr="description", detail=problem.detail)
    if values.currency not in CURRENCIES:
        yield Problem(code="invalid_choice", attr="currency", detail=NO_CURRENCY)
    yield from ledger_class_problems(values.ledger_class)
    yield from _date_problems(values)


def _date_problems(values: PromotionValues) -> Iterator[Problem]:
    moments = {name: moment for name in ("starts_at", "ends_at") if (moment := getattr(values, name)) is not None}
    invalid = {name: problem for name, moment in moments.items() if (problem := _moment_problem(moment))}
    for name, problem in invalid.items():
        yield Problem(code="invalid", attr=name, detail=problem)
    if not invalid and values.ends_at is not None and values.ends_at <= values.starts_at:
        yield Problem(code="not_after_start", attr="ends_at", detail="The end date must be after the start date.")


def _moment_problem(moment: datetime) -> str:
    if moment.tzinfo is None:
        return "Add the offset from UTC to this time."
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return f"Years are {FIRST_YEAR} to {LAST_YEAR}; leave it blank for no end date."
    return ""


def code_problem(code: str) -> Problem | None:
    """Return why a promotion cannot have this code, or None if it can.

    Codes are part of addresses and are read by people: printable characters, but none that divides an address.
    """
    if code != code.strip():
        return Problem(code="blank_at_end", attr="code", detail="A code cannot begin or end with a space.")
    if refused := key_problem(code):
        return Problem(code=refused.code, attr="code", detail=refused.detail)
    detail = ""
    if not 1 <= len(code) <= MAX_CODE_LENGTH:
        detail = f"A code must have 1 to {MAX_CODE_LENGTH} characters."
    elif not code.isprintable() or not _FORBIDDEN_IN_CODES.isdisjoint(code):
        detail = "A code can only have printable characters, and no / ? or #."
    elif code in (".", ".."):
        detail = "A code cannot be dots only."
    return Problem(code="invalid", attr="code", detail=detail) if detail else None


def _immutable_problems(values: PromotionValues, before: Promotion, at: datetime) -> Iterator[Problem]:
    """Yield a problem for each change that a published promotion no longer allows."""
    if before.draft:
        return
    if values.draft:
        yield Problem(
            code=AlreadyPublished.code,
            attr="draft",
            detail=f"Promotion {before.code} is published and cannot become a draft again.",
        )
    if values.currency != before.currency:
        yield Problem(
            code="immutable", attr="currency", detail="You cannot change the currency of a published promotion."
        )
    if before.starts_at <= at and values.starts_at != before.starts_at:
        yield Problem(
            code="immutable", attr="starts_at", detail="You cannot change the start of a promotion that has started."
        )


def _storage_problems(definition: Definition) -> Iterator[Problem]:
    """Yield a problem for each text that the database cannot store."""
    for name in ("outcome", "eligibility", "content"):
        for path, text in _texts(getattr(definition, name), name):
            if not is_storable(text):
                yield Problem(
                    code="invalid", attr=path, detail="This text contains a character that cannot be stored. Remove it."
                )


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text inside a value, each with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}")
