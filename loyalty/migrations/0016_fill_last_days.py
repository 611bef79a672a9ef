"""Vouchers that ended at the minute of their issue are good through the end of that day.

Which vouchers ended by their days is seen from the moments: these are whole days after the issue. One whose offer ends
earlier than its day does ends with the offer. All others keep their end. A voucher that a sweep had marked as expired
is issued again where its day is not over yet.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Model
from django.db.models.functions import Trim, Upper
from django.utils import timezone

from promotions.engine.calendar import day_end, last_day_before

CHUNK = 2_000


def fill_last_days(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Extend vouchers to the end of their last day, and store that day and their codes as they are compared."""
    voucher_model = apps.get_model("loyalty", "Voucher")
    now = timezone.now()
    voucher_model.objects.exclude(code=Upper(Trim("code"))).update(code=Upper(Trim("code")))
    ending = voucher_model.objects.filter(expires_at__isnull=False).select_related("offer", "account").order_by("pk")
    last_pk = 0
    while vouchers := list(ending.filter(pk__gt=last_pk)[:CHUNK]):
        for voucher in vouchers:
            _extend(voucher, now)
        voucher_model.objects.bulk_update(vouchers, ["expires_at", "last_day", "status"])
        last_pk = vouchers[-1].pk


def _extend(voucher: Model, now: datetime) -> None:
    zone = ZoneInfo(voucher.account.time_zone)
    days, rest = divmod(voucher.expires_at - voucher.issued_at, timedelta(days=1))
    if days and not rest:
        end, offer_ends_at = day_end(voucher.issued_at.astimezone(zone).date() + timedelta(days), zone), voucher.offer.ends_at
        if offer_ends_at is not None and voucher.expires_at <= offer_ends_at < end:
            end = offer_ends_at
        voucher.expires_at = max(voucher.expires_at, end)
    voucher.last_day = last_day_before(voucher.expires_at, zone)
    if voucher.status == "expired" and voucher.expires_at > now:
        voucher.status = "issued"


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0015_voucher_last_day")]

    operations = [migrations.RunPython(fill_last_days, migrations.RunPython.noop)]
