"""Provide the test database: migrated once and copied, restored to a saved state instead of emptied and refilled."""

import fcntl
import hashlib
import pickle
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, transaction

T = TypeVar("T")


# --- a migrated database, copied for each process ---------------------------------------------------------------------


@contextmanager
def migrated_database() -> Iterator[None]:
    """Point Django's connection to a new test database with every migration applied; remove it afterwards.

    Applying the migrations takes longer than most test files do. It is done once for each state of them, in a template
    that is kept between runs and copied for each process.
    """
    create = _create_sqlite if connection.vendor == "sqlite" else _create_postgresql
    creation: Any = connection.creation
    name, remove = create(creation._get_test_db_name(), _migrations_digest())
    _use(name)
    # Content types, permissions and roles follow the code, of which the template may know an older state.
    emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
    try:
        yield
    finally:
        _disconnect()
        remove()


def _migrations_digest() -> str:
    """Return a digest of everything that a migrated database depends on."""
    digest = hashlib.sha256(django.__version__.encode())
    for app in sorted(apps.get_app_configs(), key=lambda app: app.name):
        for path in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(f"{app.name}/{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _create_sqlite(name: str, digest: str) -> tuple[str, Callable[[], None]]:
    folder = settings.VAR_DIR / "tests"
    folder.mkdir(exist_ok=True)
    template = folder / f"{connection.settings_dict['ENGINE'].rpartition('.')[2]}-{digest[:16]}.sqlite3"
    # One process migrates, those that start meanwhile wait for it.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            for old in folder.glob("*.sqlite3*"):
                old.unlink()
            unfinished = template.with_suffix(".sqlite3-unfinished")
            _migrate(str(unfinished))
            unfinished.rename(template)
        _remove_sqlite(name)
        shutil.copyfile(template, name)
    # Nothing has to outlive a crash of the machine: no commit or restored state waits for the disk.
    connection.settings_dict["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
    return name, lambda: _remove_sqlite(name)


def _remove_sqlite(name: str) -> None:
    for path in (name, f"{name}-wal", f"{name}-shm"):
        Path(path).unlink(missing_ok=True)


def _create_postgresql(name: str, digest: str) -> tuple[str, Callable[[], None]]:
    template = f"{connection.settings_dict['NAME']}_migrated"
    creation: Any = connection.creation
    # One process migrates, those that start meanwhile wait for it; the lock ends with the connection.
    with creation._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [template])
        if (digest,) not in cursor.fetchall():
            cursor.execute(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{template}"')
            _migrate(template)
            cursor.execute(f"COMMENT ON DATABASE \"{template}\" IS '{digest}'")
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        # Nothing has to outlive a crash of the server: no commit waits for the disk.
        cursor.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')

    def remove() -> None:
        with creation._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    return name, remove


def _migrate(name: str) -> None:
    before = str(connection.settings_dict["NAME"])
    _use(name)
    try:
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    finally:
        _use(before)


def _use(name: str) -> None:
    """Connect to another database of the same server."""
    _disconnect()
    settings.DATABASES[connection.alias]["NAME"] = name
    connection.settings_dict["NAME"] = name


def _disconnect() -> None:
    wrapper: Any = connection
    wrapper.close()
    if wrapper.vendor == "postgresql":
        wrapper.close_pool()


# --- saved states -----------------------------------------------------------------------------------------------------


class SavedState(ABC):
    """The rows of every table at one moment, which can be put back at any later one."""

    @abstractmethod
    def restore(self) -> None:
        """Replace the current rows with the saved ones."""


class SqliteState(SavedState):
    """A copy of the database file in memory."""

    def __init__(self) -> None:
        connection.ensure_connection()
        self._copy = sqlite3.connect(":memory:")
        connection.connection.backup(self._copy)

    def restore(self) -> None:
        connection.ensure_connection()
        self._copy.backup(connection.connection)


class PostgresqlState(SavedState):
    """A copy of every table that has rows, in a schema of its own."""

    def __init__(self) -> None:
        self._schema = f"saved_{id(self)}"
        with transaction.atomic(), connection.cursor() as cursor:
            self._tables = connection.introspection.table_names(cursor)
            self._saved = self._filled(cursor)
            cursor.execute(f"CREATE SCHEMA {self._schema}")
            for table in self._saved:
                cursor.execute(f'CREATE UNLOGGED TABLE {self._schema}."{table}" AS TABLE "{table}"')

    def _filled(self, cursor: Any) -> list[str]:
        """Return the tables that have rows."""
        questions = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in self._tables]  # noqa: S608
        cursor.execute(" UNION ALL ".join(questions))
        return [table for (table,) in cursor.fetchall()]

    def restore(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            # Rows are whole as saved: no trigger and no foreign key has to look at them again, in any order of tables.
            statements = ["SET LOCAL session_replication_role = replica"]
            statements += [f'DELETE FROM "{table}"' for table in self._filled(cursor)]  # noqa: S608
            statements += [f'INSERT INTO "{table}" TABLE {self._schema}."{table}"' for table in self._saved]
            for statement in statements:
                cursor.execute(statement)


def save_state() -> SavedState:
    """Save the database as it is now; it must not be in a transaction."""
    return SqliteState() if connection.vendor == "sqlite" else PostgresqlState()


_built: dict[Callable[[], Any], tuple[SavedState, bytes]] = {}


def build_once(build: Callable[[], T]) -> T:
    """Return the result of ``build`` and its rows in the database: built once in a process, then restored.

    The database must be empty but for what migrations leave. What ``build`` returns is pickled, so that no test sees
    what another does to it.
    """
    if build not in _built:
        pickled = pickle.dumps(build())
        _built[build] = save_state(), pickled
    else:
        state, pickled = _built[build]
        state.restore()
    built: T = pickle.loads(_built[build][1])  # noqa: S301 - pickled above
    return built


@contextmanager
def module_transaction() -> Iterator[None]:
    """Roll back at the end what a module's fixtures write; the transactions of its tests are savepoints in this one."""
    block: Any = transaction.atomic()
    # As of a test of its own: services that must be outermost are not refused.
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
