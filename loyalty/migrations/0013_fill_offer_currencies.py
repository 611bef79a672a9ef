"""Offers that were saved without a currency are in their account's, which lists can then be filtered by."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fill_offer_currencies(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write the account's currency where none was named; it has been fixed since there are offers in it."""
    offers = apps.get_model("loyalty", "Offer").objects
    accounts = apps.get_model("consumers", "Account").objects
    currency = accounts.filter(pk=models.OuterRef("account")).values("currency")
    offers.filter(currency="").update(currency=models.Subquery(currency))


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0012_adjustments_by_staff")]

    operations = [migrations.RunPython(fill_offer_currencies, migrations.RunPython.noop)]
