"""The database's connections. Django finds this module by ``ENGINE``."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes connections from the pool that the server has not ended.

    Django's own check asks each connection a question before each request, which takes as long as a part of what the
    request is for. A server that was restarted, or ended a connection, has closed its side, and that can be seen here.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> "Connection[Any]":
        """A connection from the pool, open as far as this machine can tell."""
        while True:
            connection: Connection[Any] = super().get_new_connection(conn_params)
            if self.pool is None or not has_ended(connection):
                return connection
            # The pool makes another in its place.
            connection.close()
            self.pool.putconn(connection)


def has_ended(connection: "Connection[Any]") -> bool:
    """Whether the server has said something that nobody asked for, which on a connection at rest is its farewell."""
    if connection.closed:
        return True
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))
