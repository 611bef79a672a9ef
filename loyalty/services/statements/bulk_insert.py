"""Insert rows at the speed of a till.

Putting an INSERT together costs the ORM several times what the database takes to run it, and waiting for the answer of
each statement costs as much again; a commit makes half a dozen.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import DateField, DecimalField, Field, JSONField, Model
from msgspec import json

from loyalty.services.statements.combined_query import Parameter

if TYPE_CHECKING:
    AnyField = Field[Any, Any]


@contextmanager
def statements_together() -> Iterator[None]:
    """Send the statements inside without waiting for the answer of each, where the database can do that.

    The error of one that fails is raised by the next that asks for rows, or at the end. How many rows were changed is
    not known inside: ask for the rows. Must be called inside a transaction.
    """
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def rows_insert(rows: Sequence[Model], *, ids: bool = True) -> None:
    """Insert unsaved rows of one model, in one statement unless they are thousands.

    The columns are the model's own. No signals are sent, so this is not for models that keep a history of changes; and
    the rows are for reading afterwards, not for saving again.

    Args:
        rows: all of them with ids, or all without.
        ids: whether rows without an id are given theirs, which means waiting for the database's answer.
    """
    if not rows:
        return
    model = type(rows[0])
    has_ids = rows[0].pk is not None
    returning = "" if has_ids or not ids else " RETURNING id"
    fields = _columns(model, with_id=has_ids)
    batch_size = connection.ops.bulk_batch_size(list(fields), rows)
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        with connection.cursor() as cursor:
            if len(batch) > 1 and connection.vendor == "postgresql":
                cursor.execute(_insert_document(model, with_id=has_ids) + returning, [_document(batch, fields)])
            else:
                values = [_value(field, row) for row in batch for field in fields]
                cursor.execute(_insert(model, len(batch), with_id=has_ids) + returning, values)
            if returning:
                for row, (row_id,) in zip(batch, cursor.fetchall(), strict=True):
                    row.pk = row_id


def _value(field: "AnyField", row: Model) -> Parameter:
    """Return a field's value as the driver takes it: texts and whole numbers as they are."""
    if isinstance(field, JSONField):
        return json.encode(getattr(row, field.attname)).decode()
    value: Parameter = getattr(row, field.attname)
    if isinstance(field, DateField | DecimalField):
        value = field.get_db_prep_save(field.pre_save(row, add=True), connection)
    return value


def _document(rows: Sequence[Model], fields: "Sequence[AnyField]") -> str:
    """Return rows as one JSON list, which the database converts to the table's own types."""
    columns = [(field.column, field.attname) for field in fields]
    return json.encode([{column: getattr(row, name) for column, name in columns} for row in rows]).decode()


@lru_cache
def _columns(model: type[Model], *, with_id: bool = False) -> tuple["AnyField", ...]:
    return tuple(field for field in model._meta.concrete_fields if with_id or not field.primary_key)


@lru_cache(maxsize=1000)
def _insert(model: type[Model], rows: int, *, with_id: bool = False) -> str:
    columns = [str(field.column) for field in _columns(model, with_id=with_id)]
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"  # noqa: S608 - names are the model's own
        f" VALUES {', '.join([placeholders] * rows)}"
    )


@lru_cache
def _insert_document(model: type[Model], *, with_id: bool = False) -> str:
    """Return an INSERT of any number of rows.

    The statement is the same for any number: the driver parses it once, and the database keeps its plan.
    """
    table, columns = model._meta.db_table, ", ".join(str(field.column) for field in _columns(model, with_id=with_id))
    return (
        f"INSERT INTO {table} ({columns})"  # noqa: S608 - names are the model's own
        f" SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"
    )
