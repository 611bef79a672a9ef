"""Growth with history: the same sale for consumers with few and many past ones, in an account with millions of them.

The past is written by the database itself, set by set: 29 GB and ten minutes for ten million transactions, each with
its ledger entry and an applied promotion. ``BENCHMARK_HISTORY`` is another number of them. All of it is dropped.
"""

import logging
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from msgspec import json

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.decision import CONSTANT
from benchmarks.pages import LIMIT
from benchmarks.report import Report, Times, duration, spread, timed
from benchmarks.shop import Shop, shop_create
from benchmarks.workload import SITE, body, workload
from consumers.choices import KeyRole, StaffRole
from consumers.models import Account, Consumer, Site
from consumers.services.account import api_key_create
from consumers.services.staff import staff_member_add
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.models import Transaction
from loyalty.services.till.commit import transaction_commit
from loyalty.services.till.quote import quote
from promotions.models import Promotion, PromotionVersion

GROUP = "Growth with history: 100 promotions, application rules among them, in process on PostgreSQL"
PAST = (10, 1_000, 100_000)
"""Past transactions of the first consumers; the rest of the account's are shared out among the others."""
ROWS, QUICK_ROWS = 10_000_000, 200_000
CONSUMERS = 2_000
CHUNK = 500_000
VERBS = ("evaluate", "commit")
SALES = {
    "all": "",
    "the hundredth page": "p=100",
    "a reference": "q=past-3-12345",
    "what many references begin with": "q=past",
    "nobody's name": "q=nobody",
    "voided": "status=voided",
    "imported": "kind=past_sale",
}
ENTRIES = {"all": "", "a reference": "q=past-3-12345", "nobody's name": "q=nobody", "adjustments": "kind=adjustment"}
CALLS = ("", "search=past-3-12345", "search=nobody", "status=voided", "promotion=none", "ordering=reference")
"""Searches of the history: by a list's query, or by REST."""
FLAT = 1.5
PATTERN = "pattern"
"""The reference of a sale of three lines, which past sales are copies of."""
VARIABLE = "BENCHMARK_HISTORY"

_TRANSACTIONS = """
    INSERT INTO loyalty_transaction (account_id, reference, fingerprint, kind, status, occurred_at, local_day,
        recorded_at, site_id, consumer_id, loyalty_card, loyalty_card_type, source, payment_card_type, currency,
        total_inc_tax, total_ex_tax, discount_total, net_total_inc_tax, paid, base_points, promotion_points, lines,
        facts, explanation, answer, state)
    SELECT %(account)s, 'past-' || %(part)s || '-' || n, md5(n::text), 'sale', 'committed', moment, moment::date,
        moment, %(site)s,
        CASE WHEN %(consumer)s > 0 THEN %(consumer)s ELSE %(first)s + n %% %(others)s END,
        '', '', 'web', 'visa', 'GBP', 25, 20, 0, 25, 25, 25, 50, %(lines)s::jsonb,
        '{"earn_rate": "1", "point_value": "0.01", "is_loyalty_member": true}'::jsonb, '[]'::jsonb, %(answer)s, ''
    FROM (
        SELECT n, %(until)s::timestamptz - interval '1 day' - n * 31536000.0 / %(past)s * interval '1 second' AS moment
        FROM generate_series(%(low)s::bigint, %(high)s::bigint - 1) AS n
    ) AS past
"""
_APPLIED = """
    INSERT INTO loyalty_appliedpromotion (transaction_id, promotion_id, version_id, position, redemptions, points,
        discount, saving, lines)
    SELECT id, %(promotion)s, %(version)s, 0, 1, 50, 0, 0, '[]'::jsonb FROM loyalty_transaction WHERE id > %(after)s
"""
_LEDGER = """
    INSERT INTO loyalty_ledgerentry (account_id, consumer_id, points, kind, activity_type, description, transaction_id,
        promotion_id, reference, at, created_at)
    SELECT account_id, consumer_id, 75, 'base', '', 'Points on the purchase', id, NULL, '', occurred_at, occurred_at
    FROM loyalty_transaction WHERE id > %(after)s
"""
_CONSUMER_ACTIVITY = """
    UPDATE consumers_consumer SET last_transaction_at = %(until)s::timestamptz - interval '1 day',
        last_transaction_on = (%(until)s::timestamptz - interval '1 day')::date
    WHERE account_id = %(account)s
"""


def run(report: Report, *, quick: bool) -> None:
    """Measure before there is a history, write it, and measure again."""
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    rows = QUICK_ROWS if quick else int(os.environ.get(VARIABLE) or ROWS)
    budget = 1.0 if quick else 5.0
    shop = shop_create("history", workload(100, matching=CONSTANT), consumers=CONSUMERS)
    tills = _Tills(shop)
    young = _Tills(shop_create("young", workload(100, matching=CONSTANT), consumers=10))
    others = len(PAST)
    tills.commit(others, lines=3, reference=PATTERN)
    started = time.perf_counter()
    _write_history(shop, rows)
    minutes = (time.perf_counter() - started) / 60
    report.add(GROUP, f"{rows:,} past transactions written", f"{minutes:.1f} minutes, {_database_gigabytes():.1f} GB")
    pasts = (*PAST, (rows - sum(PAST)) // (CONSUMERS - len(PAST)))
    for n, past in enumerate(pasts):
        name = f"{past:,} past transactions: the first sale, which adds up progress"
        report.add(GROUP, name, duration(tills.first(n)))
    *times_of, empty = measure_in_turns(
        [*((tills, n) for n in range(len(pasts))), (young, 0)], budget=budget * (len(pasts) + 1)
    )
    for past, times in zip(pasts, times_of, strict=True):
        for verb in VERBS:
            value, name = (
                times[verb].median / times_of[0][verb].median,
                f"{past:,} past transactions of the consumer: {verb}",
            )
            report.at_most(GROUP, name, value=value, limit=FLAT, figure=spread(times[verb]))
    for verb in VERBS:
        many, few = times_of[others][verb].median, empty[verb].median
        report.at_most(
            GROUP,
            f"{verb} in the account of {rows:,} transactions against one of none",
            value=many / few,
            limit=FLAT,
            figure=f"{duration(few)} → {duration(many)}",
        )
    _looked_through(report, shop, consumer=ids_of(shop)[len(PAST) - 1], budget=budget / 5)


def _looked_through(report: Report, shop: Shop, *, consumer: int, budget: float) -> None:
    """Measure what people and integrators search for in the history; each search has its own index."""
    # As the server does before it serves: a page asks for its files by the names that they have then.
    call_command("collectstatic", interactive=False, verbosity=0)
    # Each answer is logged, which should not count in the figures.
    logging.disable(logging.INFO)
    clerk = staff_member_add(account_id=shop.account_id, username="clerk", role=StaffRole.ADMINISTRATOR, password=None)
    client = Client(SERVER_NAME="localhost")
    client.force_login(clerk.user, backend="consumers.access.MembershipBackend")
    _, key = api_key_create(account_id=shop.account_id, name="Integrator", role=KeyRole.MANAGER)
    last_day = shop.at.date()
    addresses = {
        **{f"transactions: {what}": f"/admin/loyalty/transaction/?{query}" for what, query in SALES.items()},
        **{f"points ledger: {what}": f"/admin/loyalty/ledgerentry/?{query}" for what, query in ENTRIES.items()},
        "transactions: days": f"/admin/loyalty/transaction/?local_day_from={last_day - timedelta(days=200)}"
        f"&local_day_to={last_day - timedelta(days=199)}",
        "the overview": "/admin/",
        "the consumer of the longest history": f"/admin/consumers/consumer/{consumer}/change/",
        **{f"REST: {query}": f"/api/v1/transactions?limit=100&{query}" for query in CALLS},
    }
    times: dict[str, Times] = {}
    for name, address in addresses.items():
        headers = {"Authorization": f"Api-Key {key}"} if address.startswith("/api/") else {}
        search = partial(client.get, address, headers=headers)
        assert search().status_code == 200, address
        times[name] = timed(search, budget=budget, min_calls=3)
    logging.disable(logging.NOTSET)
    report.each_within(GROUP, "pages and lists of the history", times, limit=LIMIT)


def ids_of(shop: Shop) -> list[int]:
    """Return the ids of a shop's consumers."""
    return list(Consumer.objects.filter(account_id=shop.account_id).order_by("id").values_list("id", flat=True))


class _Tills:
    """Evaluates and commits for one consumer of a shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.account = Account.objects.get(pk=shop.account_id)
        self.references = (f"{uuid4().hex[:8]}-{n}" for n in count())

    def commit(self, n: int, *, lines: int = 10, reference: str = "") -> None:
        """Commit a sale of the n-th consumer."""
        reference = reference or next(self.references)
        sent = body(lines, consumer=self.shop.consumers[n], reference=reference, at=self.shop.at)
        now = timezone.now()
        transaction_commit(account=self.account, sale=sale_decoded(sent, now=now, commit=True), at=now)

    def evaluate(self, n: int) -> None:
        """Evaluate a basket of the n-th consumer."""
        sent = body(10, consumer=self.shop.consumers[n], at=self.shop.at)
        quote(account=self.account, sale=sale_decoded(sent, now=timezone.now(), commit=False))

    def first(self, n: int) -> float:
        """Commit a sale; return the seconds that it took."""
        started = time.perf_counter()
        self.commit(n)
        return time.perf_counter() - started


def measure_in_turns(buyers: Sequence[tuple[_Tills, int]], *, budget: float) -> list[dict[str, Times]]:
    """Measure each consumer's calls by verb, in turns, so that what disturbs the machine disturbs all alike."""
    durations: list[dict[str, list[float]]] = [{verb: [] for verb in VERBS} for _ in buyers]
    deadline = time.perf_counter() + budget
    while time.perf_counter() < deadline:
        for (tills, n), of_buyer in zip(buyers, durations, strict=True):
            for verb in VERBS:
                of_buyer[verb].extend(timed(partial(getattr(tills, verb), n), budget=0).seconds)
    return [{verb: Times(seconds=tuple(sorted(of_buyer[verb]))) for verb in VERBS} for of_buyer in durations]


def _write_history(shop: Shop, rows: int) -> None:
    """Write past transactions: those of the first consumers, and the rest shared among the others."""
    ids = ids_of(shop)
    promotion = Promotion.objects.filter(account_id=shop.account_id).order_by("id")[0]
    pattern = Transaction.objects.get(account_id=shop.account_id, reference=PATTERN)
    values: dict[str, Any] = {
        "account": shop.account_id,
        "site": Site.objects.get(account_id=shop.account_id, number=SITE).pk,
        "first": ids[len(PAST)],
        "others": len(ids) - len(PAST),
        "promotion": promotion.pk,
        "version": PromotionVersion.objects.get(promotion=promotion).pk,
        "lines": json.encode(pattern.lines).decode(),
        "answer": pattern.answer,
        "until": shop.at,
    }
    parts = [(consumer, past) for consumer, past in zip(ids, PAST, strict=False)]
    parts.append((0, max(rows - sum(PAST), 0)))
    with connection.cursor() as cursor:
        # Keys are known to hold: looking each up would take as long as writing the rows.
        cursor.execute("SET session_replication_role = replica")
        for part, (consumer, past) in enumerate(parts):
            for low in range(0, past, CHUNK):
                cursor.execute("SELECT coalesce(max(id), 0) FROM loyalty_transaction")
                after = cursor.fetchone()[0]
                chunk = values | {"part": str(part), "low": low, "high": min(low + CHUNK, past), "past": past}
                for statement in (_TRANSACTIONS, _APPLIED, _LEDGER):
                    cursor.execute(statement, chunk | {"after": after, "consumer": consumer})
        cursor.execute(_CONSUMER_ACTIVITY, values)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("DELETE FROM loyalty_promotionusage")
        cursor.execute("ANALYZE")


def _database_gigabytes() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0]) / 1e9
