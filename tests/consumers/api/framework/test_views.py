"""What every upsert collection does, shown with sites and groups."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from consumers.models import Account, ConsumerGroup, Site
from tests.consumers.builders import Api, Shop, attrs_of, errors_of, make_shop, quoted

ODD_KEYS = [
    "001",
    "a b",
    "a/b",
    "a//b",
    "a%2Fb",
    "ä€🎈",
    "?#&=",
    "..",
    ".",
    "bulk",
    "'\"\\",
    "{x}",
    "%",
    "a+b",
    "x" * 64,
]


def test_put_creates_and_then_replaces(shop: Shop) -> None:
    created = shop.manager.put("sites/1", {"name": "Leeds", "town": "Leeds"})
    replaced = shop.manager.put("sites/1", {"name": "York"})
    assert (created.status_code, replaced.status_code) == (201, 200)
    assert replaced.json()["name"] == "York"
    assert replaced.json()["town"] == ""
    assert Site.objects.count() == 1


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_may_hold_any_character(shop: Shop, key: str) -> None:
    path = f"sites/{quoted(key)}"
    assert shop.manager.put(path, {"name": "x"}).status_code == 201
    assert shop.manager.get(path).json()["number"] == key
    assert shop.manager.patch(path, {"name": "y"}).json()["name"] == "y"
    assert shop.manager.delete(path).status_code == 204
    assert not Site.objects.exists()


@pytest.mark.parametrize("key", ["x" * 65, "a\x00b", "\x00", " ", "\t", "a\nb", "a\u200b"])
def test_an_impossible_key_is_refused_and_never_found(shop: Shop, key: str) -> None:
    path = f"sites/{quoted(key)}"
    answer = shop.manager.put(path, {})
    assert answer.status_code == 400
    assert attrs_of(answer) == ["number"]
    assert {shop.manager.call(method, path).status_code for method in ("GET", "DELETE")} == {404}


@pytest.mark.parametrize("key", [" 1", "1 ", "1\u00a0"])
def test_a_new_key_has_no_blank_at_its_ends_and_a_row_that_has_one_can_be_changed(shop: Shop, key: str) -> None:
    path = f"sites/{quoted(key)}"
    assert errors_of(shop.manager.put(path, {})) == {("blank_at_end", "number")}
    assert errors_of(shop.manager.post("sites/bulk", [{"number": "2"}, {"number": key}])) == {
        ("blank_at_end", "1.number")
    }
    assert not Site.objects.exists()
    Site.objects.create(account=shop.account, number=key)
    assert shop.manager.patch(path, {"name": "x"}).status_code == 200
    assert shop.manager.get(path).json()["name"] == "x"


@pytest.mark.parametrize("path", ["sites/", "sites/1/", "sites//1", "sites/bulk/"])
def test_paths_have_no_trailing_slashes(shop: Shop, path: str) -> None:
    assert {shop.manager.call(method, path, {}).status_code for method in ("GET", "PUT", "DELETE")} == {404}


def test_a_bulk_row_cannot_have_a_key_that_no_path_reaches(shop: Shop) -> None:
    answer = shop.manager.post("sites/bulk", [{"number": "1/"}, {"number": "/1"}, {"number": ""}, {"number": 1}, {}])
    assert attrs_of(answer) == [f"{row}.number" for row in range(5)]


def test_the_answer_of_get_can_be_sent_as_a_put(shop: Shop) -> None:
    shop.manager.put("sites/1", {"name": "Leeds", "time_zone": "Europe/London"})
    shown = shop.manager.get("sites/1").json()
    assert shop.manager.put("sites/1", shown).json() == shown


def test_the_key_in_a_body_must_be_the_paths(shop: Shop) -> None:
    assert shop.manager.put("sites/1", {"number": "1"}).status_code == 201
    answer = shop.manager.put("sites/1", {"number": "2"})
    assert answer.status_code == 400
    assert attrs_of(answer) == ["number"]


def test_patch_changes_what_it_names(shop: Shop) -> None:
    shop.manager.put("sites/1", {"name": "Leeds", "town": "Leeds"})
    assert shop.manager.patch("sites/1", {"town": "York"}).json() | {"name": "Leeds", "town": "York"} == (
        shop.manager.get("sites/1").json()
    )


def test_patch_of_an_unknown_row_is_a_404_and_makes_none(shop: Shop) -> None:
    assert shop.manager.patch("sites/1", {"name": "x"}).status_code == 404
    assert not Site.objects.exists()


def test_a_refused_patch_changes_nothing(shop: Shop) -> None:
    shop.manager.put("sites/1", {"name": "Leeds"})
    answer = shop.manager.patch("sites/1", {"name": "York", "time_zone": "Mars/Olympus"})
    assert errors_of(answer) == {("invalid_choice", "time_zone")}
    assert Site.objects.get().name == "Leeds"


def test_a_row_is_deleted_once(shop: Shop) -> None:
    shop.manager.put("sites/1", {})
    assert [shop.manager.delete("sites/1").status_code for _ in range(2)] == [204, 404]


def test_the_bulk_call_creates_and_replaces(shop: Shop) -> None:
    shop.manager.put("sites/1", {"name": "before", "town": "Leeds"})
    answer = shop.manager.post("sites/bulk", [{"number": "2"}, {"number": "1", "name": "after"}, {"number": "3"}])
    assert (answer.status_code, answer.json()) == (200, {"created": 2, "updated": 1})
    assert list(Site.objects.order_by("number").values_list("number", "name", "town")) == [
        ("1", "after", ""),
        ("2", "", ""),
        ("3", "", ""),
    ]


def test_the_bulk_call_reports_every_row_and_writes_none(shop: Shop) -> None:
    rows = [{"number": "1"}, {"number": "2", "name": 5, "colour": "red"}, "x", {"number": "1"}, {"name": "x"}]
    answer = shop.manager.post("sites/bulk", rows)
    assert answer.status_code == 400
    assert errors_of(answer) == {
        ("invalid", "1.name"),
        ("unknown_field", "1.colour"),
        ("invalid", "2"),
        ("duplicate", "3.number"),
        ("required", "4.number"),
    }
    assert not Site.objects.exists()


def test_what_a_service_refuses_is_reported_by_row_too(shop: Shop) -> None:
    answer = shop.manager.post("consumers/bulk", [{"consumer_id": "a"}, {"consumer_id": "b", "home_site": "9"}])
    assert errors_of(answer) == {("does_not_exist", "1.home_site")}


@pytest.mark.parametrize("body", [{}, {"number": "1"}, None, "x", 1])
def test_a_bulk_body_is_a_list(shop: Shop, body: Any) -> None:
    assert shop.manager.raw("POST", "sites/bulk", b"" if body is None else b'{"a": 1}').status_code == 400
    assert shop.manager.post("sites/bulk", body).status_code == 400


def test_a_bulk_call_of_nothing_does_nothing(shop: Shop) -> None:
    assert shop.manager.post("sites/bulk", []).json() == {"created": 0, "updated": 0}


def test_the_bulk_call_takes_ten_thousand_rows_and_no_more(shop: Shop) -> None:
    rows = [{"code": str(number)} for number in range(10_001)]
    refused = shop.manager.post("groups/bulk", rows)
    assert refused.status_code == 413
    assert errors_of(refused) == {("too_large", None)}
    assert shop.manager.post("groups/bulk", rows[1:]).json() == {"created": 10_000, "updated": 0}
    assert shop.manager.post("groups/bulk", rows[1:]).json() == {"created": 0, "updated": 10_000}
    assert ConsumerGroup.objects.count() == 10_000


def test_a_bulk_call_names_a_thousand_problems_at_most(shop: Shop) -> None:
    answer = shop.manager.post("groups/bulk", [{"code": str(number), "name": 5} for number in range(2_000)])
    assert len(answer.json()["errors"]) == 1_000


def test_a_bulk_call_costs_the_same_statements_whatever_its_rows(
    shop: Shop, django_assert_max_num_queries: Any
) -> None:
    rows = [{"code": str(number)} for number in range(50)]
    with django_assert_max_num_queries(6):
        assert shop.manager.post("groups/bulk", rows).status_code == 200


def test_archived_rows_are_hidden_unless_asked_for(shop: Shop) -> None:
    shop.manager.put("sites/1", {})
    shop.manager.put("sites/2", {"archived": True})
    numbers = {
        query: [row["number"] for row in shop.manager.get(f"sites{query}").json()["results"]]
        for query in ("", "?archived=false", "?archived=true", "?archived=all")
    }
    assert numbers == {"": ["1"], "?archived=false": ["1"], "?archived=true": ["2"], "?archived=all": ["1", "2"]}
    assert shop.manager.get("sites/2").status_code == 200


def test_an_account_neither_sees_nor_touches_the_rows_of_another(shop: Shop) -> None:
    other = make_shop("other")
    shop.manager.put("sites/1", {"name": "ours"})
    assert other.manager.get("sites").json()["results"] == []
    assert {
        other.manager.call(method, "sites/1", {} if method == "PATCH" else None).status_code
        for method in ("GET", "PATCH", "DELETE")
    } == {404}
    assert other.manager.put("sites/1", {"name": "theirs"}).status_code == 201
    assert other.manager.post("sites/bulk", [{"number": "1"}]).json() == {"created": 0, "updated": 1}
    assert shop.manager.get("sites/1").json()["name"] == "ours"


@pytest.mark.django_db(transaction=True)
def test_two_that_create_the_same_row_at_once_both_succeed() -> None:
    shop = make_shop()
    start = Barrier(6)

    def put(number: int) -> int:
        start.wait()
        try:
            status: int = Api(shop.manager_key).put("sites/1", {"name": str(number)}).status_code
        finally:
            connection.close()
        return status

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(put, range(6)))
    assert sorted(statuses) == [200, 200, 200, 200, 200, 201]
    assert Site.objects.count() == 1
    assert Account.objects.get().rulebook_version == 7


@pytest.mark.django_db(transaction=True)
def test_two_patches_at_once_both_count() -> None:
    shop = make_shop()
    shop.manager.put("sites/1", {})
    fields = ["name", "address_line_1", "town", "county", "postcode"]
    start = Barrier(len(fields))

    def patch(field: str) -> int:
        start.wait()
        try:
            status: int = Api(shop.manager_key).patch("sites/1", {field: "x"}).status_code
        finally:
            connection.close()
        return status

    with ThreadPoolExecutor(len(fields)) as pool:
        assert set(pool.map(patch, fields)) == {200}
    shown = shop.manager.get("sites/1").json()
    assert [shown[field] for field in fields] == ["x"] * len(fields)
