"""Vouchers that a till presents: their codes in any spelling, and the moments at which they pay."""

from datetime import timedelta

import pytest

from loyalty.models import Voucher
from tests.loyalty.till.shop import BEGAN, Json, Shop, make_basket, make_line, make_shop

TEN = [make_line("TEA", "1", "10.00")]


@pytest.fixture
def shop(db: None) -> Shop:
    return make_shop()


@pytest.fixture
def code(shop: Shop) -> str:
    """A voucher of 1.00 of the consumer c, issued when the shop began."""
    shop.member()
    shop.offer("pound")
    return shop.voucher("pound")


@pytest.mark.parametrize("spelling", [str.lower, str.capitalize, " {} ".format, "\u00a0{}  ".format])
def test_a_code_pays_whatever_its_case_and_the_blanks_around_it(shop: Shop, code: str, spelling: Json) -> None:
    presented = spelling(code)
    answer = shop.sell("T1", sold=TEN, vouchers=[presented])
    assert (answer["net_total_inc_tax"], answer["applied"][0]["vouchers"]) == ("9.00", [presented])
    assert Voucher.objects.get().status == "redeemed"
    refused = shop.evaluate(sold=TEN, vouchers=[presented])["vouchers_refused"]
    assert refused == [{"code": presented, "reason": "redeemed"}]
    assert shop.sell_again("T1", sold=TEN, vouchers=[presented]) == answer
    shop.void("T1")
    assert shop.evaluate(sold=TEN, vouchers=[code])["net_total_inc_tax"] == "9.00"


def test_one_code_in_two_spellings_is_presented_twice(shop: Shop, code: str) -> None:
    answer = shop.call("post", "baskets/evaluate", make_basket(vouchers=[code, f" {code.lower()}"]))
    assert answer.status_code == 400
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("duplicate", "vouchers")]


def test_the_same_sale_with_its_code_in_another_case_is_a_repeat(shop: Shop, code: str) -> None:
    answer = shop.sell("T1", sold=TEN, vouchers=[code])
    assert shop.sell_again("T1", sold=TEN, vouchers=[code.lower()]) == answer


@pytest.mark.parametrize(("earlier", "reason"), [(timedelta(seconds=1), "not_yet_valid"), (timedelta(0), None)])
def test_a_voucher_pays_no_sale_of_before_its_issue(
    shop: Shop, code: str, earlier: timedelta, reason: str | None
) -> None:
    Voucher.objects.update(issued_at=BEGAN + timedelta(milliseconds=700))
    at = (BEGAN - earlier).isoformat()
    answer = shop.sell("T1", sold=TEN, vouchers=[code], occurred_at=at)
    assert answer["vouchers_refused"] == ([{"code": code, "reason": reason}] if reason else [])
    assert Voucher.objects.get().status == ("issued" if reason else "redeemed")


def test_a_voucher_that_a_sale_issues_pays_from_the_second_of_that_sale(shop: Shop, code: str) -> None:
    shop.offer("treat", valid_days=30, value="2")
    shop.promotion("gift", kind="redeem_offer", outcome={"offer": "treat"})
    issued = shop.sell("T1", occurred_at="2026-03-01T12:00:00Z")["vouchers_issued"][0]
    assert (issued["last_day"], issued["expires_at"]) == ("2026-03-31", "2026-04-01T00:00:00Z")

    def reasons(at: str) -> list[str]:
        answer = shop.evaluate(sold=TEN, vouchers=[issued["code"]], occurred_at=at)
        return [refused["reason"] for refused in answer["vouchers_refused"]]

    assert reasons("2026-03-01T11:59:59Z") == ["not_yet_valid"]
    assert reasons("2026-03-01T12:00:00Z") == reasons("2026-03-31T23:59:59Z") == []
    assert reasons("2026-04-01T00:00:00Z") == ["expired"]
