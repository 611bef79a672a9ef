"""The last day on which a voucher is good."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0014_history_is_found")]

    operations = [
        migrations.AddField(model_name="voucher", name="last_day", field=models.DateField(blank=True, null=True)),
    ]
