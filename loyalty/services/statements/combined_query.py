"""Several reads in one SQL statement."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import connection
from msgspec import Struct, json

Row = TypeVar("Row", bound=Struct)
Key = TypeVar("Key", int, str)
Parameter = int | str | datetime | list[int] | list[str]


class CombinedQuery:
    """Collects reads and runs them as one statement: a UNION of them, each row a JSON array of its columns."""

    def __init__(self) -> None:
        self._definitions: list[tuple[str, Sequence[Parameter]]] = []
        self._reads: list[tuple[str, Sequence[Parameter]]] = []
        self._append_row: list[Callable[[str], None]] = []

    def define(self, name: str, sql: str, parameters: Sequence[Parameter]) -> None:
        """Name a query whose rows ``select`` can read; locks are taken in the order in which it reads them."""
        self._definitions.append((f"{name} AS ({sql})", parameters))

    def select(
        self, row_type: type[Row], columns: str, source: str = "", parameters: Sequence[Parameter] = ()
    ) -> list[Row]:
        """Add a read; return the list to which ``run`` adds its rows.

        Args:
            row_type: a Struct with ``array_like=True`` whose fields are the columns, in their order.
            columns: SQL expressions, separated by commas. A JSON column must be cast to text.
            source: a table or a defined name, with joins and conditions; empty where none is needed.
            parameters: of the source.
        """
        rows: list[Row] = []

        def append_row(text: str) -> None:
            rows.append(json.decode(text, type=row_type))

        array = "jsonb_build_array" if connection.vendor == "postgresql" else "json_array"
        from_source = f" FROM {source}" if source else ""
        self._reads.append((f"SELECT {len(self._reads)}, {array}({columns}){from_source}", parameters))
        self._append_row.append(append_row)
        return rows

    def run(self) -> None:
        """Run the reads, if there are any, and fill their lists."""
        if not self._reads:
            return
        sql = " UNION ALL ".join(read for read, _ in self._reads)
        if self._definitions:
            sql = f"WITH {', '.join(definition for definition, _ in self._definitions)} {sql}"
        parameters = [value for _, values in (*self._definitions, *self._reads) for value in values]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            for read, row in cursor.fetchall():
                self._append_row[read](row)


def in_ids(ids: Collection[int]) -> tuple[str, list[int] | str]:
    """Return a condition that a column is one of some ids, and its one parameter."""
    return _in(ids, "bigint")


def in_texts(texts: Collection[str]) -> tuple[str, list[str] | str]:
    """Return a condition that a column is one of some texts, and its one parameter."""
    return _in(texts, "text")


def _in(values: Collection[Key], sql_type: str) -> tuple[str, list[Key] | str]:
    """Write the condition so that it is the same for any number of values and PostgreSQL cannot see them as it plans.

    It then expects the same of every list, and keeps its plan. Lists that it sees are shorter than what it expects of
    one that it does not see, so that it would plan each time again, which takes longer than the answer.
    """
    if connection.vendor == "postgresql":
        return f"= ANY((SELECT CAST(%s AS {sql_type}[]))::{sql_type}[])", list(values)
    return "IN (SELECT value FROM json_each(%s))", json.encode(list(values)).decode()
