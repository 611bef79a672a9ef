"""``personalized-promotions`` by REST: definitions, lists, choices, and lists of many consumers."""

from typing import Any

import pytest

from tests.consumers.builders import Api, Shop, attrs_of, errors_of, make_shop, quoted

PP = "personalized-promotions/PP"
ADA = f"{PP}/consumers/ada"
YOURS: dict[str, Any] = {
    "name": "Pick yours",
    "description": "Three of your favourites",
    "maximum_distinct_products": 3,
    "lock_after_first_apply": True,
    "archived": False,
}


def fill(shop: Shop) -> Shop:
    for sku in ("TEA", "CAKE", "BAP"):
        shop.manager.put(f"products/{sku}", {})
    for consumer in ("ada", "bob"):
        shop.manager.put(f"consumers/{consumer}", {})
    assert shop.manager.put(PP, YOURS).status_code == 201
    return shop


@pytest.fixture
def shop(db: None) -> Shop:
    return fill(make_shop())


def body_of(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    return {name: document[name] for name in YOURS}


def found(api: Api, query: str) -> list[str]:
    return [row["backend_id"] for row in api.get(f"personalized-promotions?{query}").json()["results"]]


# --- definitions ----------------------------------------------------------------------------------------------------


def test_every_field_is_stored_and_can_be_put_back(shop: Shop) -> None:
    answer = shop.manager.get(PP)
    assert body_of(answer) == YOURS
    again = shop.manager.put(PP, answer.json())
    assert again.status_code == 200
    assert body_of(again) == YOURS


def test_a_put_replaces_and_a_patch_merges(shop: Shop) -> None:
    assert body_of(shop.manager.patch(PP, {"maximum_distinct_products": None})) == YOURS | {
        "maximum_distinct_products": None
    }
    assert body_of(shop.manager.put(PP, {"name": "Yours"})) == {
        "name": "Yours",
        "description": "",
        "maximum_distinct_products": None,
        "lock_after_first_apply": False,
        "archived": False,
    }


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "x", "min_length"),
        ("name", "x" * 201, "max_length"),
        ("maximum_distinct_products", 0, "min_value"),
        ("maximum_distinct_products", "3", "invalid"),
        ("lock_after_first_apply", "yes", "invalid"),
        ("products", [], "unknown_field"),
    ],
)
def test_an_invalid_value_is_refused_at_its_field(shop: Shop, field: str, value: Any, code: str) -> None:
    answer = shop.manager.put(PP, YOURS | {field: value})
    assert answer.status_code == 400
    assert errors_of(answer) == {(code, field)}
    assert body_of(shop.manager.get(PP)) == YOURS


def test_the_list_is_filtered_by_name_description_backend_id_lock_and_archived(shop: Shop) -> None:
    shop.manager.put("personalized-promotions/SUMMER", {"name": "Summer", "description": "sun"})
    shop.manager.put("personalized-promotions/OLD", {"name": "Old", "archived": True})
    assert found(shop.manager, "") == ["PP", "SUMMER"]
    assert found(shop.manager, "name=pick") == ["PP"]
    assert found(shop.manager, "description=SUN") == ["SUMMER"]
    assert found(shop.manager, "backend_id=summ") == ["SUMMER"]
    assert found(shop.manager, "lock_after_first_apply=true") == ["PP"]
    assert found(shop.manager, "lock_after_first_apply=false") == ["SUMMER"]
    assert shop.manager.get("personalized-promotions?lock_after_first_apply=maybe").status_code == 400
    assert found(shop.manager, "archived=true") == ["OLD"]
    assert found(shop.manager, "archived=all&ordering=-name") == ["SUMMER", "PP", "OLD"]
    assert found(shop.manager, "search=sun") == ["SUMMER"]


def test_a_promotion_with_a_consumers_list_is_archived_instead_of_deleted(shop: Shop) -> None:
    shop.manager.post(f"{ADA}/products", {"products": ["TEA"]})
    refused = shop.manager.delete(PP)
    assert refused.status_code == 409
    assert errors_of(refused) == {("in_use", None)}
    assert shop.manager.patch(PP, {"archived": True}).status_code == 200
    assert found(shop.manager, "") == []
    shop.manager.call("DELETE", f"{ADA}/products", {"remove_all": True})
    assert shop.manager.delete(PP).status_code == 204


# --- one consumer's list --------------------------------------------------------------------------------------------


def test_a_consumer_without_a_list_has_an_empty_one(shop: Shop) -> None:
    assert shop.till.get(ADA).json() == {
        "backend_id": "PP",
        "name": "Pick yours",
        "products": [],
        "selected": [],
        "maximum_distinct_products": 3,
        "lock_after_first_apply": True,
        "locked": False,
    }


def test_products_are_added_pushed_and_removed(shop: Shop) -> None:
    assert shop.manager.post(f"{ADA}/products", {"products": ["TEA", "CAKE"]}).json()["products"] == ["TEA", "CAKE"]
    pushed = [{"sku": "BAP", "selected": True}, {"sku": "TEA", "selected": False}, {"sku": "CAKE"}]
    answer = shop.manager.put(f"{ADA}/products", {"products": pushed}).json()
    assert (answer["products"], answer["selected"], answer["locked"]) == (["BAP", "TEA", "CAKE"], ["BAP"], False)
    removed = shop.manager.call("DELETE", f"{ADA}/products", {"products": ["BAP"]})
    assert removed.status_code == 200
    assert (removed.json()["products"], removed.json()["selected"]) == (["TEA", "CAKE"], [])
    assert shop.manager.call("DELETE", f"{ADA}/products", {"remove_all": True}).json()["products"] == []


@pytest.mark.parametrize(
    ("method", "body", "problem"),
    [
        ("POST", {"products": []}, ("no_products", "products")),
        ("POST", {"products": ["TEA", "NOPE"]}, ("product_not_available", "products.1")),
        ("POST", {"products": ["TEA", 5]}, ("invalid", "products.1")),
        ("POST", {"products": "TEA"}, ("not_a_list", "products")),
        ("POST", {}, ("required", "products")),
        ("POST", {"products": [f"X{n}" for n in range(101)]}, ("too_many_products", "products")),
        ("POST", {"products": ["X"] * 1001}, ("too_many_products", "products")),
        ("PUT", {"products": [{"sku": "NOPE"}]}, ("product_not_available", "products.0")),
        ("PUT", {"products": [{"selected": True}]}, ("required", "products.0.sku")),
        ("PUT", {"products": [{"sku": f"X{n}"} for n in range(101)]}, ("too_many_products", "products")),
        ("PUT", {"products": [{"sku": "X"}] * 1001}, ("too_many_products", "products")),
        ("DELETE", {}, ("no_products", "products")),
        ("DELETE", {"products": ["TEA"], "remove_all": True}, ("invalid", "remove_all")),
    ],
)
def test_a_refused_list_says_where_and_changes_nothing(
    shop: Shop, method: str, body: Any, problem: tuple[str, str]
) -> None:
    shop.manager.post(f"{ADA}/products", {"products": ["CAKE"]})
    answer = shop.manager.call(method, f"{ADA}/products", body)
    assert answer.status_code == 400
    assert errors_of(answer) == {problem}
    assert shop.manager.get(ADA).json()["products"] == ["CAKE"]


def test_unknown_products_are_left_out_of_a_push_that_says_so(shop: Shop) -> None:
    pushed = {
        "products": [{"sku": "NOPE", "selected": True}, {"sku": "TEA", "selected": True}],
        "skip_unresolved": True,
    }
    answer = shop.manager.put(f"{ADA}/products", pushed).json()
    assert (answer["products"], answer["selected"]) == (["TEA"], ["TEA"])


def test_a_till_chooses_and_the_choice_is_final(shop: Shop) -> None:
    shop.manager.post(f"{ADA}/products", {"products": ["TEA", "CAKE", "BAP"]})
    chosen = shop.till.put(f"{ADA}/selection", {"products": ["TEA"]}).json()
    assert (chosen["selected"], chosen["locked"]) == (["TEA"], True)
    assert shop.till.put(f"{ADA}/selection", {"products": ["TEA"]}).status_code == 200
    refused = shop.till.put(f"{ADA}/selection", {"products": ["CAKE"]})
    assert refused.status_code == 409
    assert errors_of(refused) == {("selection_locked", None)}


@pytest.mark.parametrize(
    ("products", "code", "attr"),
    [
        (["TEA", "CAKE", "BAP", "NOPE"], "maximum_distinct_products_exceeded", "products"),
        (["TEA", "NOPE"], "product_not_available", "products.1"),
    ],
)
def test_a_refused_choice_says_why(shop: Shop, products: list[str], code: str, attr: str) -> None:
    shop.manager.post(f"{ADA}/products", {"products": ["TEA", "CAKE", "BAP"]})
    answer = shop.till.put(f"{ADA}/selection", {"products": products})
    assert answer.status_code == 400
    assert errors_of(answer) == {(code, attr)}


def test_lists_of_another_account_are_not_there(shop: Shop) -> None:
    shop.manager.post(f"{ADA}/products", {"products": ["TEA"]})
    other = make_shop("other")
    calls: list[tuple[str, str, Any]] = [
        ("GET", ADA, None),
        ("PUT", f"{ADA}/selection", {"products": []}),
        ("POST", f"{ADA}/products", {"products": ["TEA"]}),
        ("PUT", f"{ADA}/products", {"products": []}),
        ("DELETE", f"{ADA}/products", {"remove_all": True}),
        ("POST", f"{PP}/assignments", []),
        ("GET", "consumers/ada/personalized-promotions", None),
    ]
    for method, path, body in calls:
        assert other.manager.call(method, path, body).status_code == 404, path
    other.manager.put("consumers/ada", {})
    other.manager.put("products/TEA", {})
    for method, path, body in calls[:-1]:
        assert other.manager.call(method, path, body).status_code == 404, path
    fill(other)
    assert other.manager.get("consumers/ada/personalized-promotions").json() == {"results": []}
    assert other.manager.put(f"{ADA}/products", {"products": []}).status_code == 200
    assert shop.manager.get(ADA).json()["products"] == ["TEA"]


@pytest.mark.parametrize(
    ("method", "below"), [("GET", ""), ("PUT", "/selection"), ("POST", "/products"), ("DELETE", "/products")]
)
def test_an_unknown_consumer_is_a_404(shop: Shop, method: str, below: str) -> None:
    body = None if method == "GET" else {"products": ["TEA"]}
    for consumer in ("who", "%00"):
        assert shop.manager.call(method, f"{PP}/consumers/{consumer}{below}", body).status_code == 404


def test_keys_may_hold_slashes(shop: Shop) -> None:
    shop.manager.put(f"personalized-promotions/{quoted('a/b')}", {"name": "Odd"})
    shop.manager.put(f"consumers/{quoted('c/d')}", {})
    path = f"personalized-promotions/{quoted('a/b')}/consumers/{quoted('c/d')}"
    assert shop.manager.post(f"{path}/products", {"products": ["TEA"]}).status_code == 200
    assert shop.manager.get(path).json()["products"] == ["TEA"]


def test_a_consumer_is_shown_all_lists_but_those_of_archived_promotions(shop: Shop) -> None:
    for backend_id, name in (("B", "Breakfast"), ("OLD", "Old")):
        shop.manager.put(f"personalized-promotions/{backend_id}", {"name": name})
        shop.manager.post(f"personalized-promotions/{backend_id}/consumers/ada/products", {"products": ["BAP"]})
    shop.manager.post(f"{ADA}/products", {"products": ["TEA", "CAKE"]})
    shop.till.put(f"{ADA}/selection", {"products": ["CAKE"]})
    shop.manager.patch("personalized-promotions/OLD", {"archived": True})
    results = shop.till.get("consumers/ada/personalized-promotions").json()["results"]
    assert [listed["backend_id"] for listed in results] == ["B", "PP"]
    assert results[1] == shop.manager.get(ADA).json()
    assert shop.till.get("consumers/ada/loyalty").json()["personalized_promotions"] == results


# --- many lists -----------------------------------------------------------------------------------------------------


def test_an_assignment_pushes_lists_and_tells_how_many(shop: Shop) -> None:
    shop.manager.post(f"{ADA}/products", {"products": ["TEA"]})
    shop.till.put(f"{ADA}/selection", {"products": ["TEA"]})
    rows = [{"consumer": "ada", "products": ["BAP"]}, {"consumer": "bob", "products": ["TEA", "CAKE"]}]
    kept = shop.manager.post(f"{PP}/assignments?keep_locked=true", rows)
    assert kept.json() == {"created": 1, "updated": 0, "cleared": 0, "kept": 1}
    assert shop.manager.get(ADA).json()["selected"] == ["TEA"]
    assert shop.manager.post(f"{PP}/assignments", rows).json() == {"created": 0, "updated": 2, "cleared": 0, "kept": 0}
    ada = shop.manager.get(ADA).json()
    assert (ada["products"], ada["selected"], ada["locked"]) == (["BAP"], [], False)


def test_a_refused_assignment_tells_rows_and_writes_nothing(shop: Shop) -> None:
    rows: list[Any] = [
        {"consumer": "ada", "products": ["TEA"]},
        {"consumer": "who", "products": ["NOPE", "TEA"]},
        {"consumer": "bob", "products": ["TEA", "NO"]},
    ]
    answer = shop.manager.post(f"{PP}/assignments", rows)
    assert answer.status_code == 400
    assert errors_of(answer) == {
        ("does_not_exist", "1.consumer"),
        ("product_not_available", "1.products.0"),
        ("product_not_available", "2.products.1"),
    }
    skipped = shop.manager.post(f"{PP}/assignments?skip_unresolved=true", rows)
    assert errors_of(skipped) == {("does_not_exist", "1.consumer")}
    assert shop.manager.get(ADA).json()["products"] == []
    assert shop.manager.post(f"{PP}/assignments?skip_unresolved=true", [rows[0], rows[2]]).status_code == 200
    assert shop.manager.get(f"{PP}/consumers/bob").json()["products"] == ["TEA"]


def test_rows_of_an_assignment_are_checked_one_by_one(shop: Shop) -> None:
    rows: list[Any] = [{"consumer": 5, "products": []}, {"consumer": "ada"}, 7, {"consumer": "ada", "products": [1]}]
    answer = shop.manager.post(f"{PP}/assignments", rows)
    assert attrs_of(answer) == ["0.consumer", "1.products", "2", "3.products.0"]
    twice = [{"consumer": "ada", "products": ["TEA"]}] * 2
    assert errors_of(shop.manager.post(f"{PP}/assignments", twice)) == {("duplicate", "1.consumer")}
    assert shop.manager.post(f"{PP}/assignments", []).json() == dict.fromkeys(
        ("created", "updated", "cleared", "kept"), 0
    )
    assert shop.manager.post(f"{PP}/assignments", [{}] * 10_001).status_code == 413


def test_a_flag_of_the_query_string_that_is_none_is_refused(shop: Shop) -> None:
    answer = shop.manager.post(f"{PP}/assignments?keep_locked=maybe", [])
    assert errors_of(answer) == {("invalid", "keep_locked")}


# --- what a call costs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "statements"),
    [
        ("GET", ADA, None, 3),
        ("GET", "consumers/ada/personalized-promotions", None, 4),
        ("PUT", f"{ADA}/selection", {"products": ["TEA"]}, 7),
        ("POST", f"{ADA}/products", {"products": ["BAP"]}, 9),
        ("PUT", f"{ADA}/products", {"products": [{"sku": "BAP"}]}, 9),
        ("DELETE", f"{ADA}/products", {"products": ["TEA"]}, 7),
        ("POST", f"{PP}/assignments", [{"consumer": "ada", "products": ["TEA"]}], 10),
    ],
)
def test_a_call_costs_the_same_whatever_is_there(
    shop: Shop, django_assert_num_queries: Any, *, method: str, path: str, body: Any, statements: int
) -> None:
    for backend_id in ("PP", "B", "C"):
        shop.manager.put(f"personalized-promotions/{backend_id}", {"name": "Pick"})
        shop.manager.post(f"personalized-promotions/{backend_id}/consumers/ada/products", {"products": ["TEA", "CAKE"]})
    with django_assert_num_queries(statements):
        assert shop.manager.call(method, path, body).status_code == 200
