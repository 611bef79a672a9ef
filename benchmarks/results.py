"""Results of promotions: sales counted by the task, and the results of a large promotion read.

The sales are written by the database as copies of one, at other sites and of other consumers; the promotion's two years
at 500 sites as rows of results.
"""

import time
from datetime import date, timedelta
from random import Random

from django.db import connection
from django.utils import timezone
from pyroaring import BitMap64

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.decision import CONSTANT
from benchmarks.report import Report, Times, timed
from benchmarks.shop import Shop, shop_create
from benchmarks.workload import body, workload
from consumers.models import Account, Consumer, Site
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.models import PromotionDayConsumers, PromotionResult, Transaction
from loyalty.models.results import COLUMNS, FIGURES
from loyalty.selectors.results import ResultsBy, ResultsPeriod, results_of
from loyalty.services.results.count import results_count
from loyalty.services.till.commit import transaction_commit
from promotions.models import Promotion, PromotionVersion

GROUP = "Results of promotions, in process on PostgreSQL"
SALES, QUICK_SALES = 100_000, 10_000
A_DAY, IN_SECONDS = 1_000_000, 120
SITES, DAYS, CONSUMERS_A_DAY, CONSUMERS = 500, 730, 13_700, 1_000_000
"""Of a promotion with ten million redemptions in two years."""
LIMIT = 0.3
FIRST_DAY = date(2024, 1, 1)

_COPIES = """
    INSERT INTO loyalty_transaction (account_id, reference, fingerprint, kind, status, occurred_at, local_day,
        recorded_at, site_id, consumer_id, loyalty_card, loyalty_card_type, source, payment_card_type, currency,
        total_inc_tax, total_ex_tax, discount_total, net_total_inc_tax, paid, base_points, promotion_points, lines,
        facts, explanation, answer, state)
    SELECT account_id, 'copy-' || n, fingerprint, kind, status, occurred_at, local_day, recorded_at,
        %(site)s + n %% %(sites)s, %(consumer)s + n %% %(consumers)s, '', '', '', '', currency, total_inc_tax,
        total_ex_tax, discount_total, net_total_inc_tax, paid, base_points, promotion_points, lines, facts,
        '[]'::jsonb, answer, ''
    FROM loyalty_transaction, generate_series(1, %(sales)s) AS n WHERE loyalty_transaction.id = %(pattern)s
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


def run(report: Report, *, quick: bool) -> None:
    """Count copies of a sale, then read a promotion's rows."""
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    shop = shop_create("results", workload(100, matching=CONSTANT), consumers=2_000)
    account = Account.objects.get(pk=shop.account_id)
    sites = Site.objects.bulk_create(
        [Site(account=account, number=f"s{n}", name=f"Site {n}", town="York") for n in range(SITES)]
    )
    _count(report, shop, first_site=sites[0].pk, sales=QUICK_SALES if quick else SALES)
    promotion = Promotion.objects.filter(account=account).order_by("pk")[0]
    _write_promotion(promotion, first_site=sites[0].pk)
    times: dict[str, Times] = {}
    periods = {
        "": ResultsPeriod(),
        ", from the 15th to the 15th": ResultsPeriod(first=date(2024, 1, 15), last=date(2025, 12, 15)),
    }
    for words, period in periods.items():
        for by in (None, *ResultsBy):
            times[f"{by or 'totals'}{words}"] = timed(
                lambda by=by, period=period: results_of(promotion_ids=[promotion.pk], period=period, by=by),  # type: ignore[misc]
                budget=1.0 if quick else 3.0,
                min_calls=3,
            )
    report.each_within(GROUP, f"{DAYS} days at {SITES} sites read", times, limit=LIMIT)


def _count(report: Report, shop: Shop, *, first_site: int, sales: int) -> None:
    account = Account.objects.get(pk=shop.account_id)
    raw = body(lines=5, consumer=shop.consumers[0], at=shop.at, reference="pattern")
    sale = sale_decoded(raw, now=timezone.now(), commit=True)
    transaction_commit(account=account, sale=sale, at=timezone.now())
    pattern = Transaction.objects.get(reference="pattern")
    consumers = list(Consumer.objects.filter(account=account).order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        values = {"site": first_site, "sites": SITES, "consumer": consumers[0], "consumers": len(consumers)}
        cursor.execute(_COPIES, values | {"sales": sales, "pattern": pattern.pk})
        cursor.execute("ANALYZE")
    began = time.perf_counter()
    counted = results_count(clock=timezone.now)
    seconds = time.perf_counter() - began
    applied = len(pattern.applied.all())
    report.at_least(
        GROUP,
        f"{counted:,} sales of 5 lines and {applied} promotions counted, against a million in two minutes",
        value=counted / seconds,
        limit=A_DAY / IN_SECONDS,
        figure=f"{seconds:.1f} s",
    )


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
    random = Random(1)
    PromotionDayConsumers.objects.bulk_create(
        PromotionDayConsumers(
            promotion=promotion, day=FIRST_DAY + timedelta(days=n), count=len(bitmap), consumers=bitmap.serialize()
        )
        for n in range(DAYS)
        for bitmap in [BitMap64(random.sample(range(1, CONSUMERS), CONSUMERS_A_DAY))]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
