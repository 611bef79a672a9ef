"""Indexes of how consumers' ids, names, e-mail addresses, phone numbers and cards begin.

PostgreSQL had all but the last two. They are built while tills sell. SQLite, which had none, has them in an order
without regard to case, as its LIKE compares. They are no part of the models, since Django describes none that exist in
one database alone: a migration that makes SQLite's table anew has to set them again, and a test says so.
"""

from django.apps.registry import Apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

COLUMNS = ("consumer_id", "first_name", "last_name", "email", "phone")


class AddIndexWhileInUse(AddIndexConcurrently):
    """Builds an index concurrently where the database can; SQLite has one writer at a time in any case."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)


def index(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        # An attempt that was interrupted leaves an index that nothing uses.
        schema_editor.execute("DROP INDEX CONCURRENTLY IF EXISTS consumer_begins_phone")
        schema_editor.execute(
            "CREATE INDEX CONCURRENTLY consumer_begins_phone ON consumers_consumer"
            " (account_id, upper(phone::text) text_pattern_ops)"
        )
        # Until then the planner takes every beginning of a number for a rare one.
        schema_editor.execute("ANALYZE consumers_consumer")
        return
    for column in COLUMNS:
        schema_editor.execute(
            f"CREATE INDEX IF NOT EXISTS consumer_begins_{column} ON consumers_consumer"
            f" (account_id, {column} COLLATE NOCASE)"
        )
    schema_editor.execute(
        "CREATE INDEX IF NOT EXISTS card_begins_number ON consumers_card (account_id, number COLLATE NOCASE)"
    )


def drop(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    columns = ("phone",) if schema_editor.connection.vendor == "postgresql" else COLUMNS
    schema_editor.execute("DROP INDEX IF EXISTS card_begins_number")
    for column in columns:
        schema_editor.execute(f"DROP INDEX IF EXISTS consumer_begins_{column}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("consumers", "0012_imports_ask")]

    operations = [
        AddIndexWhileInUse(
            model_name="card",
            index=models.Index(
                fields=["account", "number"], name="card_by_number", opclasses=("int8_ops", "varchar_pattern_ops")
            ),
        ),
        migrations.RunPython(index, drop),
    ]
