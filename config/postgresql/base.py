"""The database backend's wrapper. Django finds this module by ``ENGINE``."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection

from consumers.types import JsonObject


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes only connections from the pool that the server has not closed.

    Django's own check runs a query before each request, which takes a good part of the request's time. A server that
    was restarted, or that closed a connection, has closed its side of the socket, which needs no query to see.
    """

    def get_new_connection(self, conn_params: JsonObject) -> "Connection[Any]":
        """Return a connection from the pool that is open as far as this machine can tell."""
        while True:
            connection: Connection[Any] = super().get_new_connection(conn_params)
            if self.pool is None or not has_ended(connection):
                return connection
            # The pool opens another in its place.
            connection.close()
            self.pool.putconn(connection)


def has_ended(connection: "Connection[Any]") -> bool:
    """Return whether the server closed an idle connection: anything to read on it is the end of the connection."""
    if connection.closed:
        return True
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
