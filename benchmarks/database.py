"""A PostgreSQL database of the benchmarks' own, beside the one that the environment names."""

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

MISSING = "set DATABASE_URL or POSTGRES_URL to a PostgreSQL database"
_made: list[str] = []


def database_url() -> str:
    """The PostgreSQL database that the environment names; empty for none."""
    named = os.environ.get("POSTGRES_URL") or os.environ.get("DATABASE_URL", "")
    return named if named.startswith("postgres") else ""


def database_name(url: str) -> str:
    """The address of the benchmarks' own database on the server of another."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}_benchmarks"))


def _server(statement: str) -> None:
    own = urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/")
    # The server's own database: the one that the environment names need not be there.
    maintenance = urlunsplit(urlsplit(os.environ["POSTGRES_URL"])._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(own)))


def made() -> bool:
    """Make the database anew, the first time it is asked for; False where there is no PostgreSQL."""
    if _made:
        return True
    if not os.environ.get("POSTGRES_URL"):
        return False
    _server("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    _server("CREATE DATABASE {}")
    _made.append(os.environ["DATABASE_URL"])
    call_command("migrate", interactive=False, verbosity=0)
    return True


def dropped() -> None:
    """Drop the database, if it was made."""
    if _made:
        connections.close_all()
        _server("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        _made.clear()
