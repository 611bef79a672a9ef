"""Real sales: a file of them goes through the till's own commit, against promotions generated from what it sells.

The file is named by ``--sales FILE`` or ``BENCHMARK_SALES``; its columns are those of the mapping in
docs/real-data.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.report import Report, duration
from benchmarks.shop import promotions_create
from benchmarks.workload import Document, PromotionSpec, condition, promotion_source
from consumers.models import Account
from consumers.services.account import account_create
from loyalty.services.sales_import.past_sales import category_of
from loyalty.services.sales_import.replay import sales_replay
from loyalty.services.sales_import.sales_file import SalesFile, SalesIndex, layout_read

GROUP = "Real sales: replayed through the till's commit on PostgreSQL, 1,000 generated promotions"
COUNT = 1_000
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
VARIABLE = "BENCHMARK_SALES"
MAPPING = Path(__file__).resolve().parent.parent / "docs" / "real-data" / "online_retail.toml"


def run(report: Report, *, quick: bool) -> None:
    """Replay the file's usable sales; the first 300 of them if it must be quick."""
    path = Path(os.environ.get(VARIABLE) or "")
    if not path.is_file():
        report.skip(GROUP, "all of it", f"name a file of sales by --sales or {VARIABLE}")
        return
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    account = account_create(code="sales", currency="GBP", time_zone="Europe/London").account
    Account.objects.filter(pk=account.pk).update(late_transaction_days=36_500)
    account.refresh_from_db()
    file = SalesFile(
        path=path, layout=layout_read(named={}, mapping=MAPPING), zone=account.zone, currency=account.currency
    )
    index = file.index()
    skus, categories = _sold(file, index)
    sources = [
        replace(promotion_source(n + 1, spec), starts_at=LONG_AGO + timedelta(minutes=n))
        for n, spec in enumerate(_promotions(skus, categories))
    ]
    promotions_create(account, sources)
    started, cpu_started = time.perf_counter(), time.process_time()
    summary = sales_replay(
        account=account,
        file=file,
        index=index,
        at=timezone.now(),
        reject=lambda _row: None,
        limit=300 if quick else None,
    )
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    report.add(
        GROUP,
        f"{summary.posted:,} sales of {path.name}",
        f"{summary.posted / seconds:,.0f} sales/s, CPU {duration(cpu / max(summary.posted, 1))}",
    )
    redeemed = sum(summary.redemptions.values())
    report.add(GROUP, "what they earned", f"{redeemed:,} redemptions of {len(summary.redemptions):,} promotions")
    report.add(GROUP, "digest of all decisions", summary.digest[:16])


def _sold(file: SalesFile, index: SalesIndex) -> tuple[list[str], list[str]]:
    """Return the SKUs and categories that the file sells, most sold first."""
    skus: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    for invoice in file.invoices(index, reject=lambda _row: None):
        skus.update(row.sku for row in invoice.rows)
        categories.update(row.category or category_of(index.names.get(row.sku, "")) for row in invoice.rows)
    return [sku for sku, _ in skus.most_common()], [category for category, _ in categories.most_common() if category]


def _promotions(skus: list[str], categories: list[str]) -> Iterator[PromotionSpec]:
    """Yield promotions of all kinds, spread over everything that is sold, slow sellers too."""
    for n in range(COUNT):
        named = sorted({skus[(n * 37 + step * 911) % len(skus)] for step in range(4)})
        category = categories[(n * 17) % len(categories)]
        yield _kind(n, named, category)


def _kind(n: int, skus: list[str], category: str) -> PromotionSpec:
    on_skus, in_category = condition("sku", "is_any_of", skus), condition("category", "is", category)
    selected: Document = {"match": "any", "sets": [{"rules": in_category, "units": 1}]}
    over = condition("total_inc_tax", "is_at_least", f"{200 + n}.00")
    visits = {"measure": "transactions", "threshold": "5", "period": {"unit": "days", "length": 90}}
    kinds = (
        PromotionSpec(type="fixed_points", outcome={"points": 50}, eligibility={"line_item_rules": on_skus}),
        PromotionSpec(
            type="points_multiplier", outcome={"multiplier": "2", "product_selection": selected}, eligibility={}
        ),
        PromotionSpec(type="amount", outcome={"value": "0.25", "product_sets": [{"products": skus}]}, eligibility={}),
        PromotionSpec.percentage_off({"rules": in_category, "required_quantity": 3}),
        PromotionSpec(
            type="fixed_points",
            outcome={"points": 20},
            eligibility={"line_item_rules": in_category, "application_rules": [visits]},
        ),
        PromotionSpec(
            type="bonus_points",
            outcome={"issue_points_on": "quantity", "conversion_units": "6", "conversion_points": 5},
            eligibility={"line_item_rules": on_skus, "customer_redemption_limit": 10},
        ),
        PromotionSpec(
            type="free_product",
            outcome={"product_sets": [{"products": skus, "required_quantity": 12, "discounted_quantity": 1}]},
            eligibility={"transaction_redemption_limit": 2},
        ),
        PromotionSpec(
            type="fixed_price", outcome={"value": "1.00", "product_sets": [{"products": skus[:1]}]}, eligibility={}
        ),
        PromotionSpec(
            type="points_multiplier", outcome={"multiplier": "1.5"}, eligibility={"line_item_rules": on_skus}
        ),
        PromotionSpec(type="fixed_points", outcome={"points": 100}, eligibility={"transaction_rules": over}),
    )
    return kinds[n % len(kinds)]
