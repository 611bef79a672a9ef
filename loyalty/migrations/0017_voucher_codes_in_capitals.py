"""Voucher codes are stored as they are compared.

SQLite makes the table anew and forgets its trigger, which is set again.
"""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Trim, Upper

_PAYS_ONCE = (
    "CREATE TRIGGER voucher_pays_once BEFORE UPDATE OF redeemed_by_id ON loyalty_voucher"
    " WHEN OLD.redeemed_by_id <> NEW.redeemed_by_id BEGIN SELECT RAISE(ABORT, 'voucher_pays_once'); END;"
)


def guard_vouchers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Set the trigger that SQLite forgot."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(_PAYS_ONCE)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0016_fill_last_days")]

    operations = [
        # Backwards the operations run in the opposite order: whichever way the table is made anew, the trigger follows.
        migrations.RunPython(migrations.RunPython.noop, guard_vouchers),
        migrations.AddConstraint(
            model_name="voucher",
            constraint=models.CheckConstraint(
                condition=models.Q(code=Upper(Trim("code"))), name="voucher_code_in_capitals"
            ),
        ),
        migrations.RunPython(guard_vouchers, migrations.RunPython.noop),
    ]
