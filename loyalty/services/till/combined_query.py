"""Several reads in one statement."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from msgspec import json

_row = json.Decoder(list[Any], float_hook=Decimal)


class CombinedQuery:
    """Rows of several kinds in one statement: a UNION of kinds, each row a JSON array of its columns."""

    def __init__(self) -> None:
        self._withs: list[tuple[str, Sequence[Any]]] = []
        self._parts: list[tuple[str, Sequence[Any]]] = []

    def name(self, name: str, sql: str, parameters: Sequence[Any]) -> None:
        """Read rows under a name for ``add`` to answer from; locks are taken in the order in which it does."""
        self._withs.append((f"{name} AS ({sql})", parameters))

    def add(self, kind: str, columns: str, source: str = "", parameters: Sequence[Any] = ()) -> None:
        """Answer with columns of a source: a table or an earlier name, with its conditions; empty: none is needed."""
        array = "jsonb_build_array" if connection.vendor == "postgresql" else "json_array"
        found = f" FROM {source}" if source else ""
        self._parts.append((f"SELECT '{kind}', {array}({columns}){found}", parameters))

    def rows(self) -> defaultdict[str, list[list[Any]]]:
        """The rows by kind. Moments, days and documents are text; numbers with decimals are ``Decimal``."""
        found: defaultdict[str, list[list[Any]]] = defaultdict(list)
        if not self._parts:
            return found
        sql = " UNION ALL ".join(part for part, _ in self._parts)
        if self._withs:
            sql = f"WITH {', '.join(head for head, _ in self._withs)} {sql}"
        parameters = [value for _, values in (*self._withs, *self._parts) for value in values]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            for kind, row in cursor.fetchall():
                found[kind].append(_row.decode(row))
        return found


def among_ids(ids: Collection[int]) -> tuple[str, Any]:
    """A condition that a column is one of some numbers, and its one parameter."""
    return _among(ids, "bigint")


def among_texts(texts: Collection[str]) -> tuple[str, Any]:
    """A condition that a column is one of some texts, and its one parameter."""
    return _among(texts, "text")


def _among(values: Collection[int | str], kind: str) -> tuple[str, Any]:
    """The same text for any number of values, and in a form in which PostgreSQL cannot look at them while it plans.

    It then expects the same of every list, and keeps its plan. Lists that it sees are shorter than what it expects of
    one that it does not see, so that it would plan anew for each, which takes longer than the answer.
    """
    if connection.vendor == "postgresql":
        return f"= ANY((SELECT CAST(%s AS {kind}[]))::{kind}[])", list(values)
    return "IN (SELECT value FROM json_each(%s))", json.encode(list(values)).decode()
