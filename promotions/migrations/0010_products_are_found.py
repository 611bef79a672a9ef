"""Indexes that find among many products those whose SKU or name begins with a text."""

from django.db import migrations

COLUMNS = ("sku", "name")


def index(apps, schema_editor):
    # SQLite, which serves one shop, finds a beginning whatever its letters' case by looking at each product.
    if schema_editor.connection.vendor == "postgresql":
        for column in COLUMNS:
            schema_editor.execute(
                f"CREATE INDEX product_begins_{column} ON promotions_product"
                f" (account_id, upper({column}::text) text_pattern_ops)"
            )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for column in COLUMNS:
            schema_editor.execute(f"DROP INDEX product_begins_{column}")


class Migration(migrations.Migration):
    dependencies = [("promotions", "0009_fill_limit_periods")]

    operations = [migrations.RunPython(index, drop)]
