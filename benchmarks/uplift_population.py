"""What the uplift of a large population costs: listing its members, measuring them, and reading the page and REST.

Run it on an empty database, which it migrates and fills; PostgreSQL or SQLite::

    DATABASE_URL=… python -m benchmarks.uplift_population [--members 1000000]
"""

import os
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from consumers.author import Author  # noqa: E402
from consumers.models import Account, Consumer, ConsumerGroup  # noqa: E402
from consumers.services.account import account_create  # noqa: E402
from loyalty.admin.uplift import PROMOTION, report_context  # noqa: E402
from loyalty.models import UpliftMember, UpliftPopulation  # noqa: E402
from loyalty.selectors.uplift import later_joiners_of  # noqa: E402
from loyalty.selectors.uplift_report import programme_report, uplift_report  # noqa: E402
from loyalty.services.promotion import loyalty_promotion_save  # noqa: E402
from loyalty.services.uplift.members import members_measure  # noqa: E402
from loyalty.services.uplift.population import (  # noqa: E402
    population_freeze,
    populations_complete,
    populations_follow_their_promotions,
    programme_freeze,
)
from promotions.models import Promotion  # noqa: E402
from promotions.services.promotion.values import PromotionValues  # noqa: E402

READS = 5
BATCHES = 10
AT_ONCE = 500

_MEASURED = """
    UPDATE loyalty_upliftmember SET is_stale = {false}, is_control = (id % 10 = 0), is_triggered = (id % 3 = 0),
        contribution = 1000000 * ((id * 7919) % 89), contribution_before = 1000000 * ((id * 7919) % 83),
        sales = 1000000 * ((id * 104729) % 211), sales_before = 1000000 * ((id * 104729) % 199),
        visits = 1000000 * (id % 7), visits_before = 1000000 * (id % 5),
        units = 1000000 * (id % 23), units_before = 1000000 * (id % 19),
        uncosted_sales = 10000 * (id % 3)
"""
"""Gives members figures such as sales leave, for those whom the benchmark does not measure."""


@contextmanager
def _took(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{what:<64} {time.perf_counter() - began:9.3f} s", flush=True)


def _median(what: str, call: Callable[[], object]) -> None:
    seconds = []
    for _ in range(READS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    print(f"{what:<64} {sorted(seconds)[READS // 2]:9.3f} s", flush=True)


def _account(members: int) -> tuple[Account, Promotion]:
    account = account_create(code="large", currency="GBP", time_zone="Europe/London").account
    now = timezone.now()
    account.holdout_percentage, account.holdout_starts_on = Decimal(5), now.date().replace(month=1, day=1)
    account.save()
    group = ConsumerGroup.objects.create(account=account, code="all", name="All")
    for start in range(0, members, 10_000):
        rows = [Consumer(account=account, consumer_id=f"c-{n}") for n in range(start, min(start + 10_000, members))]
        Consumer.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Consumer.groups.through._meta.db_table} (consumer_id, consumergroup_id)"  # noqa: S608
            " SELECT id, %s FROM consumers_consumer WHERE account_id = %s",
            [group.pk, account.pk],
        )
    values = PromotionValues(
        code="large",
        type="fixed_points",
        name="Large",
        currency="GBP",
        starts_at=now - timedelta(days=30),
        outcome={"points": 50},
        eligibility={"control_group": {"group": "all", "percentage": "10"}},
        content={},
    )
    written = now - timedelta(days=31)
    promotion, _ = loyalty_promotion_save(account=account, values=values, author=Author(label="benchmark"), at=written)
    return account, promotion


def _measure() -> None:
    began = time.perf_counter()
    measured = sum(members_measure(limit=AT_ONCE) for _ in range(BATCHES))
    rate = measured / (time.perf_counter() - began)
    print(f"{'members without sales measured in a second':<64} {rate:9,.0f}", flush=True)


def main() -> None:
    """Print the times."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    members = parser.parse_args().members
    call_command("migrate", verbosity=0)
    account, promotion = _account(members)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    print(f"{members:,} members, {connection.vendor}")
    at = timezone.now()
    with _took("listed for a promotion"):
        population_freeze(promotion=promotion, at=at)
    with _took("listed for the programme"):
        programme_freeze(account=account, year=at.astimezone(account.zone).year, at=at)
    _measure()
    false = "FALSE" if connection.vendor == "postgresql" else "0"
    with connection.cursor() as cursor:
        cursor.execute(_MEASURED.format(false=false))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM" if connection.vendor == "sqlite" else "VACUUM ANALYZE loyalty_upliftmember")
    _median("a promotion's uplift read", lambda: uplift_report(promotion=promotion, at=timezone.now()))
    year = at.astimezone(account.zone).year
    _median("the programme's uplift read", lambda: programme_report(account=account, year=year, at=timezone.now()))
    report = uplift_report(promotion=promotion, at=timezone.now())
    _median("the page's texts", lambda: report_context(report, subject=PROMOTION, currency="GBP"))
    for population in UpliftPopulation.objects.order_by("pk"):
        _median(f"later joiners of {population} counted", lambda row=population: later_joiners_of(row))  # type: ignore[misc]
    _median("a run of the task with nothing to do", _idle)
    consumer = Consumer.objects.order_by("pk").values_list("pk", flat=True)[0]
    _median("a consumer's rows found", lambda: list(UpliftMember.objects.filter(consumer_id=consumer)))


def _idle() -> None:
    populations_follow_their_promotions()
    members_measure(limit=AT_ONCE)
    populations_complete(at=timezone.now())


if __name__ == "__main__":
    main()
