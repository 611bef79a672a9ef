"""The limit per customer of every promotion so far holds over the whole promotion.

Stored documents say so, as those that are saved from now on do: versions and past states too, so that the history tells
of no change that nobody made.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Each column that holds the eligibility, and where it is in it.
_COLUMNS = (
    ("promotions_promotion", "eligibility", ()),
    ("promotions_historicalpromotion", "eligibility", ()),
    ("promotions_promotionversion", "definition", ("eligibility",)),
)
_NAME = "customer_limit_period"


def fill_limit_periods(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write the period where a document has none."""
    for table, column, place in _COLUMNS:
        if schema_editor.connection.vendor == "postgresql":
            path = "{" + ",".join([*place, _NAME]) + "}"
            schema_editor.execute(
                f"UPDATE {table} SET {column} = jsonb_set({column}, '{path}', '\"promotion\"')"
                f" WHERE {column} #> '{path}' IS NULL",
                params=None,
            )
        else:
            path = ".".join(["$", *place, _NAME])
            schema_editor.execute(
                f"UPDATE {table} SET {column} = json_set({column}, '{path}', 'promotion')"
                f" WHERE json_extract({column}, '{path}') IS NULL",
                params=None,
            )


class Migration(migrations.Migration):
    dependencies = [("promotions", "0008_lines_that_count_otherwise")]

    operations = [migrations.RunPython(fill_limit_periods, migrations.RunPython.noop)]
