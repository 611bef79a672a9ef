"""Transactions keep documents; PostgreSQL compresses those with lz4, in a fraction of the time that its own way takes."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_DOCUMENTS = {
    "loyalty_transaction": ("lines", "facts", "explanation", "answer", "state"),
    "loyalty_appliedpromotion": ("lines",),
    "loyalty_reversal": ("lines", "reversed", "answer"),
}


def compress_documents(schema_editor: BaseDatabaseSchemaEditor, method: str) -> None:
    """Set how documents are compressed from now on; those that are there can be read either way."""
    for table, columns in _DOCUMENTS.items():
        changes = ", ".join(f"ALTER COLUMN {column} SET COMPRESSION {method}" for column in columns)
        schema_editor.execute(f"ALTER TABLE {table} {changes}")


def compress_fast(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Where this PostgreSQL was built with lz4."""
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
        (is_known,) = cursor.fetchone() or (False,)
    if is_known:
        compress_documents(schema_editor, "lz4")


def compress_as_before(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """PostgreSQL's own way."""
    if schema_editor.connection.vendor == "postgresql":
        compress_documents(schema_editor, "pglz")


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0008_one_index_for_each_question")]

    operations = [migrations.RunPython(compress_fast, compress_as_before)]
