"""Indexes that find among millions of consumers whose id, name or e-mail address begins with a word."""

from django.db import migrations

COLUMNS = ("consumer_id", "first_name", "last_name", "email")


def index(apps, schema_editor):
    # SQLite, which serves one shop, finds a beginning whatever its letters' case by looking at each consumer.
    if schema_editor.connection.vendor == "postgresql":
        for column in COLUMNS:
            schema_editor.execute(
                f"CREATE INDEX consumer_begins_{column} ON consumers_consumer"
                f" (account_id, upper({column}::text) text_pattern_ops)"
            )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for column in COLUMNS:
            schema_editor.execute(f"DROP INDEX consumer_begins_{column}")


class Migration(migrations.Migration):
    dependencies = [("consumers", "0007_list_orders")]

    operations = [migrations.RunPython(index, drop)]
