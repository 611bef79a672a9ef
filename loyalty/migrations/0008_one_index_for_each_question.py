"""No index that another one begins with: they cost every sale, and mislead the planner of a young database."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_GUARD = """
CREATE TRIGGER loyalty_ledger_append_only BEFORE UPDATE ON loyalty_ledgerentry
BEGIN SELECT RAISE(ABORT, 'the points ledger is append-only'); END;
"""


def guard_ledger_again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite changes a table by making it anew, and forgets its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(_GUARD)


class Migration(migrations.Migration):

    dependencies = [
        ('consumers', '0006_one_index_for_each_question'),
        ('loyalty', '0007_tried_basket'),
        ('promotions', '0005_one_index_for_each_question'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, guard_ledger_again),
        migrations.AlterField(
            model_name='appliedpromotion',
            name='transaction',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='applied', to='loyalty.transaction'),
        ),
        migrations.AlterField(
            model_name='ledgerentry',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AlterField(
            model_name='ledgerentry',
            name='consumer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_entries', to='consumers.consumer'),
        ),
        migrations.AlterField(
            model_name='offer',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AlterField(
            model_name='promotionusage',
            name='consumer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='promotion_usage', to='consumers.consumer'),
        ),
        migrations.AlterField(
            model_name='promotionusage',
            name='promotion',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='usage', to='promotions.promotion'),
        ),
        migrations.AlterField(
            model_name='redemptionmessage',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AlterField(
            model_name='reversal',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AlterField(
            model_name='transaction',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AlterField(
            model_name='transaction',
            name='consumer',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='transactions', to='consumers.consumer'),
        ),
        migrations.AlterField(
            model_name='transaction',
            name='site',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.site'),
        ),
        migrations.AlterField(
            model_name='triedbasket',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AlterField(
            model_name='voucher',
            name='account',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['account', '-at', '-id'], name='ledger_by_moment'),
        ),
        migrations.AddIndex(
            model_name='triedbasket',
            index=models.Index(fields=['account', '-created_at', '-id'], name='tried_basket_by_moment'),
        ),
        migrations.RunPython(guard_ledger_again, migrations.RunPython.noop),
    ]
