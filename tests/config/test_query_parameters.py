"""Every path and method refuses query parameters that it does not have, and then does nothing."""

from typing import Any, cast

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.config.admin.sending import recorded_writes
from tests.config.test_api_access import BODIES, ENDPOINTS, TILL_MAY, VIEWS, _as_asked, module_shop, shop
from tests.consumers.builders import Shop, errors_of

__all__ = ["module_shop", "shop"]

SALE: dict[str, Any] = {
    "site": "S",
    "currency": "GBP",
    "reference": "T",
    "consumer": "c",
    "lines": [{"line_id": "1", "sku": "A", "quantity": "1", "unit_price_inc_tax": "1.00"}],
}
BELOW_A_ROW = [
    (method, path)
    for method, path in ENDPOINTS
    if path.partition("/")[2] not in ("", "bulk", "batch", "evaluate")
    and not (method == "PUT" and path.count("/") == 1)
]


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """The shop, with sales under the references that the paths name."""
    for reference in ("T", "batch"):
        assert shop.till.post("transactions", {**SALE, "reference": reference}).status_code == 201
    return shop


def body_of(method: str, path: str) -> Any:
    """A body that the call takes."""
    if method in ("GET", "DELETE"):
        return None
    if path.endswith(("/bulk", "/batch")) and method == "POST":
        return []
    return SALE if path in ("transactions", "baskets/evaluate") else BODIES.get(path, {})


def document() -> Any:
    return cast("Any", SchemaGenerator)().get_schema(request=None, public=True)


def described_parameters() -> dict[tuple[str, str], dict[str, Any]]:
    """The query parameters of the OpenAPI document by call."""
    return {
        (method.upper(), _as_asked(path)): {
            parameter["name"]: parameter["schema"]
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query"
        }
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
    }


def refusals(shop: Shop, query: str) -> tuple[dict[tuple[str, str], Any], list[Any]]:
    """What each call answers to a query string, and what it wrote."""
    answers: dict[tuple[str, str], Any] = {}
    statements: list[Any] = []
    for method, path in ENDPOINTS:
        with recorded_writes() as wrote:
            answer = shop.manager.call(method, f"{path}?{query}", body_of(method, path))
        answers[method, path] = errors_of(answer) if answer.status_code == 400 else {(str(answer.status_code), None)}
        statements += [(method, path, statement) for statement in wrote]
    # The sale has no voucher under the paths' code.
    return {pair: errors for pair, errors in answers.items() if pair[1] != "vouchers/x"}, statements


@pytest.mark.parametrize("query", ["preveiw=true", "page=2", "custmer=c", "preveiw=", "archived_=1", "LIMIT=3"])
def test_an_unknown_parameter_is_refused_everywhere_and_nothing_is_done(sold: Shop, query: str) -> None:
    name = query.partition("=")[0]
    answers, statements = refusals(sold, query)
    # No row has the key "bulk", and no voucher the code that the paths name.
    missing = {pair for pair, errors in answers.items() if errors == {("404", None)}}
    assert all(path.endswith("/bulk") and method != "POST" for method, path in missing), missing
    assert (set(map(frozenset, (answers[pair] for pair in set(answers) - missing))), statements) == (
        {frozenset({("unknown_parameter", name)})},
        [],
    )


def test_a_parameter_without_a_value_or_given_twice_is_refused_everywhere_and_nothing_is_done(sold: Shop) -> None:
    described = described_parameters()
    wrong: dict[str, Any] = {}
    tried = 0
    for (method, path), parameters in described.items():
        for name, schema in parameters.items():
            repeatable = schema.get("type") == "array"
            switch = schema.get("type") == "boolean"
            queries = [f"{name}=", name, *([] if repeatable else [f"{name}=true&{name}=true"])]
            queries += [f"{name}={value}" for value in ("1", "0", "yes", "TRUE", "true ")] if switch else []
            for query in queries:
                tried += 1
                with recorded_writes() as wrote:
                    answer = sold.manager.call(method, f"{path}?{query}", body_of(method, path))
                if answer.status_code != 400 or errors_of(answer) != {("invalid", name)} or wrote:
                    wrong[f"{method} {path}?{query}"] = (answer.status_code, answer.content, wrote)
    assert (wrong, tried > 200) == ({}, True)


def test_the_document_names_the_parameters_that_calls_take_and_no_others(sold: Shop) -> None:
    for (method, path), parameters in described_parameters().items():
        answer = sold.manager.call(method, f"{path}?no=1", body_of(method, path))
        if answer.status_code == 404:
            continue
        detail = answer.json()["errors"][0]["detail"]
        said = detail.removesuffix(".").removeprefix("This call takes ")
        named = set() if said == "This call has no parameters" else set(said.split(", "))
        assert named == set(parameters), (method, path)


def test_a_refused_caller_is_not_told_of_parameters(shop: Shop) -> None:
    nobody = {pair: shop.nobody.call(*pair[:1], f"{pair[1]}?no=1").status_code for pair in ENDPOINTS}
    closed = [pair for pair in ENDPOINTS if pair not in TILL_MAY]
    till = {
        (method, path): shop.till.call(method, f"{path}?no=1", body_of(method, path)).status_code
        for method, path in closed
    }
    assert (set(nobody.values()), set(till.values())) == ({401}, {403})


def test_a_row_that_is_not_there_is_told_before_its_parameters(sold: Shop) -> None:
    statuses = {}
    for method, path in BELOW_A_ROW:
        parts = path.split("/")
        parts[1] = "nowhere"
        statuses[method, path] = sold.manager.call(method, f"{'/'.join(parts)}?no=1", body_of(method, path)).status_code
    assert {pair: status for pair, status in statuses.items() if status != 404} == {}


def test_a_method_that_a_path_lacks_is_a_405_for_every_role(shop: Shop) -> None:
    verbs = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
    answered = set(ENDPOINTS)
    statuses = {
        (verb, path): [client.raw(verb, path, b"{}").status_code for client in (shop.till, shop.manager, shop.nobody)]
        for path in VIEWS
        for verb in verbs
        if (verb, path) not in answered
    }
    assert {pair: codes for pair, codes in statuses.items() if codes != [405, 405, 401]} == {}


def test_a_misspelt_preview_takes_nothing_back(sold: Shop) -> None:
    taken = {"reference": "R", "lines": [{"line_id": "1", "quantity": "1"}]}
    for query in ("preveiw=true", "preview=", "preview=yes", "preview=true&preview=true"):
        assert sold.till.post(f"transactions/T/returns?{query}", taken).status_code == 400, query
    assert sold.till.get("transactions/T").json()["status"] == "committed"
    assert sold.till.post("transactions/T/returns?preview=true", taken).status_code == 200
    assert sold.till.post("transactions/T/returns?preview=false", taken).status_code == 201


def test_a_filter_that_may_be_repeated_finds_rows_of_any_value(shop: Shop) -> None:
    answer = shop.manager.get("promotions?status=active&status=draft")
    assert (answer.status_code, [row["code"] for row in answer.json()["results"]]) == (200, ["x"])


@pytest.mark.parametrize("search", ["x" * 201, " ".join("abcdefghi"), ",".join("abcdefghi"), "x " * 2_000])
def test_a_search_of_more_than_eight_words_or_200_characters_is_refused_in_every_list(shop: Shop, search: str) -> None:
    searchable = [
        path for (method, path), names in described_parameters().items() if method == "GET" and "search" in names
    ]
    answers = {path: errors_of(shop.manager.get(f"{path}?search={search}")) for path in searchable}
    assert (set(map(frozenset, answers.values())), len(searchable) > 10) == (
        {frozenset({("too_long", "search")})},
        True,
    )


def test_a_search_of_eight_words_and_200_characters_is_answered_in_every_list(shop: Shop) -> None:
    words = " ".join(letter * 24 for letter in "abcdefgh")
    searchable = [
        path for (method, path), names in described_parameters().items() if method == "GET" and "search" in names
    ]
    assert {shop.manager.get(f"{path}?search={words}&limit=5").status_code for path in searchable} == {200}


def test_the_document_itself_takes_its_own_parameters_alone(shop: Shop) -> None:
    statuses = {
        query: shop.nobody.get(f"schema?{query}").status_code for query in ("format=json", "formt=json", "format=")
    }
    assert statuses == {"format=json": 200, "formt=json": 400, "format=": 400}
