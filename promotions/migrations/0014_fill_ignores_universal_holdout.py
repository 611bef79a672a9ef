"""No promotion so far ignores the universal holdout.

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
_NAME = "ignores_universal_holdout"


def fill_ignores_universal_holdout(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write that it is not ignored where a document does not say."""
    for table, column, place in _COLUMNS:
        if schema_editor.connection.vendor == "postgresql":
            path = "{" + ",".join([*place, _NAME]) + "}"
            schema_editor.execute(
                f"UPDATE {table} SET {column} = jsonb_set({column}, '{path}', 'false')"
                f" WHERE {column} #> '{path}' IS NULL",
                params=None,
            )
        else:
            path = ".".join(["$", *place, _NAME])
            schema_editor.execute(
                f"UPDATE {table} SET {column} = json_set({column}, '{path}', json('false'))"
                f" WHERE json_extract({column}, '{path}') IS NULL",
                params=None,
            )


class Migration(migrations.Migration):
    dependencies = [("promotions", "0013_budgets")]

    operations = [migrations.RunPython(fill_ignores_universal_holdout, migrations.RunPython.noop)]
