"""Bad input from a till: always a named refusal that changes nothing, never a server error."""

import pytest
from django.db import DataError

from consumers.models import Consumer
from loyalty.exceptions import FigureTooLarge
from loyalty.models import Transaction
from loyalty.services.till.retry import run_with_retry
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    shop = make_shop(late_transaction_days=365_00)
    shop.member()
    return shop


LINE = make_line()
CASES: list[tuple[Json, str]] = [
    ({"colour": "red"}, "colour"),
    ({"lines": []}, "lines"),
    ({"lines": [{**LINE, "line_id": str(i)} for i in range(501)]}, "lines"),
    ({"lines": "TEA"}, "lines"),
    ({"lines": ["TEA"]}, "lines.0"),
    ({"lines": [LINE, LINE]}, "lines.1.line_id"),
    ({"lines": [{**LINE, "quantity": "0"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": "-1"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": "1.0005"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": 1.5}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": "1e400"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": "NaN"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": None}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "quantity": "٣"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "unit_price_inc_tax": "-3.00"}]}, "lines.0.unit_price_inc_tax"),
    ({"lines": [{**LINE, "unit_price_inc_tax": "3.00001"}]}, "lines.0.unit_price_inc_tax"),
    ({"lines": [{**LINE, "unit_price_inc_tax": 3.0}]}, "lines.0.unit_price_inc_tax"),
    ({"lines": [{**LINE, "unit_price_inc_tax": "Infinity"}]}, "lines.0.unit_price_inc_tax"),
    ({"lines": [{**LINE, "unit_price_ex_tax": "dear"}]}, "lines.0.unit_price_ex_tax"),
    ({"lines": [{**LINE, "unit_price_inc_tax": "-3.00", "no_points": True}]}, "lines.0.unit_price_inc_tax"),
    ({"lines": [{**LINE, "unit_price_ex_tax": "-0.0001", "no_discount": True}]}, "lines.0.unit_price_ex_tax"),
    ({"lines": [{**LINE, "unit_price_inc_tax": "-3.00", "no_discount": True, "no_points": True}]}, "lines"),
    ({"lines": [{**LINE, "weighed": "yes"}]}, "lines.0.weighed"),
    ({"lines": [{**LINE, "weighed": 1}]}, "lines.0.weighed"),
    ({"lines": [{**LINE, "no_discount": "true"}]}, "lines.0.no_discount"),
    ({"lines": [{**LINE, "sku": ""}]}, "lines.0.sku"),
    ({"lines": [{**LINE, "sku": "x" * 101}]}, "lines.0.sku"),
    ({"lines": [{**LINE, "sku": "T\x00A"}]}, "lines.0.sku"),
    ({"lines": [{**LINE, "size": "L"}]}, "lines.0.size"),
    ({"lines": [{"line_id": "1", "sku": "TEA", "quantity": "1"}]}, "lines.0.unit_price_inc_tax"),
    ({"occurred_at": "2026-03-04T12:00:00"}, "occurred_at"),
    ({"occurred_at": "yesterday"}, "occurred_at"),
    ({"occurred_at": "9999-12-31T23:59:59-23:00"}, "occurred_at"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
    ({"occurred_at": 5}, "occurred_at"),
    ({"currency": "???"}, "currency"),
    ({"currency": "gbp"}, "currency"),
    ({"site": "404"}, "site"),
    ({"site": None}, "site"),
    ({"site": "\x00"}, "site"),
    ({"consumer": "nobody"}, "consumer"),
    ({"consumer": ["c"]}, "consumer"),
    ({"vouchers": ["V"] * 21}, "vouchers"),
    ({"vouchers": ["V", "V"]}, "vouchers"),
    ({"expected": {"points": "many"}}, "expected.points"),
    ({"expected": {"net_total_inc_tax": "1.001"}}, "expected.net_total_inc_tax"),
    ({"on_difference": "shrug"}, "on_difference"),
    ({"source": "x" * 65}, "source"),
]


@pytest.mark.parametrize("path", ["baskets/evaluate", "transactions"])
@pytest.mark.parametrize(("change", "attr"), CASES, ids=lambda case: str(case)[:50])
def test_bad_input_is_refused_by_name(shop: Shop, path: str, change: Json, attr: str) -> None:
    answer = shop.call("post", path, {**make_basket(reference="T1"), **change})
    assert answer.status_code == 400, answer.content
    document = answer.json()
    assert document["type"] == "validation_error"
    assert attr in {error["attr"] for error in document["errors"]}
    assert not Transaction.objects.exists()


NUMBER_AS_TEXT = 'Must be a number as text, such as "12.50".'


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"lines": [{**LINE, "unit_price_inc_tax": 3.5}]}, NUMBER_AS_TEXT),
        ({"lines": [{**LINE, "quantity": None}]}, NUMBER_AS_TEXT),
        ({"lines": [{**LINE, "unit_price_ex_tax": []}]}, NUMBER_AS_TEXT),
        ({"lines": [{**LINE, "line_id": 1}]}, "Must be text."),
        ({"lines": [{**LINE, "weighed": "yes"}]}, "Must be true or false."),
        ({"lines": {}}, "Must be a list."),
        ({"lines": ["TEA"]}, "Must be an object."),
        ({"site": ""}, "Must be text of at least 1 character."),
        ({"source": "x" * 201}, "Must be text of at most 200 characters."),
        ({"expected": {"points": "5"}}, "Must be a whole number."),
    ],
    ids=lambda case: str(case)[:50],
)
def test_a_value_of_another_type_is_explained_in_the_words_of_json(shop: Shop, change: Json, detail: str) -> None:
    [error] = shop.call("post", "baskets/evaluate", {**make_basket(reference="T1"), **change}).json()["errors"]
    assert error["code"] == "invalid"
    assert error["detail"] == detail


@pytest.mark.parametrize("path", ["baskets/evaluate", "transactions"])
def test_a_flag_that_is_neither_yes_nor_no_is_refused_before_anything_is_written(shop: Shop, path: str) -> None:
    answer = shop.call("post", f"{path}?explain=perhaps", make_basket(reference="T1"))
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["explain"]
    assert not Transaction.objects.exists()


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ([make_line(quantity="1000000000", price="1001.00")], None),
        ([make_line(str(i), quantity="600000000", price="0.01") for i in range(2)], None),
        ([make_line(quantity="1001")], {"points": 10**9, "quantity_rule": {"apply_to": "every", "units": 1}}),
    ],
    ids=["worth", "units", "points"],
)
@pytest.mark.parametrize("path", ["baskets/evaluate", "transactions"])
def test_a_basket_beyond_all_limits_is_refused(shop: Shop, path: str, lines: list[Json], outcome: Json | None) -> None:
    if outcome:
        shop.promotion("much", outcome=outcome)
    answer = shop.call("post", path, make_basket(reference="T1", lines=lines))
    assert answer.status_code == 400, answer.content
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("max_value", "lines")]
    assert not Transaction.objects.exists()


def test_a_commit_issues_at_most_10000_vouchers_and_a_quote_none(shop: Shop) -> None:
    shop.offer("pound")
    outcome = {"offer": "pound", "quantity_rule": {"apply_to": "every", "units": 1}}
    shop.promotion("much", kind="redeem_offer", outcome=outcome)
    basket = make_basket(make_line(quantity="10001"), reference="T1")
    assert shop.call("post", "baskets/evaluate", basket).json()["applied"][0]["redemptions"] == 10_001
    answer = shop.call("post", "transactions", basket)
    assert answer.status_code == 400
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("max_value", "lines")]
    assert not Transaction.objects.exists()


def test_a_balance_beyond_all_limits_is_refused(shop: Shop) -> None:
    Consumer.objects.update(points_balance=10**18 - 9)
    answer = shop.call("post", "transactions", make_basket(make_line(price="10.00"), reference="T1"))
    assert answer.status_code == 400, answer.content
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("max_value", "lines")]
    assert not Transaction.objects.exists()


@pytest.mark.parametrize("error", [DataError, OverflowError])
def test_a_figure_too_large_for_its_column_is_refused(shop: Shop, error: type[Exception]) -> None:
    def write(_attempt: int) -> None:
        raise error

    with pytest.raises(FigureTooLarge):
        run_with_retry(write, account=shop.account)


def test_every_problem_is_named_at_once(shop: Shop) -> None:
    body = make_basket(
        currency="???", occurred_at="never", sold=[make_line(quantity="0"), make_line("X", price="1.23456")]
    )
    errors = shop.call("post", "baskets/evaluate", body).json()["errors"]
    assert {error["attr"] for error in errors} == {
        "currency",
        "occurred_at",
        "lines.0.quantity",
        "lines.1.unit_price_inc_tax",
    }


@pytest.mark.parametrize("raw", ["", "{", "null", "[]", '"x"', "\xff", "[" * 5000, '{"lines": NaN}'])
def test_a_body_that_is_no_basket_is_refused(shop: Shop, raw: str) -> None:
    answer = shop.client.post(
        "/api/v1/baskets/evaluate",
        data=raw.encode("latin-1"),
        content_type="application/json",
        headers={"Authorization": f"Api-Key {shop.keys['till']}"},
    )
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_a_commit_requires_a_reference(shop: Shop) -> None:
    for reference in (None, "", "  "):
        answer = shop.call("post", "transactions", make_basket(reference=reference))
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "reference")


def test_a_sale_may_be_late_up_to_a_limit_and_early_by_a_small_margin() -> None:
    shop = make_shop("strict", late_transaction_days=30)
    shop.member()
    for moment, code in (("2020-01-01T00:00:00Z", "too_late"), ("2999-01-01T00:00:00Z", "in_the_future")):
        answer = shop.call("post", "transactions", make_basket(reference="T1", occurred_at=moment))
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"], error["attr"]) == (400, code, "occurred_at")
        assert shop.call("post", "baskets/evaluate", make_basket(occurred_at=moment)).status_code == 200


def test_no_key_or_another_accounts_rows_are_refused(shop: Shop) -> None:
    other = make_shop("other")
    shop.sell("T1")
    assert shop.client.post("/api/v1/baskets/evaluate").status_code == 401
    assert other.call("get", "transactions/T1").status_code == 404
    assert other.call("get", "transactions").json()["results"] == []
    assert other.call("post", "baskets/evaluate", make_basket()).json()["errors"][0]["attr"] == "consumer"


def test_the_same_reference_belongs_to_each_account_alone(shop: Shop) -> None:
    other = make_shop("other")
    other.member()
    shop.sell("T1")
    assert other.sell("T1")["points"]["balance"] == 3


@pytest.mark.parametrize("path", ["baskets/evaluate", "transactions"])
def test_a_consumer_and_the_card_of_another_are_refused(shop: Shop, path: str) -> None:
    other = shop.member("other", card="CARD-2")
    basket = make_basket(reference="T1", consumer="c", loyalty_card="CARD-2")
    answer = shop.call("post", path, basket)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["attr"]) == (400, "card_of_another_consumer", "loyalty_card")
    allowed: list[Json] = [
        {"consumer": other.consumer_id, "loyalty_card": "CARD-2"},
        {"consumer": None, "loyalty_card": "CARD-2"},
        {"consumer": "c", "loyalty_card": "CARD-OF-NOBODY"},
    ]
    for index, parties in enumerate(allowed):
        answer = shop.call("post", path, make_basket(reference=f"S{index}", **parties))
        assert answer.status_code in (200, 201), parties


def test_the_card_of_another_accounts_consumer_is_unknown(shop: Shop) -> None:
    make_shop("other").member("theirs", card="CARD-2")
    answer = shop.call("post", "baskets/evaluate", make_basket(consumer="c", loyalty_card="CARD-2"))
    assert answer.status_code == 200
