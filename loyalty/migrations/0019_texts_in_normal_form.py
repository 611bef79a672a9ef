"""Keys and texts that were stored before texts were put into Unicode NFC are put into it.

Not in one transaction: each batch is committed, and a migration that was interrupted is run again. Rows whose key
another row has keep it and are listed; ``manage.py texts_normalize`` lists them again.
"""

import sys

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from loyalty.services.normal_form import stored_texts_normalize


def normalize(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put what is stored into NFC, and print what was changed and what was not."""
    if not stored_texts_normalize(apps, lambda line: sys.stdout.write(f"\n  {line}")):
        sys.stdout.write("\n  Delete or archive one row of each pair, then run manage.py texts_normalize.")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("consumers", "0011_user_names_differ_by_more_than_case"),
        ("promotions", "0009_fill_limit_periods"),
        ("loyalty", "0018_guard_limits_without_a_period"),
    ]

    operations = [migrations.RunPython(normalize, migrations.RunPython.noop)]
