"""What the Loyalty tab shows, in the admin and by REST."""

from typing import Any

from consumers.loyalty_sections import loyalty_sections
from tests.consumers.builders import MEMBER, Shop, make_shop

ANSWERED = ["membership", "balance", "activity", "vouchers", "personalized_promotions", "redemptions", "allowances"]
SECTIONS = [*ANSWERED, "transactions"]


def test_the_sections_are_in_order_and_each_has_what_a_page_needs() -> None:
    sections = loyalty_sections()
    assert [section.key for section in sections] == SECTIONS
    assert all(section.label and section.template.endswith(".html") for section in sections)
    assert [section.key for section in sections if section.is_answered and section.schema] == ANSWERED


def test_a_consumer_without_membership_has_an_empty_tab(shop: Shop) -> None:
    shop.manager.put("consumers/c", {})
    assert shop.manager.get("consumers/c/loyalty").json() == {
        "consumer_id": "c",
        "membership": None,
        "balance": None,
        "activity": [],
        "vouchers": [],
        "personalized_promotions": [],
        "redemptions": [],
        "allowances": [],
    }


def test_a_member_has_cards_a_balance_and_activity_newest_first(shop: Shop) -> None:
    shop.manager.put("consumers/c", {"loyalty": {**MEMBER, "cards": [{"number": "C1", "type": "gold"}]}})
    for points in (100, -40):
        shop.manager.post(
            "consumers/c/points-adjustments", {"reference": str(points), "points": points, "description": "sorry"}
        )
    tab = shop.till.get("consumers/c/loyalty").json()
    assert tab["membership"] == {
        "enrolled_on": "2025-01-01",
        "status": "active",
        "cards": [{"number": "C1", "type": "gold"}],
    }
    assert tab["balance"] == 60
    assert [(entry["points"], entry["type"], entry["description"]) for entry in tab["activity"]] == [
        (-40, "Adjustment", "sorry"),
        (100, "Adjustment", "sorry"),
    ]
    assert {name: tab["activity"][0][name] for name in ("transaction", "promotion", "reference")} == {
        "transaction": None,
        "promotion": None,
        "reference": "-40",
    }
    assert tab["activity"][0]["at"].endswith("Z")


def test_the_last_fifty_entries_are_shown(shop: Shop) -> None:
    shop.manager.put("consumers/c", {"loyalty": MEMBER})
    for number in range(52):
        shop.manager.post("consumers/c/points-adjustments", {"reference": str(number), "points": number + 1})
    activity = shop.manager.get("consumers/c/loyalty").json()["activity"]
    assert [entry["points"] for entry in activity] == list(range(52, 2, -1))


def test_the_tab_of_an_unknown_consumer_is_a_404_as_is_that_of_another_account(shop: Shop) -> None:
    make_shop("other").manager.put("consumers/c", {})
    assert shop.till.get("consumers/c/loyalty").status_code == 404
    assert shop.till.get("consumers/%00/loyalty").status_code == 404


def test_the_tab_costs_the_same_statements_whatever_it_shows(shop: Shop, django_assert_num_queries: Any) -> None:
    shop.manager.put("consumers/c", {"loyalty": {**MEMBER, "cards": [{"number": "1"}, {"number": "2"}]}})
    # A process reads the account's promotions once, until they change.
    shop.till.get("consumers/c/loyalty")
    for count in (1, 5):
        for number in range(count):
            shop.manager.post(
                "consumers/c/points-adjustments", {"reference": f"{count}-{number}", "points": number + 1}
            )
        # With the account, whose promotions say which budgets a customer has.
        with django_assert_num_queries(9):
            shop.till.get("consumers/c/loyalty")
