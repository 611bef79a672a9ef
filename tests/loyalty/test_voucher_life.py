"""The life of a voucher: redeemed, given back, cancelled, expired."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connections, transaction

from consumers.models import Consumer
from loyalty.choices import VoucherStatus
from loyalty.exceptions import VoucherChanged
from loyalty.models import Offer, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from loyalty.services.rewards.voucher import (
    CHUNK,
    voucher_rows,
    vouchers_cancel,
    vouchers_expire,
    vouchers_pay,
    vouchers_release,
)
from loyalty.tasks import vouchers_expire as vouchers_expire_task
from tests.loyalty.till.shop import Shop, make_shop

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
END = datetime(2026, 3, 6, tzinfo=UTC)
"""The end of a voucher of one day that is issued at noon."""


@pytest.fixture
def shop(db: None) -> Shop:
    shop = make_shop()
    shop.member("c")
    make_offer(shop, "pound")
    return shop


def make_offer(shop: Shop, code: str, **fields: Any) -> Offer:
    values = {"name": code, "currency": "GBP", "benefit": "amount", "value": "1", "valid_days": 1, **fields}
    return Offer.objects.create(account=shop.account, code=code, **values)


def issue(offer: str = "pound", *, consumer: str = "c", count: int = 1, **fields: Any) -> list[Voucher]:
    """Issue vouchers at noon and count them in the offer's stock."""
    stocked = Offer.objects.get(code=offer)
    holder = Consumer.objects.get(consumer_id=consumer)
    rows = voucher_rows(offer=stocked, consumer=holder, count=count, at=NOON, zone=UTC)
    for row in rows:
        for name, value in fields.items():
            setattr(row, name, value)
    Offer.objects.filter(pk=stocked.pk).update(issued=stocked.issued + count)
    return Voucher.objects.bulk_create(rows)


def sell(shop: Shop, reference: str = "T1", *, at: datetime = NOON, consumer: str = "c") -> Transaction:
    shop.sell(reference, consumer=consumer, occurred_at=at.isoformat())
    return Transaction.objects.get(reference=reference)


def pay(vouchers: list[Voucher], payer: Transaction, *, at: datetime = NOON) -> None:
    assert payer.consumer_id is not None
    with transaction.atomic():
        vouchers_pay(
            consumer_pk=payer.consumer_id, voucher_pks=[voucher.pk for voucher in vouchers], payer=payer, at=at
        )


def statuses() -> list[str]:
    return list(Voucher.objects.order_by("pk").values_list("status", flat=True))


# --- paying ---------------------------------------------------------------------------------------------------------


def test_a_redeemed_voucher_links_to_its_transaction(shop: Shop) -> None:
    vouchers, payer = issue(count=2), sell(shop)
    pay(vouchers, payer)
    assert statuses() == ["redeemed", "redeemed"]
    assert set(Voucher.objects.values_list("redeemed_by", "redeemed_at")) == {(payer.pk, NOON)}


def test_a_voucher_pays_once(shop: Shop) -> None:
    vouchers = issue()
    pay(vouchers, sell(shop, "T1"))
    with pytest.raises(VoucherChanged):
        pay(vouchers, sell(shop, "T2"))
    assert Voucher.objects.get().redeemed_by == Transaction.objects.get(reference="T1")


def test_several_vouchers_are_redeemed_all_or_none(shop: Shop) -> None:
    good, cancelled = issue(count=2)
    Voucher.objects.filter(pk=cancelled.pk).update(status=VoucherStatus.CANCELLED)
    with pytest.raises(VoucherChanged):
        pay([good, cancelled], sell(shop))
    assert statuses() == ["issued", "cancelled"]


def test_a_voucher_pays_only_for_its_own_consumer(shop: Shop) -> None:
    shop.member("d")
    with pytest.raises(VoucherChanged):
        pay(issue(), sell(shop, consumer="d"))
    assert statuses() == ["issued"]


@pytest.mark.parametrize(("at", "is_good"), [(END - timedelta(seconds=1), True), (END, False)])
@pytest.mark.parametrize("swept", [False, True])
def test_the_moment_of_the_sale_decides_and_not_how_far_the_sweep_is(
    shop: Shop, at: datetime, is_good: bool, swept: bool
) -> None:
    vouchers, payer = issue(), sell(shop, at=at)
    if swept:
        vouchers_expire(at=NOON + 9 * DAY)
    if is_good:
        pay(vouchers, payer, at=at)
    else:
        with pytest.raises(VoucherChanged):
            pay(vouchers, payer, at=at)
    assert (statuses() == ["redeemed"]) is is_good


# --- releasing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "status"), [(END - timedelta(seconds=1), "issued"), (END, "expired")])
def test_a_released_voucher_is_issued_or_expired_depending_on_its_end(shop: Shop, at: datetime, status: str) -> None:
    payer = sell(shop)
    pay(issue(), payer)
    assert vouchers_release(payer=payer, at=at) == 1
    voucher = Voucher.objects.get()
    assert (voucher.status, voucher.redeemed_by, voucher.redeemed_at) == (status, None, None)


def test_vouchers_redeemed_by_other_sales_are_not_released(shop: Shop) -> None:
    mine, other = sell(shop, "T1"), sell(shop, "T2")
    first, second = issue(count=2)
    pay([first], mine)
    pay([second], other)
    vouchers_release(payer=mine, at=NOON)
    assert statuses() == ["issued", "redeemed"]


def test_releasing_a_voucher_keeps_the_day_of_the_last_offer(shop: Shop) -> None:
    earlier, later = sell(shop, "T1"), sell(shop, "T2", at=NOON + DAY)
    first, second = issue(count=2, expires_at=None)
    pay([first], earlier)
    pay([second], later, at=NOON + DAY)
    Consumer.objects.update(last_offer_redeemed_on=later.local_day)
    assert not list(ledger_differences())
    for payer, day in ((later, earlier.local_day), (earlier, None)):
        vouchers_release(payer=payer, at=NOON + DAY)
        assert Consumer.objects.get().last_offer_redeemed_on == day
        assert not list(ledger_differences())


def test_the_voucher_of_a_tiered_reward_counts_on_the_day_of_its_claim_alone(shop: Shop) -> None:
    make_offer(shop, "mug", kind="tiered", point_cost=1)
    payer = sell(shop)
    pay(issue("mug"), payer)
    assert not list(ledger_differences())
    assert Consumer.objects.get().last_offer_redeemed_on is None


# --- cancelling -----------------------------------------------------------------------------------------------------


def test_unused_vouchers_return_to_the_stock_and_spent_ones_do_not(shop: Shop) -> None:
    spent, over, fresh = issue(count=3)
    pay([spent], sell(shop))
    Voucher.objects.filter(pk=over.pk).update(status=VoucherStatus.EXPIRED)
    with transaction.atomic():
        assert vouchers_cancel(vouchers=list(Voucher.objects.order_by("pk"))) == [over, fresh]
    assert statuses() == ["redeemed", "cancelled", "cancelled"]
    assert Offer.objects.get().issued == 1


def test_taking_back_is_counted_for_each_offer(shop: Shop) -> None:
    make_offer(shop, "tea")
    vouchers = issue(count=2) + issue("tea", count=1)
    with transaction.atomic():
        vouchers_cancel(vouchers=vouchers)
    assert set(Offer.objects.values_list("code", "issued")) == {("pound", 0), ("tea", 0)}
    assert not [each for each in ledger_differences() if each.figure == "vouchers issued"]


def test_a_voucher_that_was_used_meanwhile_is_not_taken_back(shop: Shop) -> None:
    vouchers = issue()
    pay(list(vouchers), sell(shop))
    with pytest.raises(VoucherChanged), transaction.atomic():
        vouchers_cancel(vouchers=vouchers)
    assert (statuses(), Offer.objects.get().issued) == (["redeemed"], 1)


# --- the sweep ------------------------------------------------------------------------------------------------------


def test_the_sweep_expires_only_vouchers_past_their_end(shop: Shop) -> None:
    issue()
    issue(expires_at=None)
    issue(status=VoucherStatus.REDEEMED)
    issue(status=VoucherStatus.CANCELLED)
    assert vouchers_expire(at=END - timedelta(microseconds=1)) == 0
    assert [vouchers_expire(at=END), vouchers_expire(at=END)] == [1, 0]
    assert statuses() == ["expired", "issued", "redeemed", "cancelled"]


def test_the_sweep_takes_any_number_in_chunks(shop: Shop, django_assert_num_queries: Any) -> None:
    issue(count=CHUNK + 1)
    rounds = 2 * 2 + 2 * 2  # a look and a write in each, and the savepoint of each in a test
    with django_assert_num_queries(rounds):
        assert vouchers_expire(at=END) == CHUNK + 1


def test_the_worker_sweeps(shop: Shop) -> None:
    issue()
    assert vouchers_expire_task.delay().get() == 1


# --- at once --------------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run all calls at the same moment; return what each returns, or the refusal that it raises."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except VoucherChanged as refused:
            return refused
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_one_voucher_pays_one_of_many_sales(shop: Shop) -> None:
    vouchers = issue()
    payers = [sell(shop, f"T{number}") for number in range(6)]
    paid = at_once(*(partial(pay, vouchers, payer) for payer in payers))
    assert sum(isinstance(result, VoucherChanged) for result in paid) == 5
    assert Voucher.objects.get().redeemed_by in payers


@pytest.mark.django_db(transaction=True)
def test_sweeps_never_expire_a_voucher_that_a_sale_just_redeemed(shop: Shop) -> None:
    vouchers = issue(count=8)
    payers = [sell(shop, f"T{number}") for number in range(4)]
    sweep = partial(vouchers_expire, at=END)
    at_once(*(partial(pay, [voucher], payer) for voucher, payer in zip(vouchers, payers, strict=False)), sweep, sweep)
    vouchers_expire(at=END)
    assert statuses() == ["redeemed"] * 4 + ["expired"] * 4
