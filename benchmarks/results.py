"""Results of promotions: sales counted by the task, tills that sell meanwhile, and a large promotion's results read.

The sales are written by the database as copies of some, at other sites and of other consumers; the promotion's two
years at 500 sites as rows of results. CPU time is that of this process and of its PostgreSQL backend, where both are on
this machine.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, cycle
from random import Random
from statistics import median

from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pyroaring import BitMap64

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.decision import CONSTANT
from benchmarks.report import Report, Times, duration, timed
from benchmarks.serving import ROOT, process_cpu
from benchmarks.shop import Shop, shop_create
from benchmarks.workload import body, workload
from consumers.choices import StaffRole
from consumers.models import Account, Consumer, Site
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.models import AppliedPromotion, PromotionDayConsumers, PromotionResult, ResultsMark
from loyalty.models.results import COLUMNS, FIGURES
from loyalty.selectors.results import ResultsBy, ResultsPeriod, results_of
from loyalty.services.results.count import results_count
from loyalty.services.till.commit import transaction_commit
from promotions.models import Promotion, PromotionVersion
from tests.consumers.admin.office import log_in

GROUP = "Results of promotions, in process on PostgreSQL"
SALES, QUICK_SALES = 100_000, 10_000
PATTERNS = 60
"""Different sales that are copied, of one to nine lines."""
A_DAY, IN_SECONDS, CORES = 1_000_000, 120, 2
SITES, DAYS, CONSUMERS_A_DAY, CONSUMERS = 500, 730, 13_700, 1_000_000
"""Of a promotion with ten million redemptions in two years."""
LIMIT = 0.3
TURNS, SALES_OF_A_TURN = 12, 40
UNHURT = 1.05
FIRST_DAY = date(2024, 1, 1)

_COPIES = """
    INSERT INTO loyalty_transaction (account_id, reference, fingerprint, kind, status, occurred_at, local_day,
        recorded_at, site_id, consumer_id, loyalty_card, loyalty_card_type, source, payment_card_type, currency,
        total_inc_tax, total_ex_tax, discount_total, net_total_inc_tax, paid, base_points, promotion_points, lines,
        facts, explanation, answer, state)
    SELECT account_id, reference || '-' || n, fingerprint, kind, status, occurred_at, local_day, recorded_at,
        %(site)s + (n * 7 + t.id) %% %(sites)s, %(consumer)s + (n * 13 + t.id) %% %(consumers)s, '', '', '', '',
        currency, total_inc_tax, total_ex_tax, discount_total, net_total_inc_tax, paid, base_points, promotion_points,
        lines, facts, '[]'::jsonb, answer, ''
    FROM loyalty_transaction AS t, generate_series(1, %(copies)s) AS n
    WHERE t.reference LIKE 'pattern-%%' ORDER BY n, t.id
"""
_DAYS = f"""
    INSERT INTO loyalty_promotionresult (account_id, promotion_id, version_id, expected_redemption, site_id, day,
        {", ".join(COLUMNS)})
    SELECT %(account)s, %(promotion)s, %(version)s, 100, %(site)s + s, %(day)s::date + d,
        {", ".join("27 + (s * d) %% 5" if name in FIGURES else "1" for name in COLUMNS)}
    FROM generate_series(0, %(sites)s - 1) AS s, generate_series(0, %(days)s - 1) AS d
"""  # noqa: S608 - names are the model's own
_SUMS = f"""
    INSERT INTO {{table}} (account_id, promotion_id, version_id, expected_redemption, {{keys}}, {", ".join(COLUMNS)})
    SELECT account_id, promotion_id, version_id, expected_redemption, {{values}},
        {", ".join(f"SUM({name})" for name in COLUMNS)}
    FROM loyalty_promotionresult WHERE promotion_id = %s
    GROUP BY account_id, promotion_id, version_id, expected_redemption, {{values}}
"""  # noqa: S608 - names are the model's own
_OTHERS = f"""
    INSERT INTO loyalty_promotiondayresult (account_id, promotion_id, version_id, expected_redemption, day,
        {", ".join(COLUMNS)})
    SELECT d.account_id, v.promotion_id, v.id, expected_redemption, day, {", ".join(f"d.{name}" for name in COLUMNS)}
    FROM loyalty_promotiondayresult AS d, promotions_promotionversion AS v
    JOIN promotions_promotion AS p ON p.id = v.promotion_id
    WHERE d.promotion_id = %s AND p.account_id = d.account_id AND p.id <> d.promotion_id
"""  # noqa: S608 - names are the model's own
_COUNTING = """
import sys, time
from config.celery import give_way
from django.utils import timezone
from loyalty.models import ResultsMark
from loyalty.services.results.count import results_count
give_way()
while True:
    if sys.argv[1] == "backlog":
        ResultsMark.objects.update(counted_to=0, summed_to=0)
    results_count(clock=timezone.now)
    time.sleep(0 if sys.argv[1] == "backlog" else 1)
"""
MODES = {"live": "what is sold is counted every second", "backlog": "a backlog is counted without a pause"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What some work took: by the clock, and CPU time of this process and its backend, in seconds."""

    wall: float
    cpu: float


def run(report: Report, *, quick: bool) -> None:
    """Count copies of sales, sell while others are counted, then read a large promotion's results."""
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    shop = shop_create("results", workload(100, matching=CONSTANT), consumers=2_000)
    account = Account.objects.get(pk=shop.account_id)
    sites = Site.objects.bulk_create(
        [Site(account=account, number=f"s{n}", name=f"Site {n}", town="York") for n in range(SITES)]
    )
    sales = QUICK_SALES if quick else SALES
    _write_sales(shop, first_site=sites[0].pk, sales=sales)
    _count(report)
    _sell_meanwhile(report, shop, turns=2 if quick else TURNS)
    promotion = Promotion.objects.filter(account=account).order_by("pk")[0]
    _write_promotion(promotion, first_site=sites[0].pk)
    _read(report, promotion, budget=1.0 if quick else 3.0)


# --- counting ---------------------------------------------------------------------------------------------------------


def _write_sales(shop: Shop, *, first_site: int, sales: int) -> None:
    for number in range(PATTERNS):
        _sell(shop, f"pattern-{number}", lines=number % 9 + 1, units=number % 3 + 1, consumer=number)
    consumers = list(Consumer.objects.filter(account=shop.account_id).order_by("pk").values_list("pk", flat=True))
    values = {"site": first_site, "sites": SITES, "consumer": consumers[0], "consumers": len(consumers)}
    with connection.cursor() as cursor:
        cursor.execute(_COPIES, values | {"copies": sales // PATTERNS})
        cursor.execute("ANALYZE")


def _sell(shop: Shop, reference: str, *, lines: int, units: int = 1, consumer: int) -> None:
    raw = body(lines, units=units, consumer=shop.consumers[consumer], at=shop.at, reference=reference)
    sale = sale_decoded(raw, now=timezone.now(), commit=True)
    transaction_commit(account=Account.objects.get(pk=shop.account_id), sale=sale, at=timezone.now())


def _count(report: Report) -> None:
    counted = 0

    def count_all() -> None:
        nonlocal counted
        counted = results_count(clock=timezone.now)

    cost = _cost(count_all)
    promotions = AppliedPromotion.objects.filter(transaction__reference__startswith="pattern-").count() / PATTERNS
    name = f"{counted:,} sales of 5 lines and {promotions:.1f} promotions on average counted"
    report.at_least(
        GROUP,
        f"{name}, against a million in two minutes",
        value=counted / cost.wall / (A_DAY / IN_SECONDS),
        limit=1,
        figure=f"{counted / cost.wall:,.0f}/s by the clock",
    )
    report.at_most(
        GROUP,
        "the same by CPU time, against two cores for two minutes",
        value=cost.cpu / counted / (CORES * IN_SECONDS / A_DAY),
        limit=1,
        figure=f"{duration(cost.cpu / counted)} for each",
    )


def _cost(work: Callable[[], object]) -> Cost:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    wall, own, database = time.perf_counter(), time.process_time(), process_cpu(backend)
    work()
    return Cost(
        wall=time.perf_counter() - wall,
        cpu=time.process_time() - own + process_cpu(backend) - database,
    )


def _sell_meanwhile(report: Report, shop: Shop, *, turns: int) -> None:
    """Sell in turns while another process counts, and while it is stopped."""
    numbers, consumers = count(), cycle(range(len(shop.consumers)))

    def sell() -> None:
        for _ in range(SALES_OF_A_TURN):
            _sell(shop, f"meanwhile-{next(numbers)}", lines=5, consumer=next(consumers))

    sell()
    for mode, words in MODES.items():
        costs: dict[bool, list[Cost]] = {True: [], False: []}
        with _counting(mode) as process:
            for turn in range(2 * turns):
                is_counting = turn % 2 == 0
                os.kill(process.pid, signal.SIGCONT if is_counting else signal.SIGSTOP)
                costs[is_counting].append(_cost(sell))
        for by, pick in (("by CPU time", _cpu_of), ("by the clock", _wall_of)):
            busy, idle = (median(map(pick, costs[key])) / SALES_OF_A_TURN for key in (True, False))
            report.at_most(
                GROUP,
                f"commit while {words}, against commit alone, {by}",
                value=busy / idle,
                limit=UNHURT,
                figure=f"{duration(busy)} : {duration(idle)}",
            )
    ResultsMark.objects.update(summed_to=None)


def _cpu_of(cost: Cost) -> float:
    return cost.cpu


def _wall_of(cost: Cost) -> float:
    return cost.wall


@contextmanager
def _counting(mode: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen([sys.executable, "-c", _COUNTING, mode], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        time.sleep(5)  # Until it has loaded and counts.
        yield process
    finally:
        process.kill()
        process.wait()


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(report: Report, promotion: Promotion, *, budget: float) -> None:
    """Read by each selection, and on the pages, in the process."""
    times: dict[str, Times] = {}
    periods = {
        "": ResultsPeriod(),
        ", from the 15th to the 15th": ResultsPeriod(first=date(2024, 1, 15), last=date(2025, 12, 15)),
    }
    for words, period in periods.items():
        for by in (None, *ResultsBy):
            times[f"{by or 'totals'}{words}"] = timed(
                lambda by=by, period=period: results_of(promotion_ids=[promotion.pk], period=period, by=by),  # type: ignore[misc]
                budget=budget,
                min_calls=3,
            )
    # As a server does before it starts: pages name their files by what this has made of them.
    call_command("collectstatic", interactive=False, verbosity=0)
    client = log_in(promotion.account, role=StaffRole.ADMINISTRATOR, username="results").client
    client.defaults["SERVER_NAME"] = "localhost"
    addresses = {
        "page: a promotion's tab Results since its start": f"/admin/results-of/?promotion={promotion.pk}&period=all",
        "page: the ranking of 100 promotions of all time": "/admin/results/?period=all",
    }
    # Each answer is logged, which should not count in the figures.
    logging.disable(logging.INFO)
    for name, address in addresses.items():
        assert client.get(address).status_code == 200, address
        times[name] = timed(lambda address=address: client.get(address), budget=budget, min_calls=3)  # type: ignore[misc]
    logging.disable(logging.NOTSET)
    report.each_within(GROUP, f"reads of {DAYS} days at {SITES} sites", times, limit=LIMIT)


def _write_promotion(promotion: Promotion, *, first_site: int) -> None:
    version = PromotionVersion.objects.filter(promotion=promotion).order_by("-pk")[0]
    PromotionResult.objects.filter(promotion=promotion).delete()
    values = {"account": promotion.account_id, "promotion": promotion.pk, "version": version.pk, "site": first_site}
    with connection.cursor() as cursor:
        for table in ("loyalty_promotiondayresult", "loyalty_promotionmonthresult", "loyalty_promotiondayconsumers"):
            cursor.execute(f"DELETE FROM {table} WHERE promotion_id = %s", [promotion.pk])  # noqa: S608 - named above
        cursor.execute(_DAYS, values | {"day": FIRST_DAY, "sites": SITES, "days": DAYS})
        for table, keys, sources in (
            ("loyalty_promotiondayresult", "day", "day"),
            ("loyalty_promotionmonthresult", "site_id, month", "site_id, date_trunc('month', day)::date"),
        ):
            cursor.execute(_SUMS.format(table=table, keys=keys, values=sources), [promotion.pk])
        cursor.execute(_OTHERS, [promotion.pk])
    random = Random(1)
    PromotionDayConsumers.objects.bulk_create(
        PromotionDayConsumers(
            promotion=promotion, day=FIRST_DAY + timedelta(days=n), count=len(bitmap), consumers=bitmap.serialize()
        )
        for n in range(DAYS)
        for bitmap in [BitMap64(random.sample(range(1, CONSUMERS), CONSUMERS_A_DAY))]
    )
    ResultsMark.objects.update(summed_to=None)
    results_count(clock=timezone.now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
