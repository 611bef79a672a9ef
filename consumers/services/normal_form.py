"""Put stored texts into Unicode NFC: those of before every text that enters was put into it.

A key stored in another form is found by nobody, since whoever asks for it asks for its normal form. Batches are short
statements of their own, so that tills sell meanwhile, and may be repeated: what is normal is not written again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import CharField, JSONField, Model, TextField, UniqueConstraint

from consumers.normal_form import normalized, normalized_document

BATCH_ROWS = 5_000
MAX_ATTEMPTS = 5


class Clash(NamedTuple):
    """A row that keeps its key, since another row has that key in the other form."""

    account: str
    kind: str
    key: str
    row_id: int

    def __str__(self) -> str:
        return (
            f"{self.account}: the {self.kind} {self.key} is stored twice, with its accents in two forms, of which calls"
            f" reach one. Not changed: number {self.row_id}, {self.key!a}."
        )


@dataclass(frozen=True, kw_only=True)
class StoredTexts:
    """A table whose texts are put into NFC: all of its columns, or the named ones.

    ``within`` is entered for each batch that changes something.
    """

    model: type[Model]
    names: Sequence[str] = ()
    within: Callable[[], AbstractContextManager[object]] = nullcontext
    clashing: set[int] = field(default_factory=set)

    @property
    def table(self) -> str:
        """The quoted name of the table."""
        return connection.ops.quote_name(self.model._meta.db_table)

    def columns(self, *kinds: type[Any]) -> list[str]:
        """Return the columns of some kinds, without those that hold one of a few choices."""
        return [
            str(column.column)
            for column in self.model._meta.concrete_fields
            if isinstance(column, kinds) and not column.choices and (not self.names or column.name in self.names)
        ]

    def key_columns(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each text column that is a key, with the columns within which it is one."""
        texts = set(self.columns(CharField, TextField))
        column_of = {column.name: str(column.column) for column in self.model._meta.concrete_fields}
        for constraint in self.model._meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                columns = [column_of[name] for name in constraint.fields]
                for key in texts.intersection(columns):
                    yield key, [column for column in columns if column != key]


def texts_normalize(stored: StoredTexts) -> tuple[int, list[Clash]]:
    """Put the texts of a table into NFC; return how many rows were changed, and those that keep a key.

    Two rows of which one would get the other's key both stay as they are.
    """
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.create_function("nfc", 1, _normalized_value, deterministic=True)
    stored.clashing.update(_clashing_ids(stored))
    changed = 0
    for first, last in _batches(stored):
        changed += _with_retry(stored, partial(_batch_normalize, stored, first, last))
    return changed, list(_clashes(stored))


def _normalized_value(value: object) -> object:
    return normalized(value) if isinstance(value, str) else value


def _batches(stored: StoredTexts) -> Iterator[tuple[int, int]]:
    last = 0
    while True:
        with connection.cursor() as cursor:
            batch = f"SELECT id FROM {stored.table} WHERE id > %s ORDER BY id LIMIT %s"  # noqa: S608 - a model's table
            cursor.execute(f"SELECT max(id) FROM ({batch}) AS batch", [last, BATCH_ROWS])  # noqa: S608 - as above
            upper = cursor.fetchone()[0]
        if upper is None:
            return
        yield last, upper
        last = upper


def _with_retry(stored: StoredTexts, write: Callable[[], int]) -> int:
    """Run a batch again where it met a sale, or a row that has got the key meanwhile."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return write()
        except IntegrityError:
            stored.clashing.update(_clashing_ids(stored))
        except OperationalError:  # a deadlock: the database ended this statement, and the sale goes on
            continue
    return write()


def _batch_normalize(stored: StoredTexts, first: int, last: int) -> int:
    columns = stored.columns(CharField, TextField)
    where = f"id > {first} AND id <= {last} AND ({' OR '.join(map(_is_not_normal, columns)) or 'FALSE'})"
    where += f" AND id NOT IN ({', '.join(map(str, sorted(stored.clashing)))})" if stored.clashing else ""
    changes = ", ".join(f"{column} = {_normal(column)}" for column in columns)
    documents = _documents_to_change(stored, first, last)
    with connection.cursor() as cursor:
        # Only a batch that changes something takes what ``within`` takes.
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {stored.table} WHERE {where})")  # noqa: S608 - names and numbers
        if not cursor.fetchone()[0] and not documents:
            return 0
        with transaction.atomic(), stored.within():
            changed = 0
            if columns:
                cursor.execute(f"UPDATE {stored.table} SET {changes} WHERE {where}")  # noqa: S608 - as above
                changed = cursor.rowcount
            for row_id, values in documents.items():
                stored.model._default_manager.filter(pk=row_id).update(**values)
    return changed + len(documents)


def _documents_to_change(stored: StoredTexts, first: int, last: int) -> dict[int, dict[str, object]]:
    """Return the documents of a batch that are not normal, by row and column, in their normal form.

    They are read in Python: in a database a document is written with escapes, which must not meet a mark behind them.
    """
    names = stored.columns(JSONField)
    if not names:
        return {}
    as_text = "{}::text" if connection.vendor == "postgresql" else "{}"
    is_candidate = " OR ".join(
        _is_not_normal(as_text.format(name)) + (f" OR {name} LIKE '%%\\u%%'" if connection.vendor == "sqlite" else "")
        for name in names
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {stored.table} WHERE id > %s AND id <= %s AND ({is_candidate})",  # noqa: S608 - names
            [first, last],
        )
        ids = [row_id for (row_id,) in cursor.fetchall()]
    rows: dict[int, dict[str, object]] = {}
    for row in stored.model._default_manager.filter(pk__in=ids).values("pk", *names):
        row_id = row.pop("pk")
        normal = {name: normalized_document(document) for name, document in row.items()}
        if normal != row:
            rows[row_id] = normal
    return rows


def _is_not_normal(column: str) -> str:
    if connection.vendor == "sqlite":
        return f"(length(CAST({column} AS BLOB)) <> length({column}) AND nfc({column}) <> {column})"
    return f"(octet_length({column}) <> char_length({column}) AND {column} IS NOT NFC NORMALIZED)"


def _normal(column: str) -> str:
    return f"nfc({column})" if connection.vendor == "sqlite" else f"normalize({column}, NFC)"


def _clashing_ids(stored: StoredTexts) -> set[int]:
    """Return the rows whose key in its normal form is another row's, or that of another row in its normal form."""
    ids: set[int] = set()
    for key, scope in stored.key_columns():
        same = " AND ".join(f"o.{column} = t.{column}" for column in scope)
        form = _normal(f"t.{key}")
        per_form = ", ".join([*(f"t.{column}" for column in scope), form])
        # The first condition is answered by the key's own index, for each row that is not normal.
        statement = (
            f"SELECT id FROM (SELECT t.id, EXISTS (SELECT 1 FROM {stored.table} o WHERE {same} AND o.{key} = {form})"  # noqa: S608 - names
            f" AS is_taken, count(*) OVER (PARTITION BY {per_form}) AS rows_of_form"
            f" FROM {stored.table} t WHERE {_is_not_normal(f't.{key}')}) AS keys WHERE is_taken OR rows_of_form > 1"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement)
            ids.update(row_id for (row_id,) in cursor.fetchall())
    return ids


def _clashes(stored: StoredTexts) -> Iterator[Clash]:
    key = next((key for key, _ in stored.key_columns()), "")
    if not stored.clashing:
        return
    rows = stored.model._default_manager.filter(pk__in=stored.clashing).order_by("pk")
    for row_id, account, text in rows.values_list("pk", "account__code", key):
        yield Clash(account=account, kind=str(stored.model._meta.verbose_name), key=text, row_id=row_id)
