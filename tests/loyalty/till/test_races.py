"""Tills that call at the same time, each in a thread and a connection of its own."""

from collections import Counter
from collections.abc import Callable
from time import sleep

import pytest

from consumers.models import Consumer
from loyalty.models import AppliedPromotion, LedgerEntry, Offer, Reversal, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import PersonalizedList, Promotion
from tests.loyalty.till.at_once import CROWD, ON_POSTGRESQL, TILLS, at_once, redemptions, sold_at_once, status_codes
from tests.loyalty.till.shop import Answer, Json, Shop, make_basket, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = {"apply_to": "every", "units": 1}


@pytest.fixture
def shop() -> Shop:
    return make_shop()


# --- sales ----------------------------------------------------------------------------------------------------------


def test_a_reference_committed_by_many_tills_awards_once_with_the_same_answer_for_all(shop: Shop) -> None:
    shop.member()
    shop.promotion("fifty", customer_redemption_limit=5)
    answers = sold_at_once(shop, TILLS, lambda _: make_basket(reference="T1"))
    assert status_codes(answers) == [200] * (TILLS - 1) + [201]
    assert len({answer.content for answer in answers}) == 1
    assert Consumer.objects.get().points_balance == 53
    assert Transaction.objects.count() == 1
    assert not list(ledger_differences())


def test_an_anonymous_reference_committed_by_many_tills_is_a_single_sale(shop: Shop) -> None:
    shop.discount("half", value="50", total_redemption_limit=5)
    answers = sold_at_once(shop, TILLS, lambda _: make_basket(reference="T1", consumer=None))
    assert status_codes(answers) == [200] * (TILLS - 1) + [201]
    assert len({answer.content for answer in answers}) == 1
    assert Promotion.objects.get().redemptions == 1


def test_a_reference_with_two_contents_is_a_single_sale_and_a_conflict(shop: Shop) -> None:
    shop.member()
    answers = sold_at_once(
        shop, TILLS, lambda till: make_basket(reference="T1", sold=[make_line(quantity=str(1 + till % 2))])
    )
    half = TILLS // 2
    assert status_codes(answers) == [200] * (half - 1) + [201] + [409] * half
    assert not list(ledger_differences())


def test_a_consumers_own_sales_wait_for_each_other(shop: Shop) -> None:
    shop.member()
    shop.promotion("once", customer_redemption_limit=1)
    answers = sold_at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}"))
    assert status_codes(answers) == [201] * TILLS
    assert sum(redemptions(answers)) == 1
    assert Consumer.objects.get().points_balance == 50 + 3 * TILLS
    assert not list(ledger_differences())


def test_a_limit_per_period_is_never_exceeded_by_a_consumers_own_sales_and_returns(shop: Shop) -> None:
    shop.member()
    shop.promotion("weekly", customer_redemption_limit=2, customer_limit_period="week")
    shop.sell("before", occurred_at="2026-03-02T12:00:00Z")
    days = ("2026-03-03", "2026-03-07", "2026-03-10", "2026-02-26")  # two in the week of the sale before

    def call(own: Shop, till: int) -> Answer:
        path, body = "transactions/before/void", {"reference": "V1"}
        if till:
            path = "transactions"
            body = make_basket(reference=f"T{till}", occurred_at=f"{days[till % 4]}T12:00:00Z")
        while (answer := own.call("post", path, body)).status_code == 503:
            sleep(int(answer.headers["Retry-After"]))
        return answer

    answers = at_once(shop, TILLS, call)
    assert status_codes(answers) == [201] * TILLS
    weeks: Counter[int] = Counter()
    for applied in AppliedPromotion.objects.select_related("transaction"):
        weeks[applied.transaction.local_day.isocalendar().week] += applied.redemptions
    assert all(count <= 2 for count in weeks.values())
    assert weeks[9] == weeks[11] == 2
    assert weeks[10] >= 1  # one more than the sale before left, or two once it is voided
    assert not list(ledger_differences())


def test_a_total_limit_is_never_exceeded_by_many_consumers(shop: Shop) -> None:
    limit = CROWD + CROWD // 2 + 4  # 100 of 64 that want two each
    for till in range(CROWD):
        shop.member(f"c{till}")
    shop.promotion("limited", outcome={"points": 10, "quantity_rule": EVERY}, total_redemption_limit=limit)
    answers = sold_at_once(
        shop, CROWD, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}", sold=[make_line(quantity="2")])
    )
    assert sum(redemptions(answers)) == limit
    assert Promotion.objects.get().redemptions == limit
    assert not list(ledger_differences())


@pytest.mark.parametrize("lock_free_margin", [-1, 0, 1, 50])
def test_a_limit_is_never_exceeded_without_locks_while_much_is_left(
    shop: Shop, lock_free_margin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty.services.till.commit.LOCK_FREE_MARGIN", lock_free_margin)
    limit = CROWD + CROWD // 2 + 3  # the last takes one of the two it would have had
    shop.offer("coffee", stock=CROWD // 2)
    shop.promotion("limited", outcome={"points": 10, "quantity_rule": EVERY}, total_redemption_limit=limit)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    for till in range(CROWD):
        shop.member(f"c{till}")
    answers = sold_at_once(
        shop, CROWD, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}", sold=[make_line(quantity="2")])
    )
    assert status_codes(answers) == [201] * CROWD
    assert sum(redemptions(answers)) == limit + CROWD // 2
    assert Promotion.objects.get(code="limited").redemptions == limit
    assert Voucher.objects.count() == Offer.objects.get().issued == CROWD // 2
    assert not list(ledger_differences())


def test_a_voucher_stock_is_never_exceeded_by_many_consumers(shop: Shop) -> None:
    stock = CROWD - 14 if ON_POSTGRESQL else 3
    for till in range(CROWD):
        shop.member(f"c{till}")
    shop.offer("coffee", stock=stock)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    answers = sold_at_once(shop, CROWD, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}"))
    assert status_codes(answers) == [201] * CROWD
    assert Voucher.objects.count() == Offer.objects.get().issued == stock
    assert not list(ledger_differences())


def test_unlimited_promotions_count_every_redemption_in_any_order(shop: Shop) -> None:
    for till in range(TILLS):
        shop.member(f"c{till}")
    for code in ("a", "b", "c"):
        shop.promotion(code, always_apply=True)
    sold_at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}"))
    assert set(Promotion.objects.values_list("redemptions", flat=True)) == {TILLS}
    assert LedgerEntry.objects.count() == 4 * TILLS


def test_a_voucher_pays_at_one_of_many_tills(shop: Shop) -> None:
    shop.member()
    shop.offer("pound")
    code = shop.voucher("pound")
    answers = sold_at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}", vouchers=[code]))
    assert sorted(answer.json()["discount_total"] for answer in answers) == ["0.00"] * (TILLS - 1) + ["1.00"]
    refused = [voucher["reason"] for answer in answers for voucher in answer.json()["vouchers_refused"]]
    assert refused == ["redeemed"] * (TILLS - 1)
    assert not list(ledger_differences())


def test_only_one_of_many_sales_fixes_a_personalized_choice(shop: Shop) -> None:
    shop.member()
    skus = [f"P{i}" for i in range(TILLS)]
    for sku in skus:
        shop.product(sku)
    shop.listed("PP", *skus, maximum_distinct_products=1, lock_after_first_apply=True)
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    answers = sold_at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}", sold=[make_line(skus[till])]))
    assert sum(redemptions(answers)) == 1
    chosen = next(skus[till] for till, answer in enumerate(answers) if answer.json()["applied"])
    listed = PersonalizedList.objects.get()
    assert (listed.selected, listed.locked) == ([chosen], True)


def test_a_choice_during_concurrent_sales_becomes_final_once(shop: Shop) -> None:
    shop.member()
    for sku in ("TEA", "CAKE"):
        shop.product(sku)
    shop.listed("PP", "TEA", "CAKE", lock_after_first_apply=True)
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")

    def act(own: Shop, number: int) -> Answer:
        if number:
            return own.call("post", "transactions", make_basket(reference=f"T{number}"))
        return own.call("put", "personalized-promotions/PP/consumers/c/selection", {"products": ["CAKE"]})

    chose, *sales = at_once(shop, TILLS, act)
    listed = PersonalizedList.objects.get()
    assert listed.locked
    if chose.status_code == 409:
        assert (listed.selected, sum(redemptions(sales))) == (["TEA"], TILLS - 1)
    else:
        assert (chose.status_code, listed.selected, sum(redemptions(sales))) == (200, ["CAKE"], 0)


# --- returns --------------------------------------------------------------------------------------------------------


def returned_at_once(shop: Shop, tills: int, path: str, body: Callable[[int], Json]) -> list[Answer]:
    return at_once(shop, tills, lambda own, number: own.call("post", path, body(number)))


def test_a_return_sent_by_many_tills_is_made_once_with_the_same_answer_for_all(shop: Shop) -> None:
    shop.member()
    shop.sell("T1", sold=[make_line(quantity="9")])
    answers = returned_at_once(shop, TILLS, "transactions/T1/returns", lambda _: make_return("R1", TEA="1"))
    assert status_codes(answers) == [200] * (TILLS - 1) + [201]
    assert len({answer.content for answer in answers}) == 1
    assert Consumer.objects.get().points_balance == 24
    assert not list(ledger_differences())


@pytest.mark.parametrize("consumer", ["c", None])
def test_no_more_comes_back_than_was_bought(shop: Shop, consumer: str | None) -> None:
    shop.member()
    shop.discount("half", value="50", total_redemption_limit=50)
    bought = TILLS // 2
    shop.sell("T1", consumer=consumer, sold=[make_line(quantity=str(bought))])
    answers = returned_at_once(shop, TILLS, "transactions/T1/returns", lambda till: make_return(f"R{till}", TEA="1"))
    assert status_codes(answers) == [201] * bought + [400] * bought
    assert {answer.json()["refund_due"] for answer in answers if answer.status_code == 201} == {"1.50"}
    assert Promotion.objects.get().redemptions == 0
    assert not list(ledger_differences())


def test_a_return_reference_for_many_sales_is_a_single_return(shop: Shop) -> None:
    for till in range(TILLS):
        shop.member(f"c{till}")
        shop.sell(f"T{till}", consumer=f"c{till}")
    answers = at_once(
        shop,
        TILLS,
        lambda own, till: own.call("post", f"transactions/T{till}/returns", make_return("R1", TEA="1")),
    )
    assert status_codes(answers) == [201] + [409] * (TILLS - 1)
    assert Reversal.objects.count() == 1
    assert not list(ledger_differences())


def test_concurrent_voids_and_returns_reverse_everything_once(shop: Shop) -> None:
    shop.member()
    shop.promotion("each", outcome={"points": 10, "quantity_rule": EVERY}, total_redemption_limit=50)
    shop.sell("T1", sold=[make_line(quantity="9")])

    def act(own: Shop, number: int) -> Answer:
        if number % 2:
            return own.call("post", "transactions/T1/void", {"reference": f"V{number}"})
        return own.call("post", "transactions/T1/returns", make_return(f"R{number}", TEA="1"))

    answers = at_once(shop, TILLS, act)
    assert sum(answer.json()["reversed"]["points"] for answer in answers if answer.status_code == 201) == 117
    assert Transaction.objects.get().status == "voided"
    assert (Consumer.objects.get().points_balance, Promotion.objects.get().redemptions) == (0, 0)
    assert not list(ledger_differences())


def test_a_voucher_is_redeemed_or_cancelled_and_never_both(shop: Shop) -> None:
    shop.member()
    shop.offer("pound", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "pound"})
    code = shop.sell("T0")["vouchers_issued"][0]["code"]

    def act(own: Shop, number: int) -> Answer:
        if number % 2:
            return own.call("post", "transactions", make_basket(reference=f"T{number}", vouchers=[code]))
        return own.call("post", "transactions/T0/void", {"reference": f"V{number}"})

    answers = at_once(shop, TILLS, act)
    spent = sum(answer.json()["discount_total"] == "1.00" for answer in answers[1::2])
    (voided,) = (answer.json()["reversed"] for answer in answers[::2] if answer.status_code == 201)
    assert (voided["vouchers_cancelled"], voided["vouchers_already_redeemed"]) == (
        ([], [code]) if spent else ([code], [])
    )
    assert spent in (0, 1)
    assert Voucher.objects.get(code=code).status == ("redeemed" if spent else "cancelled")
    assert not list(ledger_differences())


def test_returned_redemptions_are_used_again_and_no_limit_is_exceeded(shop: Shop) -> None:
    for till in range(TILLS):
        shop.member(f"c{till}")
    shop.promotion("few", outcome={"points": 10}, total_redemption_limit=TILLS // 2)
    for till in range(TILLS // 2):
        shop.sell(f"T{till}", consumer=f"c{till}")

    def act(own: Shop, number: int) -> Answer:
        if number < TILLS // 2:
            return own.call("post", f"transactions/T{number}/void", {"reference": f"V{number}"})
        return own.call("post", "transactions", make_basket(reference=f"T{number}", consumer=f"c{number}"))

    answers = at_once(shop, TILLS, act)
    assert status_codes(answers) == [201] * TILLS
    assert Promotion.objects.get().redemptions == sum(redemptions(answers[TILLS // 2 :])) <= TILLS // 2
    assert not list(ledger_differences())
