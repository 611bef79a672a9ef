"""Fill the database of the environment for the outage tests, with the project's own services.

    python -m tests.outages.scene        prints the key of a till, as JSON

It holds work that is due: promotions to start, vouchers to expire, a message to each consumer who bought something and
an import of sites; and promotions and vouchers that are due in half an hour.
"""

import json
import os
import sys
from datetime import date, timedelta

import django

from consumers.author import Author

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.utils import timezone  # noqa: E402 - apps can be imported only after setup

from consumers.choices import KeyRole  # noqa: E402
from consumers.models import Consumer  # noqa: E402
from consumers.services.account import account_create, api_key_create  # noqa: E402
from consumers.services.consumer import ConsumerValues, LoyaltyValues, consumers_save  # noqa: E402
from consumers.services.job import job_create  # noqa: E402
from consumers.services.site import SiteValues, sites_save  # noqa: E402
from loyalty.models import Offer, Voucher  # noqa: E402
from promotions.choices import Status  # noqa: E402
from promotions.models import Promotion, StatusEvent  # noqa: E402
from tests.consumers.admin.office import save_promotion, sell  # noqa: E402

MANY = 40
SITES = 600
HALF_AN_HOUR = timedelta(minutes=30)


def fill() -> str:
    """Fill an account and return the key of its till."""
    now = timezone.now()
    account = account_create(code="acme", name="Acme", currency="GBP", time_zone="Europe/London").account
    sites_save(account_id=account.pk, rows=[SiteValues(number="acme-001", name="Leeds")])
    member = LoyaltyValues(enrolled_on=date(2025, 1, 1))
    people = [ConsumerValues(consumer_id=f"c{n}", email=f"c{n}@acme.example", loyalty=member) for n in range(MANY + 1)]
    consumers_save(account_id=account.pk, rows=people)
    save_promotion(account, outcome={"points": 5, "redemption_message": "<p>Thanks</p>"})
    for n in range(MANY):
        sell(account, reference=f"T{n}", consumer=f"c{n}")
    for when, moved in (("due", -HALF_AN_HOUR), ("later", HALF_AN_HOUR)):
        for n in range(MANY):
            save_promotion(account, code=f"{when}-{n}", starts_at=now + moved)
    # Make them look as if saved an hour ago, with no worker run since.
    started = Promotion.objects.filter(code__startswith="due-")
    StatusEvent.objects.filter(promotion__in=started).delete()
    started.update(status=Status.SCHEDULED)
    offer = Offer.objects.create(account=account, code="o", name="Offer", currency="GBP", value="1", issued=2 * MANY)
    consumer = Consumer.objects.get(account=account, consumer_id=f"c{MANY}").pk
    Voucher.objects.bulk_create(
        Voucher(
            account=account,
            offer=offer,
            consumer_id=consumer,
            code=f"{when}-{n}".upper(),
            issued_at=now - timedelta(days=1),
            expires_at=now + moved,
        )
        for when, moved in (("due", -HALF_AN_HOUR), ("later", HALF_AN_HOUR))
        for n in range(MANY)
    )
    rows = "number,name\n" + "".join(f"S{n},Site {n}\n" for n in range(SITES))
    job_create(
        account_id=account.pk,
        kind="import",
        title="Sites",
        parameters={"model": "consumers.site", "format": "csv", "confirmed": True},
        content=rows.encode(),
        author=Author(),
        at=now,
    )
    _, key = api_key_create(account_id=account.pk, name="Till", role=KeyRole.TILL)
    return key


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fill()))
