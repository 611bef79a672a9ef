"""Create or replace many rows by their keys, the same way for one row and for ten thousand."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model, QuerySet
from simple_history.utils import get_history_manager_for_model

from consumers.author import Author
from consumers.exceptions import ConsumersError, Problem, Refused
from consumers.models import Account
from consumers.texts import key_problem, text_problem
from consumers.types import JsonMapping, Rows

Row = TypeVar("Row", bound=Model)
Read = TypeVar("Read")

CHUNK = 10_000
"""Values in one statement: SQLite allows 32,766 parameters."""

FIRST_YEAR, LAST_YEAR = 1000, 9998
"""Years in which a moment can be moved between zones, and a day by a century, without leaving the calendar."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """How many rows an upsert created, and how many it replaced."""

    created: int = 0
    updated: int = 0


def rows_by_values(rows: QuerySet[Any, Read], name: str, values: Iterable[Any]) -> Iterator[Read]:
    """Yield the rows whose column ``name`` has one of ``values``, in as many queries as they need."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), CHUNK):
        yield from rows.filter(**{f"{name}__in": ordered[start : start + CHUNK]})


def rows_delete(rows: Rows, pks: Sequence[int]) -> None:
    """Delete the rows of these primary keys, in as many statements as they need."""
    for start in range(0, len(pks), CHUNK):
        rows.filter(pk__in=pks[start : start + CHUNK]).delete()


def model_problems(row: Model, *, exclude: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what the model's validation finds wrong with a row, by field; the upsert settles uniqueness.

    ``exclude`` names fields that the caller has checked; foreign keys among them save a query for each row.
    """
    skipped = {field.name for field in row._meta.fields if not field.editable} | set(exclude)
    yield from _character_problems(row)
    errors: list[ValidationError] = []
    try:
        row.clean_fields(exclude=skipped)
    except ValidationError as error:
        errors.append(error)
    try:
        row.clean()
    except ValidationError as error:
        errors.append(error)
    for refused in errors:
        yield from validation_problems(refused)


def _character_problems(row: Model) -> Iterator[Problem]:
    """Yield control characters of all texts, and invisible ones of keys, which a unique constraint names."""
    keys = {name for constraint in row._meta.total_unique_constraints for name in constraint.fields}
    keys |= {field.name for field in row._meta.fields if field.unique}
    for field in row._meta.fields:
        text = getattr(row, field.attname)
        if isinstance(text, str):
            problem = key_problem(text) if field.name in keys else text_problem(text)
            if problem is not None:
                yield Problem(code=problem.code, detail=problem.detail, attr=field.name)


def validation_problems(error: ValidationError) -> Iterator[Problem]:
    """Yield what Django's validation says, by field."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
    for name, errors in by_field.items():
        attr = None if name == NON_FIELD_ERRORS else name
        for each in errors:
            yield from (Problem(code=each.code or "invalid", detail=text, attr=attr) for text in each.messages)


def rows_upsert(
    *,
    model: type[Row],
    account: Account,
    key: str,
    rows: Sequence[JsonMapping],
    exclude: Collection[str] = (),
    refuse: type[Refused] = ConsumersError,
) -> tuple[list[Row], Saved]:
    """Create or replace the account's ``rows``, each a mapping of every field of ``model`` that may be set.

    The caller holds the account's lock, and the keys are distinct. Return the rows in the given order, with their
    primary keys, and how many were created and replaced.

    Raises:
        refuse: rows are invalid, each problem under ``<index>.<field>``; nothing is written.
    """
    if not rows:
        return [], Saved()
    manager = model._default_manager
    keys = [row[key] for row in rows]
    stored_keys = set(manager.filter(account=account, **{f"{key}__in": keys}).values_list(key, flat=True))
    saved_rows = [model(account=account, **row) for row in rows]
    problems = [
        replace(problem, attr=f"{index}.{problem.attr}" if problem.attr else str(index))
        for index, row in enumerate(saved_rows)
        for problem in model_problems(row, exclude=exclude)
    ]
    # A row that has such a key can still be changed.
    problems += [
        Problem(code="blank_at_end", detail="A key cannot begin or end with a space.", attr=f"{index}.{key}")
        for index, row_key in enumerate(keys)
        if row_key != row_key.strip() and row_key not in stored_keys
    ]
    if problems:
        raise refuse(problems=problems)
    names = {name for name in rows[0] if name != key} | {
        field.name for field in model._meta.fields if getattr(field, "auto_now", False)
    }
    manager.bulk_create(saved_rows, update_conflicts=True, unique_fields=["account", key], update_fields=sorted(names))
    return saved_rows, Saved(created=len(keys) - len(stored_keys), updated=len(stored_keys))


def upsert_record(rows: Sequence[Any], *, replaced: JsonMapping, key: str, author: Author, at: datetime) -> None:
    """Write the history of upserted rows of one model: ``replaced`` are the rows that were there before, by ``key``.

    The rows get the time of creation of those that they replaced, which the upsert leaves alone.
    """
    created: list[Any] = []
    updated: list[Any] = []
    for row in rows:
        before = replaced.get(getattr(row, key))
        if before is not None:
            row.created_at = before.created_at
        (created if before is None else updated).append(row)
    history_record(created, is_update=False, author=author, at=at)
    history_record(updated, is_update=True, author=author, at=at)


def history_record(
    rows: Sequence[Model], *, is_update: bool, author: Author, at: datetime, batch_size: int = CHUNK
) -> None:
    """Write the history of rows of one model that a bulk statement created or replaced."""
    if rows:
        get_history_manager_for_model(type(rows[0])).bulk_history_create(
            rows,
            batch_size=batch_size,
            update=is_update,
            default_user=author.user,
            default_change_reason=author.note,
            default_date=at,
        )


_SURROGATE = re.compile("[\ud800-\udfff]")


def is_storable(value: object) -> bool:
    """Return whether a database can store all texts of a value: no NUL, no unpaired surrogate."""
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text if "\x00" in text or (not text.isascii() and _SURROGATE.search(text)):
                return False
            case dict() as document:
                pending += [*document, *document.values()]
            case [*items]:
                pending += items
    return True
