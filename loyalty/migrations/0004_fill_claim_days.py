"""The day of each claim, which was kept on the ledger's entry alone."""

from zoneinfo import ZoneInfo

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fill_claim_days(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Set the day of every voucher that was claimed; it was issued at the moment of the claim."""
    vouchers = apps.get_model("loyalty", "Voucher").objects
    claimed = vouchers.exclude(claim_reference="").filter(claimed_on=None).select_related("account")
    for voucher in claimed.only("issued_at", "account__time_zone").iterator(chunk_size=2000):
        day = voucher.issued_at.astimezone(ZoneInfo(voucher.account.time_zone)).date()
        vouchers.filter(pk=voucher.pk).update(claimed_on=day)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0003_voucher_life")]

    operations = [migrations.RunPython(fill_claim_days, migrations.RunPython.noop)]
