"""Lists, a page at a time."""

from typing import Any

import pytest

from consumers.models import ConsumerGroup, Site
from tests.consumers.builders import Shop, attrs_of


def walked(shop: Shop, path: str, *, link: str = "next") -> list[list[Any]]:
    """The keys of every page from ``path`` on."""
    pages, address = [], path
    while address:
        answer = shop.manager.get(address)
        assert answer.status_code == 200
        pages.append([row.get("number", row.get("code")) for row in answer.json()["results"]])
        address = answer.json()[link]
    return pages


def test_pages_continue_where_the_last_one_ended(shop: Shop) -> None:
    shop.manager.post("sites/bulk", [{"number": str(number)} for number in range(1, 8)])
    assert walked(shop, "sites?limit=3") == [["1", "2", "3"], ["4", "5", "6"], ["7"]]


def test_pages_go_back_as_well(shop: Shop) -> None:
    shop.manager.post("sites/bulk", [{"number": str(number)} for number in range(1, 8)])
    address = "sites?limit=3"
    while (following := shop.manager.get(address).json()["next"]) is not None:
        address = following
    assert walked(shop, address, link="previous") == [["7"], ["4", "5", "6"], ["1", "2", "3"]]


@pytest.mark.parametrize("ordering", ["name", "-name", "number", "-number", "town"])
def test_rows_that_are_equal_in_the_ordering_are_each_shown_once(shop: Shop, ordering: str) -> None:
    shop.manager.post("sites/bulk", [{"number": f"{number:02}", "name": "ab"[number % 2]} for number in range(25)])
    keys = [key for page in walked(shop, f"sites?limit=4&ordering={ordering}") for key in page]
    assert len(keys) == 25
    assert len(set(keys)) == 25


def test_rows_that_come_and_go_meanwhile_neither_repeat_nor_hide_others(shop: Shop) -> None:
    shop.manager.post("sites/bulk", [{"number": number} for number in "bdfh"])
    first = shop.manager.get("sites?limit=2").json()
    shop.manager.put("sites/a", {})
    shop.manager.delete("sites/b")
    shop.manager.put("sites/e", {})
    assert [row["number"] for row in shop.manager.get(first["next"]).json()["results"]] == ["e", "f"]


def test_a_cursor_belongs_to_its_ordering_and_keeps_the_filters(shop: Shop) -> None:
    shop.manager.post("sites/bulk", [{"number": str(number), "town": "Leeds"} for number in range(4)])
    shop.manager.put("sites/00", {"town": "York"})
    following = shop.manager.get("sites?limit=2&town=Leeds").json()["next"]
    assert [row["number"] for row in shop.manager.get(following).json()["results"]] == ["2", "3"]
    assert attrs_of(shop.manager.get(following + "&ordering=name")) == ["cursor"]


def test_the_ends_of_a_list_have_no_links(shop: Shop) -> None:
    assert shop.manager.get("sites").json() == {"results": [], "next": None, "previous": None}
    shop.manager.put("sites/1", {})
    answer = shop.manager.get("sites").json()
    assert (answer["next"], answer["previous"]) == (None, None)


def test_a_page_has_a_hundred_rows_unless_asked_and_a_thousand_at_most(shop: Shop) -> None:
    ConsumerGroup.objects.bulk_create(ConsumerGroup(account=shop.account, code=f"{n:04}") for n in range(1_100))
    assert len(shop.manager.get("groups").json()["results"]) == 100
    assert len(shop.manager.get("groups?limit=1000").json()["results"]) == 1_000


def test_search_looks_in_the_names_of_rows(shop: Shop) -> None:
    shop.manager.post("sites/bulk", [{"number": "1", "name": "Leeds Briggate"}, {"number": "2", "town": "York"}])
    assert [row["number"] for row in shop.manager.get("sites?search=brigg").json()["results"]] == ["1"]
    assert [row["number"] for row in shop.manager.get("sites?search=yor").json()["results"]] == ["2"]


@pytest.mark.parametrize(
    ("path", "statements"), [("sites", 2), ("groups", 2), ("consumers", 4), ("consumers?search=a&group=g0", 6)]
)
def test_a_list_costs_the_same_statements_whatever_its_rows(
    shop: Shop, django_assert_num_queries: Any, path: str, statements: int
) -> None:
    for count in (3, 30):
        shop.manager.post("groups/bulk", [{"code": f"g{n}"} for n in range(count)])
        Site.objects.bulk_create([Site(account=shop.account, number=f"{count}-{n}") for n in range(count)])
        shop.manager.post(
            "consumers/bulk",
            [
                {
                    "consumer_id": f"a{count}-{n}",
                    "home_site": f"{count}-{n}",
                    "groups": ["g0", f"g{n}"],
                    "loyalty": {"enrolled_on": "2025-01-01", "cards": [{"number": f"{count}-{n}"}]},
                }
                for n in range(count)
            ],
        )
        with django_assert_num_queries(statements):
            assert shop.manager.get(path).status_code == 200
