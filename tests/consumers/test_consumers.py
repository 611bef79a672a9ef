"""Consumers with their membership, cards and groups."""

from typing import Any

import pytest

from consumers.models import Card, Consumer, ConsumerGroup, Membership
from tests.consumers.builders import MEMBER, Shop, errors_of, make_shop

ADA: dict[str, Any] = {
    "kind": "employee",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "phone": "+44 113 496 0000",
    "date_of_birth": "1992-02-29",
    "birthday": "02-29",
    "home_site": "001",
    "groups": ["a", "b"],
    "loyalty": {
        "enrolled_on": "2025-01-01",
        "status": "suspended",
        "cards": [{"number": "C1", "type": ""}, {"number": "C2", "type": "gold"}],
    },
    "archived": False,
}
BARE: dict[str, Any] = {
    "kind": "customer",
    "first_name": "",
    "last_name": "",
    "email": "",
    "phone": "",
    "date_of_birth": None,
    "birthday": None,
    "home_site": None,
    "groups": [],
    "loyalty": None,
    "archived": False,
}


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.manager.put("sites/001", {})
    shop.manager.post("groups/bulk", [{"code": "a"}, {"code": "b"}])
    return shop


def values_of(answer: Any) -> dict[str, Any]:
    """The answer less what only the system sets."""
    document: dict[str, Any] = answer.json()
    return {name: document[name] for name in BARE}


def test_every_field_is_stored(shop: Shop) -> None:
    answer = shop.manager.put("consumers/c", ADA)
    assert answer.status_code == 201
    assert values_of(answer) == ADA == values_of(shop.manager.get("consumers/c"))
    assert answer.json()["points_balance"] == 0


def test_a_put_replaces_everything(shop: Shop) -> None:
    shop.manager.put("consumers/c", ADA)
    assert values_of(shop.manager.put("consumers/c", {})) == BARE
    assert not Membership.objects.exists()
    assert not Card.objects.exists()


def test_the_answer_of_get_can_be_sent_as_a_put(shop: Shop) -> None:
    shop.manager.put("consumers/c", ADA)
    assert values_of(shop.manager.put("consumers/c", shop.manager.get("consumers/c").json())) == ADA


def test_a_patch_merges_the_membership_and_replaces_lists(shop: Shop) -> None:
    shop.manager.put("consumers/c", ADA)
    merged = shop.manager.patch("consumers/c", {"loyalty": {"status": "active"}, "groups": ["b"]})
    assert values_of(merged) == ADA | {"loyalty": ADA["loyalty"] | {"status": "active"}, "groups": ["b"]}
    replaced = shop.manager.patch("consumers/c", {"loyalty": {"cards": [{"number": "C3"}]}})
    assert replaced.json()["loyalty"]["cards"] == [{"number": "C3", "type": ""}]
    assert list(Card.objects.values_list("number", flat=True)) == ["C3"]


def test_a_patch_can_start_a_membership(shop: Shop) -> None:
    shop.manager.put("consumers/c", {})
    assert shop.manager.patch("consumers/c", {"loyalty": {"status": "active"}}).status_code == 400
    assert shop.manager.patch("consumers/c", {"loyalty": MEMBER}).json()["loyalty"] == {
        "enrolled_on": "2025-01-01",
        "status": "active",
        "cards": [],
    }


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"kind": "robot"}, {("invalid_choice", "kind")}),
        ({"kind": []}, {("invalid_choice", "kind")}),
        ({"kind": None}, {("null", "kind")}),
        ({"email": "nonsense"}, {("invalid", "email")}),
        ({"email": "x" * 250 + "@y.de"}, {("max_length", "email")}),
        ({"date_of_birth": "1992-02-30"}, {("invalid", "date_of_birth")}),
        ({"date_of_birth": "0001-01-01"}, {("range", "date_of_birth")}),
        ({"date_of_birth": "1990-01-01T00:00:00Z"}, {("invalid", "date_of_birth")}),
        ({"date_of_birth": 19900101}, {("invalid", "date_of_birth")}),
        ({"date_of_birth": ""}, {("invalid", "date_of_birth")}),
        *[
            ({"birthday": wrong}, {("invalid", "birthday")})
            for wrong in ("02-30", "13-01", "3-3", "0303", "00-10", "x", "+3-03", 303)
        ],
        ({"birthday": "1990-03-03"}, {("max_length", "birthday")}),
        (
            {"date_of_birth": "1990-03-03", "birthday": "03-04"},
            {("contradicts_date_of_birth", "birthday")},
        ),
        ({"home_site": "999"}, {("does_not_exist", "home_site")}),
        ({"home_site": 1}, {("invalid", "home_site")}),
        ({"home_site": ["001"]}, {("invalid", "home_site")}),
        ({"groups": ["a", "nope"]}, {("does_not_exist", "groups.1")}),
        ({"groups": "a"}, {("not_a_list", "groups")}),
        ({"groups": None}, {("null", "groups")}),
        ({"groups": [None]}, {("null", "groups.0")}),
        ({"groups": [["a"]]}, {("invalid", "groups.0")}),
        ({"groups": ["a"] * 201}, {("max_length", "groups")}),
        ({"loyalty": {}}, {("required", "loyalty.enrolled_on")}),
        ({"loyalty": []}, {("invalid", "loyalty")}),
        ({"loyalty": "active"}, {("invalid", "loyalty")}),
        ({"loyalty": {**MEMBER, "status": "gold"}}, {("invalid_choice", "loyalty.status")}),
        ({"loyalty": {**MEMBER, "points": 5}}, {("unknown_field", "loyalty.points")}),
        # Of a list that is too long no entry is told.
        ({"loyalty": {**MEMBER, "cards": [1] * 51}}, {("max_length", "loyalty.cards")}),
        ({"loyalty": {**MEMBER, "cards": {}}}, {("not_a_list", "loyalty.cards")}),
        ({"loyalty": {**MEMBER, "cards": ["C1"]}}, {("invalid", "loyalty.cards.0")}),
        ({"loyalty": {**MEMBER, "cards": [{}]}}, {("required", "loyalty.cards.0.number")}),
        ({"loyalty": {**MEMBER, "cards": [{"number": ""}]}}, {("blank", "loyalty.cards.0.number")}),
        ({"loyalty": {**MEMBER, "cards": [{"number": "1", "x": 1}]}}, {("unknown_field", "loyalty.cards.0.x")}),
        (
            {"loyalty": {**MEMBER, "cards": [{"number": "1"}, {"number": "1"}]}},
            {("duplicate", "loyalty.cards.1.number")},
        ),
        ({"points_balance": "x", "first_name": 5}, {("invalid", "first_name")}),
    ],
)
def test_invalid_values_are_named_and_write_nothing(
    shop: Shop, body: dict[str, Any], problems: set[tuple[str, str]]
) -> None:
    answer = shop.manager.put("consumers/c", body)
    assert answer.status_code == 400
    assert errors_of(answer) == problems
    assert not Consumer.objects.exists()


def test_groups_and_the_home_site_are_those_of_the_account(shop: Shop) -> None:
    other = make_shop("other")
    answer = other.manager.put("consumers/c", {"home_site": "001", "groups": ["a"]})
    assert errors_of(answer) == {("does_not_exist", "home_site"), ("does_not_exist", "groups.0")}


def test_a_group_named_twice_counts_once(shop: Shop) -> None:
    assert shop.manager.put("consumers/c", {"groups": ["b", "a", "b"]}).json()["groups"] == ["a", "b"]


def test_a_card_belongs_to_one_consumer_of_the_account(shop: Shop) -> None:
    card = {"loyalty": {**MEMBER, "cards": [{"number": "C1"}]}}
    assert shop.manager.put("consumers/c", card).status_code == 201
    assert errors_of(shop.manager.put("consumers/d", card)) == {("duplicate", "loyalty.cards.0.number")}
    assert make_shop("other").manager.put("consumers/d", card).status_code == 201
    assert shop.manager.put("consumers/c", {"loyalty": MEMBER}).status_code == 200
    assert shop.manager.put("consumers/d", card).status_code == 201


def test_a_card_may_change_hands_in_one_bulk_call(shop: Shop) -> None:
    rows = [
        {"consumer_id": key, "loyalty": {**MEMBER, "cards": [{"number": number}]}}
        for key, number in (("c", "C1"), ("d", "C2"))
    ]
    shop.manager.post("consumers/bulk", rows)
    rows[0]["loyalty"], rows[1]["loyalty"] = rows[1]["loyalty"], rows[0]["loyalty"]
    assert shop.manager.post("consumers/bulk", rows).json() == {"created": 0, "updated": 2}
    held = dict(Card.objects.values_list("number", "membership__consumer__consumer_id"))
    assert held == {"C1": "d", "C2": "c"}


def test_two_rows_of_a_bulk_call_cannot_have_one_card(shop: Shop) -> None:
    rows = [{"consumer_id": key, "loyalty": {**MEMBER, "cards": [{"number": "C1"}]}} for key in "cd"]
    assert errors_of(shop.manager.post("consumers/bulk", rows)) == {("duplicate", "1.loyalty.cards.0.number")}
    assert not Consumer.objects.exists()


def test_a_membership_with_a_history_of_points_cannot_be_removed(shop: Shop) -> None:
    shop.manager.put("consumers/c", {"loyalty": MEMBER})
    shop.manager.post("consumers/c/points-adjustments", {"reference": "1", "points": 5})
    shop.manager.post("consumers/c/points-adjustments", {"reference": "2", "points": -5})
    for answer in (
        shop.manager.put("consumers/c", {}),
        shop.manager.patch("consumers/c", {"loyalty": None}),
        shop.manager.post("consumers/bulk", [{"consumer_id": "d"}, {"consumer_id": "c"}]),
        shop.manager.delete("consumers/c"),
    ):
        assert answer.status_code == 409
        assert errors_of(answer) == {("in_use", None)}
    assert Membership.objects.exists()
    assert Consumer.objects.count() == 1
    assert shop.manager.patch("consumers/c", {"loyalty": {"status": "withdrawn"}}).status_code == 200


def test_a_replaced_consumer_keeps_their_balance(shop: Shop) -> None:
    shop.manager.put("consumers/c", {"loyalty": MEMBER})
    shop.manager.post("consumers/c/points-adjustments", {"reference": "1", "points": 5})
    assert shop.manager.put("consumers/c", {"loyalty": MEMBER, "last_name": "x"}).json()["points_balance"] == 5


def test_a_consumer_without_history_is_deleted_with_their_cards(shop: Shop) -> None:
    shop.manager.put("consumers/c", ADA)
    assert shop.manager.delete("consumers/c").status_code == 204
    assert not Card.objects.exists()


@pytest.mark.parametrize(
    ("query", "consumer_ids"),
    [
        ("loyalty_card=C1", ["c"]),
        ("loyalty_card=C", []),
        ("loyalty_status=suspended", ["c"]),
        ("is_member=true", ["c"]),
        ("is_member=false", ["d"]),
        ("group=a", ["c"]),
        ("home_site=001", ["c"]),
        ("kind=customer", ["d"]),
        ("email=ada@example.com", ["c"]),
        ("search=lovel", ["c"]),
        ("ordering=-consumer_id", ["d", "c"]),
        ("ordering=last_name", ["d", "c"]),
    ],
)
def test_consumers_are_searched_and_filtered(shop: Shop, query: str, consumer_ids: list[str]) -> None:
    shop.manager.put("consumers/c", ADA)
    shop.manager.put("consumers/d", {})
    answer = shop.manager.get(f"consumers?{query}")
    assert [row["consumer_id"] for row in answer.json()["results"]] == consumer_ids


def test_a_filter_by_key_takes_it_verbatim(shop: Shop) -> None:
    ConsumerGroup.objects.create(account=shop.account, code=" a", name="Blank before")
    shop.manager.put("consumers/c", {"groups": [" a"]})
    results = {query: shop.manager.get(f"consumers?{query}").json()["results"] for query in ("group=%20a", "group=%20")}
    assert {query: len(rows) for query, rows in results.items()} == {"group=%20a": 1, "group=%20": 0}


@pytest.mark.parametrize("value", ["maybe", "2", "yes", "%20"])
def test_a_flag_filter_refuses_other_values(shop: Shop, value: str) -> None:
    assert errors_of(shop.manager.get(f"consumers?is_member={value}")) == {("invalid", "is_member")}


def test_a_till_may_only_look_up_a_card(shop: Shop) -> None:
    shop.manager.put("consumers/c", ADA)
    assert [row["consumer_id"] for row in shop.till.get("consumers?loyalty_card=C2").json()["results"]] == ["c"]
    assert shop.till.get("consumers?loyalty_card=").status_code == 403
    assert shop.till.get("consumers").status_code == 403
    assert shop.till.get("consumers/c").status_code == 403
    for blank in ("%20", "%09", "%0A", "%E2%80%83", "C2&loyalty_card=%20"):
        assert shop.till.get(f"consumers?loyalty_card={blank}").status_code == 403, blank
    assert make_shop("other").till.get("consumers?loyalty_card=C2").json()["results"] == []


# --- birthdays ------------------------------------------------------------------------------------------------------

# Values sent by PUT, values sent by PATCH after it, and the date of birth and birthday that come of it.
BIRTHDAYS: list[tuple[dict[str, Any], dict[str, Any], tuple[str | None, str | None]]] = [
    ({"birthday": "03-03"}, {}, (None, "03-03")),
    ({"birthday": "02-29"}, {}, (None, "02-29")),
    ({"birthday": " 03-03 "}, {"birthday": ""}, (None, None)),
    ({"date_of_birth": "1990-03-03"}, {}, ("1990-03-03", "03-03")),
    ({"date_of_birth": "1990-03-03", "birthday": "03-03"}, {}, ("1990-03-03", "03-03")),
    ({"date_of_birth": "1990-03-03"}, {"date_of_birth": "1990-04-04"}, ("1990-04-04", "04-04")),
    ({"birthday": "03-03"}, {"date_of_birth": "1990-04-04"}, ("1990-04-04", "04-04")),
    ({"date_of_birth": "1990-03-03"}, {"date_of_birth": None, "birthday": "03-03"}, (None, "03-03")),
    ({"date_of_birth": "1990-03-03"}, {"date_of_birth": None}, (None, None)),
    ({"birthday": "03-03"}, {"first_name": "Ada"}, (None, "03-03")),
    ({"birthday": "03-03"}, {"birthday": None}, (None, None)),
]


@pytest.mark.parametrize(("put", "patch", "expected"), BIRTHDAYS)
def test_a_birthday_is_known_without_its_year_or_follows_the_date_of_birth(
    shop: Shop, put: dict[str, Any], patch: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    assert shop.manager.put("consumers/c", put).status_code == 201
    assert shop.manager.patch("consumers/c", patch).status_code == 200
    answer = shop.manager.get("consumers/c").json()
    assert (answer["date_of_birth"], answer["birthday"]) == expected
    assert shop.manager.put("consumers/c", answer).status_code == 200


def test_a_birthday_that_contradicts_the_stored_date_of_birth_is_refused(shop: Shop) -> None:
    shop.manager.put("consumers/c", {"date_of_birth": "1990-03-03"})
    answer = shop.manager.patch("consumers/c", {"birthday": "03-04"})
    assert (answer.status_code, errors_of(answer)) == (400, {("contradicts_date_of_birth", "birthday")})
    assert shop.manager.get("consumers/c").json()["birthday"] == "03-03"
