"""A PostgreSQL database of the benchmarks' own, next to the one that the environment names."""

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

NO_DATABASE = "set DATABASE_URL or POSTGRES_URL to a PostgreSQL database"
_created: list[str] = []


def database_url() -> str:
    """Return the PostgreSQL database that the environment names; empty for none."""
    named = os.environ.get("POSTGRES_URL") or os.environ.get("DATABASE_URL", "")
    return named if named.startswith("postgres") else ""


def database_name(url: str) -> str:
    """Return the address of the benchmarks' own database on the server of another."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}_benchmarks"))


def _server(statement: str) -> None:
    own = urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/")
    # The server's own database: the one that the environment names may not exist.
    maintenance = urlunsplit(urlsplit(os.environ["POSTGRES_URL"])._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(own)))


def database_create() -> bool:
    """Create the database the first time it is called; return False where there is no PostgreSQL."""
    if _created:
        return True
    if not os.environ.get("POSTGRES_URL"):
        return False
    _server("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    _server("CREATE DATABASE {}")
    _created.append(os.environ["DATABASE_URL"])
    call_command("migrate", interactive=False, verbosity=0)
    return True


def database_drop() -> None:
    """Drop the database, if it was created."""
    if _created:
        connections.close_all()
        _server("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        _created.clear()
