"""The demo is a realistic shop that can be created in several runs; another run changes nothing."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from consumers.models import Account, Consumer, StaffMembership
from loyalty.choices import OfferKind, TransactionStatus
from loyalty.management.demo import discounts, fill, programme, shop
from loyalty.management.demo.fill import demo_fill
from loyalty.management.demo.sales import DAYS, Trade, sales
from loyalty.models import AppliedPromotion, Transaction, Voucher
from loyalty.uplift.statistics import MIN_CONSUMERS, ArmSums, sample_ratio
from loyalty.uplift.verdict import Verdict, estimate_arms, verdict_of
from promotions.engine.rulebook.promotion import ControlGroup
from promotions.models import (
    Product,
)
from tests.loyalty.management.small_demo import run_demo, shrink

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests of this module run a small demo."""
    shrink(monkeypatch)


def test_sales_are_discounted_paid_with_vouchers_and_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "SALES", 200)
    monkeypatch.setattr(fill, "BATCH_SIZE", 10)
    monkeypatch.setattr(fill, "VOUCHER_USE_RATE", 1)
    run_demo()
    assert AppliedPromotion.objects.filter(promotion__family="discount", discount__gt=0).exists()
    assert Voucher.objects.filter(redeemed_by__isnull=False).exists()
    statuses = set(Transaction.objects.values_list("status", flat=True))
    assert {TransactionStatus.RETURNED, TransactionStatus.VOIDED} <= statuses
    call_command("ledger_verify", stdout=StringIO())


def test_an_interrupted_run_is_completed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = fill.transaction_commit  # type: ignore[attr-defined]
    calls = iter(range(99))

    def cut_off(**arguments: Any) -> Any:
        if next(calls) == 25:
            raise KeyboardInterrupt
        return commit(**arguments)

    monkeypatch.setattr(fill, "transaction_commit", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run_demo()
    assert Transaction.objects.count() == 25
    monkeypatch.setattr(fill, "transaction_commit", commit)
    assert "60 sales, 35 of them new" in run_demo()
    assert not StaffMembership.objects.exclude(account__code__in=["demo", "demo-books"]).exists()


def test_rows_of_another_account_are_unchanged() -> None:
    other = Account.objects.create(code="other", name="Other", currency="GBP")
    Consumer.objects.create(account=other, consumer_id="c-00001")
    run_demo()
    assert Consumer.objects.filter(account=other).count() == 1
    assert not Product.objects.filter(account=other).exists()


def test_the_shop_has_the_documented_products_sites_offers_and_consumers() -> None:
    products = shop.products()
    assert len({product.sku for product in products}) == 300
    assert all(product.cost_price < product.retail_price for product in products if product.cost_price)  # type: ignore[operator]
    assert len({site.time_zone for site in shop.SITES}) == 3
    assert {offer.kind for offer in programme.OFFERS} == set(OfferKind)
    skus = {product.sku for product in products}
    assert all(skus.issuperset(lists.skus) for lists in discounts.LISTS)
    consumers = shop.consumers(today=datetime.now(ZoneInfo("Europe/London")).date(), count=2000)
    assert len({consumer.consumer_id for consumer in consumers}) == 2000
    assert Counter(consumer.kind for consumer in consumers)["employee"] == 40


def test_sales_are_the_same_for_the_same_moment_and_fill_the_year_before_it() -> None:
    until = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Europe/London"))
    trade = Trade(
        zone=shop.TIME_ZONE,
        currency=shop.CURRENCY,
        currencies=shop.CURRENCIES,
        sites=shop.SITES,
        products=shop.products(),
        consumers=shop.consumers(today=until.date()),
    )
    drawn = sales(trade, until=until, count=400)
    assert drawn == sales(trade, until=until, count=400)
    assert [sale.reference for sale in drawn[:2]] == ["D-00001", "D-00002"]
    assert sorted(drawn, key=lambda sale: sale.occurred_at) == drawn
    assert 300 < (drawn[-1].occurred_at - drawn[0].occurred_at).days <= DAYS
    assert drawn[-1].occurred_at <= until


def test_progress_is_shown_for_each_shops_sales() -> None:
    drawn: list[tuple[str, int]] = []

    class Silent:
        def __init__(self, words: str, total: int) -> None:
            drawn.append((words, total))

        def __enter__(self) -> Any:
            return lambda _done: None

        def __exit__(self, *_: object) -> None:
            return None

    demo = demo_fill(at=datetime.now(ZoneInfo("UTC")), bar=Silent)
    assert (demo.sales, demo.new_sales) == (60, 60)
    assert drawn == [("sales of Harbour & Hearth", 60), ("sales of Lamplight Books", 4)]


def test_the_sales_have_an_effect_that_the_control_group_shows() -> None:
    """Estimated from visits alone, which need no till: the demo's own page estimates contribution in the same way."""
    until = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Europe/London"))
    consumers = shop.consumers(today=until.date(), count=shop.CONSUMERS)
    effect = programme.effect_of_measured_promotion(consumers, made_at=until)
    control = ControlGroup(group="pilot", percentage=Decimal(20))
    panel = {consumer.consumer_id: consumer for consumer in consumers if control.group in consumer.groups}
    names = {card.number: name for name, member in panel.items() if member.loyalty for card in member.loyalty.cards}
    trade = Trade(
        zone=shop.TIME_ZONE,
        currency=shop.CURRENCY,
        currencies=shop.CURRENCIES,
        sites=shop.SITES,
        products=shop.products(),
        consumers=consumers,
        effect=effect,
    )
    drawn = sales(trade, until=until, count=6_000)
    assert len(drawn) == 6_000
    visits = Counter(
        names.get(sale.loyalty_card, sale.consumer) for sale in drawn if sale.occurred_at.date() >= effect.since
    )
    arms = {True: ArmSums(), False: ArmSums()}
    for name in panel:
        arms[not control.draws("loyalty", "double-weekend", name)] += ArmSums(n=1, x=visits[name], xx=visits[name] ** 2)
    assert arms[False].n >= MIN_CONSUMERS
    estimate = estimate_arms(treated=arms[True], control=arms[False], planned=len(panel), is_planned_end=False)
    ratio = sample_ratio(treated=arms[True].n, control=arms[False].n, control_share=0.2)
    assert verdict_of(estimate, ratio) == Verdict.BETTER
