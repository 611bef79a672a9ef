"""The database backend's wrapper. Django finds this module by ``ENGINE``."""

import sqlite3
import time
from typing import Any

from django.db.backends.sqlite3 import base

from consumers.types import JsonObject

STEPS_BETWEEN_LOOKS = 20_000
"""Instructions of SQLite's machine, of which it does some ten million in a second."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Ends a statement that runs for longer than the option ``statement_seconds``; without it, none.

    SQLite has no such setting of its own, but asks between its steps whether to go on.
    """

    statement_seconds = 0.0
    _end_at = 0.0

    def get_connection_params(self) -> JsonObject:
        parameters: JsonObject = super().get_connection_params()
        self.statement_seconds = parameters.pop("statement_seconds", 0.0)
        return parameters

    def get_new_connection(self, conn_params: JsonObject) -> sqlite3.Connection:
        """Return a connection whose statements end in time."""
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        if self.statement_seconds:
            connection.set_progress_handler(self._is_late, STEPS_BETWEEN_LOOKS)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if not self.statement_seconds:
            return super().create_cursor(name)
        return self.connection.cursor(factory=self._timed_cursor)

    def _timed_cursor(self, connection: sqlite3.Connection) -> "TimedCursor":
        return TimedCursor(connection, self)

    def begin_statement(self) -> None:
        """Give a statement, or the next rows of one, its time."""
        self._end_at = time.monotonic() + self.statement_seconds

    def _is_late(self) -> bool:
        return time.monotonic() > self._end_at


class TimedCursor(base.SQLiteCursorWrapper):
    """A cursor that gives each statement its time, and each further batch of rows that is read from it."""

    def __init__(self, connection: sqlite3.Connection, wrapper: DatabaseWrapper) -> None:
        super().__init__(connection)
        self._wrapper = wrapper

    def execute(self, query: str, params: Any = None) -> Any:
        self._wrapper.begin_statement()
        return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        self._wrapper.begin_statement()
        return super().executemany(query, param_list)

    def __next__(self) -> Any:
        self._wrapper.begin_statement()
        return super().__next__()

    def fetchone(self) -> Any:
        self._wrapper.begin_statement()
        return super().fetchone()

    def fetchmany(self, size: int | None = 1) -> Any:
        self._wrapper.begin_statement()
        return super().fetchmany(size)

    def fetchall(self) -> Any:
        self._wrapper.begin_statement()
        return super().fetchall()
