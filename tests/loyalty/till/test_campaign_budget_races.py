"""Budgets of campaigns while tills sell different members, and while members and budgets change."""

import json
import os
import signal
import subprocess
import sys

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import F

from loyalty.selectors.verification import ledger_differences
from promotions.models import Campaign
from tests.loyalty.till import stopped_sale
from tests.loyalty.till.at_once import CROWD, ON_POSTGRESQL, TILLS, at_once, pence_given, sold_at_once, status_codes
from tests.loyalty.till.shop import Answer, Json, Shop, make_basket, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

OFF = 300
"""What each basket of 30.00 is given, in pence, by the discount of its product."""
SKUS = ("TEA", "BAP", "CAKE")


@pytest.fixture
def shop() -> Shop:
    """A shop with a discount of a tenth for each of three products, all of the campaign "spring"."""
    shop = make_shop()
    shop.campaign("spring", "1000.00")
    for sku in SKUS:
        shop.product(sku)
        shop.discount(sku, make_set(products=[sku]), value="10", campaign="spring")
    for till in range(CROWD):
        shop.member(f"c{till}")
    return shop


def bought(till: int, **values: Json) -> Json:
    """Return a till's basket: each buys another product than the till before."""
    sold = [make_line(SKUS[till % len(SKUS)], price="30.00")]
    return make_basket(**{"reference": f"T{till}", "consumer": f"c{till}", "sold": sold, **values})


def sold_once(shop: Shop, till: int) -> None:
    assert shop.call("post", "transactions", bought(till)).status_code == 201


def used(code: str = "spring") -> int:
    return Campaign.objects.get(code=code).budget_used


@pytest.mark.usefixtures("locking")
@pytest.mark.parametrize(
    ("when_short", "last"), [("refuse", []), ("cut", [100]), ("honour", [OFF])], ids=["refuse", "cut", "honour"]
)
def test_tills_that_sell_different_members_get_what_the_campaign_has(
    shop: Shop, when_short: str, last: list[int]
) -> None:
    fitting = CROWD // 2
    shop.campaign("spring", f"{fitting * 3 + 1}.00", when_short)
    answers = sold_at_once(shop, CROWD, bought)
    assert status_codes(answers) == [201] * CROWD
    expected = [OFF] * fitting + last
    assert pence_given(answers) == sorted(expected + [0] * (CROWD - len(expected)))
    assert used() == sum(expected)
    assert not list(ledger_differences())


@pytest.mark.usefixtures("locking")
def test_baskets_with_all_members_overrun_an_honoured_budget_by_one_basket_at_most(shop: Shop) -> None:
    shop.campaign("spring", f"{TILLS * 4}.00", "honour")
    sold = [make_line(sku, price="30.00") for sku in SKUS]
    answers = sold_at_once(shop, TILLS, lambda till: bought(till, sold=sold))
    assert status_codes(answers) == [201] * TILLS
    # Each member takes as long as something is left: the last that does may cross.
    fitting = -(-TILLS * 400 // OFF)
    assert used() == sum(pence_given(answers)) == fitting * OFF
    assert not list(ledger_differences())


@pytest.mark.usefixtures("locking")
def test_returns_against_sales_of_other_members_free_what_they_give_back(shop: Shop) -> None:
    half = TILLS // 2
    shop.campaign("spring", f"{half * 3}.00")
    for till in range(half):
        sold_once(shop, till)
    assert used() == half * OFF

    def act(own: Shop, number: int) -> Answer:
        if number < half:
            return own.call("post", f"transactions/T{number}/void", {"reference": f"V{number}"})
        return own.call("post", "transactions", bought(number))

    answers = at_once(shop, TILLS, act)
    assert status_codes(answers) == [201] * TILLS
    assert used() == sum(pence_given(answers[half:])) <= half * OFF
    assert not list(ledger_differences())


@pytest.mark.parametrize(
    "step",
    [
        ("discounts/TEA", {"campaign": "autumn"}),
        ("discounts/TEA", {"campaign": None}),
        ("campaigns/spring", {"budget": None}),
        ("campaigns/spring", {"budget": {"amount": "6.00"}}),
    ],
    ids=["moves", "leaves", "no budget any more", "less"],
)
def test_members_and_budgets_that_change_while_tills_sell_keep_the_count(shop: Shop, step: tuple[str, Json]) -> None:
    shop.campaign("autumn", "1000.00")
    path, body = step

    def act(own: Shop, number: int) -> Answer:
        if number == TILLS // 2:
            return own.call("patch", path, body, role="manager")
        return own.call("post", "transactions", bought(number))

    answers = at_once(shop, TILLS, act)
    assert status_codes(answers) == [200] + [201] * (TILLS - 1)
    assert not list(ledger_differences())


def test_a_budget_that_begins_while_tills_sell_counts_each_sale_once(shop: Shop) -> None:
    shop.call("patch", "campaigns/spring", {"budget": None}, role="manager")
    shop.evaluate(consumer="c0")

    def act(own: Shop, number: int) -> Answer:
        if number == TILLS // 2:
            return own.call("patch", "campaigns/spring", {"budget": {"amount": "900.00"}}, role="manager")
        return own.call("post", "transactions", bought(number))

    answers = at_once(shop, TILLS, act)
    assert status_codes(answers) == [200] + [201] * (TILLS - 1)
    assert used() == (TILLS - 1) * OFF
    assert not list(ledger_differences())


@pytest.mark.parametrize(("overruns", "allowed"), [(False, 3), (True, 4)])
def test_the_database_refuses_direct_overruns_of_many_writers(shop: Shop, overruns: bool, allowed: int) -> None:
    shop.campaign("spring", "10.00", "honour" if overruns else "refuse")

    def write(_own: Shop, _number: int) -> bool:
        try:
            with transaction.atomic():
                Campaign.objects.filter(code="spring").update(
                    sales_counted=F("sales_counted") + 1, budget_used=F("budget_used") + OFF
                )
        except IntegrityError as error:
            return "campaign_spent_within_budget" not in str(error)
        finally:
            connections.close_all()
        return True

    assert sum(at_once(shop, TILLS, write)) == allowed
    assert used() == allowed * OFF


if ON_POSTGRESQL:  # SQLite's database of a test is in this process's memory.

    @pytest.mark.parametrize("step", ["campaigns_increase", "_pay_vouchers", "_commit_once"])
    def test_a_process_killed_within_a_commit_leaves_what_was_committed(shop: Shop, step: str) -> None:
        sold_once(shop, 0)
        database = connection.settings_dict
        address = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
        with subprocess.Popen(
            [sys.executable, "-m", stopped_sale.__name__, step, shop.keys["till"], json.dumps(bought(1))],
            env={**os.environ, "DATABASE_URL": address},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == stopped_sale.REACHED
            process.send_signal(signal.SIGKILL)
        is_committed = step == "_commit_once"
        assert used() == OFF * (2 if is_committed else 1)
        assert not list(ledger_differences())
        # Nothing is locked any more, and the till that sends its sale again gets it once.
        answer = shop.call("post", "transactions", bought(1))
        assert (answer.status_code, used()) == (200 if is_committed else 201, 2 * OFF)
