import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    # Apart from the one before: PostgreSQL alters no table whose rows were changed in the same transaction.
    dependencies = [("consumers", "0015_roles_of_today")]

    operations = [
        migrations.AlterField(
            model_name='historicalstaffmembership',
            name='role',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='consumers.role'),
        ),
        migrations.AlterField(
            model_name='staffmembership',
            name='role',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='consumers.role'),
        ),
    ]
