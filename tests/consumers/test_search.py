"""Consumers are found by how something that they are known by begins, with indexes in both databases."""

import pytest
from django.db import connection

from consumers.selectors import consumers_matching
from tests.consumers.builders import MEMBER, Shop

PEOPLE = {
    "c-100": {"first_name": "Anna", "last_name": "de Jong", "email": "anna@jong.example", "phone": "+44 7700 900100"},
    "c-200": {"first_name": "Anna Maria", "last_name": "Smith", "email": "am@smith.example", "phone": "07700 900200"},
    "X-300": {"first_name": "Ben", "last_name": "O'Brien", "email": "ben@brien.example", "phone": ""},
}


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop with three consumers, of whom one has a card."""
    for consumer_id, values in PEOPLE.items():
        assert shop.manager.put(f"consumers/{consumer_id}", values).status_code == 201
    card = {"loyalty": {**MEMBER, "cards": [{"number": "GOLD-9001"}]}}
    assert shop.manager.patch("consumers/X-300", card).status_code == 200
    return shop


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("c-1", ["c-100"]),
        ("x-300", ["X-300"]),
        ("smi", ["c-200"]),
        ("anna", ["c-100", "c-200"]),
        ("am@", ["c-200"]),
        ("gold-9", ["X-300"]),
        ("GOLD-9001 ben", ["X-300"]),
        ("anna smith", ["c-200"]),
        ("smith anna", ["c-200"]),
        ("de jong", ["c-100"]),
        ("anna de jong", ["c-100"]),
        ("de jong anna", ["c-100"]),
        ("anna maria smith", ["c-200"]),
        ("+44 7700 9", ["c-100"]),
        ("o'brien", ["X-300"]),
        ("mith", []),
        ("9001", []),
        ("ann_", []),
        ("%", []),
        ("anna brien", []),
    ],
)
def test_consumers_are_found_by_beginnings(shop: Shop, search: str, expected: list[str]) -> None:
    answer = shop.manager.client.get("/api/v1/consumers", {"search": search}).json()
    assert [row["consumer_id"] for row in answer["results"]] == expected


def test_another_account_is_not_searched(shop: Shop) -> None:
    rows = consumers_matching(account_id=shop.account.pk + 1, search="anna")
    assert not rows.exists()


@pytest.mark.parametrize("column", ["consumer_id", "first_name", "last_name", "email", "phone"])
def test_each_column_has_an_index_of_beginnings(db: None, column: str) -> None:
    with connection.cursor() as cursor:
        indexes = connection.introspection.get_constraints(cursor, "consumers_consumer")
    assert f"consumer_begins_{column}" in indexes


def test_cards_have_an_index_of_beginnings(db: None) -> None:
    with connection.cursor() as cursor:
        indexes = connection.introspection.get_constraints(cursor, "consumers_card")
    assert ("card_by_number" if connection.vendor == "postgresql" else "card_begins_number") in indexes
