"""Indexes that find among many products those whose SKU, name, category or brand begins with a text, or by price."""

from django.db import migrations, models

COLUMNS = ("sku", "name", "category", "product_brand", "program_brand")


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

    operations = [
        migrations.RunPython(index, drop),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(fields=["account", "retail_price"], name="product_by_price"),
        ),
    ]
