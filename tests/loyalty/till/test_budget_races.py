"""Budgets under tills that sell and return at the same time: never more is given than the page says."""

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import F

from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.at_once import CROWD, TILLS, at_once, pence_given, sold_at_once, status_codes
from tests.loyalty.till.shop import Answer, Json, Shop, make_basket, make_line, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

OFF = 300
"""What each basket of 30.00 is given, in pence, by the discount of these tests."""


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def members(shop: Shop, count: int) -> None:
    for till in range(count):
        shop.member(f"c{till}")


def discounted(till: int, **values: Json) -> Json:
    """Return a basket of which the discount of these tests takes 3.00."""
    return make_basket(
        **{"reference": f"T{till}", "consumer": f"c{till}", "sold": [make_line(price="30.00")], **values}
    )


def used(code: str = "d") -> int:
    return Promotion.objects.get(code=code).budget_used


@pytest.mark.usefixtures("locking")
@pytest.mark.parametrize(
    ("when_short", "last"), [("refuse", []), ("cut", [100]), ("honour", [OFF])], ids=["refuse", "cut", "honour"]
)
def test_many_tills_get_what_a_budget_has_and_the_last_what_its_rule_says(
    shop: Shop, when_short: str, last: list[int]
) -> None:
    fitting = CROWD // 2
    members(shop, CROWD)
    budget = {"amount": f"{fitting * 3 + 1}.00", "when_short": when_short}
    shop.discount("d", value="10", budget=budget)
    answers = sold_at_once(shop, CROWD, discounted)
    assert status_codes(answers) == [201] * CROWD
    expected = [OFF] * fitting + last
    assert pence_given(answers) == sorted(expected + [0] * (CROWD - len(expected)))
    assert used() == sum(expected)
    assert not list(ledger_differences())


@pytest.mark.usefixtures("locking")
def test_points_of_many_tills_end_exactly_at_the_budget(shop: Shop) -> None:
    members(shop, TILLS)
    shop.promotion("p", budget={"amount": str(50 * (TILLS // 2) + 20), "when_short": "cut"})
    answers = sold_at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}"))
    points = sorted(answer.json()["points"]["promotion"] for answer in answers)
    assert points == [0] * (TILLS // 2 - 1) + [20] + [50] * (TILLS // 2)
    assert used("p") == sum(points)
    assert not list(ledger_differences())


@pytest.mark.usefixtures("locking")
@pytest.mark.parametrize("when_short", ["refuse", "cut", "honour"])
def test_returns_against_sales_free_what_they_give_back_and_no_more(shop: Shop, when_short: str) -> None:
    half = TILLS // 2
    members(shop, TILLS)
    amount = half * OFF
    shop.discount("d", value="10", budget={"amount": f"{amount // 100}.00", "when_short": when_short})
    for till in range(half):
        shop.sell(f"T{till}", consumer=f"c{till}", sold=[make_line(price="30.00")])
    assert used() == amount

    def act(own: Shop, number: int) -> Answer:
        if number < half:
            return own.call("post", f"transactions/T{number}/void", {"reference": f"V{number}"})
        return own.call("post", "transactions", discounted(number))

    answers = at_once(shop, TILLS, act)
    assert status_codes(answers) == [201] * TILLS
    assert used() == sum(pence_given(answers[half:])) <= amount
    assert not list(ledger_differences())
    for number in range(half, TILLS):
        shop.void(f"T{number}", f"V{number}")
    assert used() == 0


@pytest.mark.parametrize(
    ("when_short", "expected"), [("refuse", [300] * 3), ("cut", [100, 300, 300, 300]), ("honour", [300] * 4)]
)
def test_many_tills_of_a_single_customer_share_that_customers_budget(
    shop: Shop, when_short: str, expected: list[int]
) -> None:
    members(shop, 2)
    budget = {"amount": "10.00", "period": "week", "when_short": when_short}
    shop.discount("d", value="10", customer_budget=budget)
    shop.sell("before", consumer="c1", sold=[make_line(price="30.00")])  # another customer's week
    answers = sold_at_once(shop, TILLS, lambda till: discounted(till, consumer="c0"))
    assert status_codes(answers) == [201] * TILLS
    assert pence_given(answers) == [0] * (TILLS - len(expected)) + expected
    assert used() == sum(expected) + OFF


def test_a_budget_that_changes_while_tills_sell_holds_at_its_new_amount(shop: Shop) -> None:
    members(shop, TILLS)
    shop.discount("d", value="10", budget={"amount": "1000.00"})
    shop.sell("before", consumer="c0", sold=[make_line(price="30.00")])

    def act(own: Shop, number: int) -> Answer:
        if number == 0:
            return own.call("patch", "discounts/d", {"budget": {"amount": "9.00"}}, role="manager")
        return own.call("post", "transactions", discounted(number))

    changed, *sales = at_once(shop, TILLS, act)
    assert (changed.status_code, status_codes(sales)) == (200, [201] * (TILLS - 1))
    assert used() == sum(pence_given(sales)) + OFF
    after = sold_at_once(shop, TILLS, lambda till: discounted(till, reference=f"A{till}"))
    assert used() == max(900, sum(pence_given(sales)) + OFF) == sum(pence_given(sales + after)) + OFF
    assert not list(ledger_differences())


@pytest.mark.parametrize(("overruns", "allowed"), [(False, 3), (True, 4)])
def test_the_database_refuses_direct_overruns_of_many_writers(shop: Shop, overruns: bool, allowed: int) -> None:
    budget = {"amount": "10.00", "when_short": "honour" if overruns else "refuse"}
    shop.discount("d", value="10", budget=budget)

    def write(_own: Shop, _number: int) -> bool:
        try:
            with transaction.atomic():
                Promotion.objects.filter(code="d").update(
                    redemptions=F("redemptions") + 1, budget_used=F("budget_used") + OFF
                )
        except IntegrityError as error:
            return "promotion_spent_within_budget" not in str(error)
        finally:
            connections.close_all()
        return True

    assert sum(at_once(shop, TILLS, write)) == allowed
    assert used() == allowed * OFF
