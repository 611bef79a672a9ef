"""Birthdays of consumers whose year of birth is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumers", "0008_consumers_are_found")]

    operations = [
        migrations.AddField(
            model_name="consumer",
            name="yearless_birthday",
            field=models.CharField(blank=True, max_length=5),
        ),
    ]
