"""The database itself keeps the ledger append-only."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_POSTGRESQL = """
CREATE FUNCTION loyalty_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the points ledger is append-only';
END $$;
CREATE TRIGGER loyalty_ledger_append_only BEFORE UPDATE OR DELETE ON loyalty_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION loyalty_ledger_is_append_only();
"""
_POSTGRESQL_BACK = """
DROP TRIGGER loyalty_ledger_append_only ON loyalty_ledgerentry;
DROP FUNCTION loyalty_ledger_is_append_only();
"""
# SQLite has no TRUNCATE: a database that is emptied deletes its rows, so only changes are refused there.
_SQLITE = """
CREATE TRIGGER loyalty_ledger_append_only BEFORE UPDATE ON loyalty_ledgerentry
BEGIN SELECT RAISE(ABORT, 'the points ledger is append-only'); END;
"""
_SQLITE_BACK = "DROP TRIGGER loyalty_ledger_append_only;"


def guard_ledger(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse changes of ledger rows."""
    schema_editor.execute(_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else _SQLITE)


def unguard_ledger(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the guard away."""
    schema_editor.execute(_POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else _SQLITE_BACK)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [migrations.RunPython(guard_ledger, unguard_ledger)]
