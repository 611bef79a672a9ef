"""What a discount may say, what it means when it says nothing, and what is refused, each with its path."""

from typing import Any

import pytest

from promotions.engine.definition.discount import check_discount
from promotions.engine.definition.fields import DISCOUNT_TYPES, MAX_PRODUCT_SETS, MAX_PRODUCTS_IN_SET
from promotions.engine.definition.reader import Definition, InvalidDefinition
from promotions.engine.rules.problems import Reference
from tests.promotions.engine.builders import condition, every, sku

ALL_PRODUCTS: dict[str, Any] = {"rules": None}
VALUES: dict[str, str | None] = {"amount": "5", "percentage": "50", "fixed_price": "20", "free_product": None}


def check(
    discount_type: str = "percentage",
    *,
    sets: Any = (ALL_PRODUCTS,),
    eligibility: Any = None,
    currency: str = "GBP",
    catalogue_enabled: bool = True,
    **outcome: Any,
) -> Definition:
    fields = {"value": VALUES.get(discount_type), "product_sets": list(sets) if isinstance(sets, tuple) else sets}
    return check_discount(
        discount_type,
        outcome=fields | outcome,
        eligibility=eligibility,
        currency=currency,
        catalogue_enabled=catalogue_enabled,
    )


def refused(discount_type: str = "percentage", **arguments: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDefinition) as caught:
        check(discount_type, **arguments)
    return [(problem.path, problem.code) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("discount_type", "value"),
    [("amount", "5.00"), ("percentage", "50"), ("fixed_price", "20.00"), ("free_product", None)],
)
def test_absent_fields_have_their_defaults(discount_type: str, value: str | None) -> None:
    definition = check(discount_type)
    assert (definition.type, definition.subtype) == (discount_type, "product_sets")
    assert definition.outcome == {
        "value": value,
        "maximum_discount": None,
        "price_order": "cheapest",
        "product_sets": [
            {
                "name": "",
                "rules": None,
                "required_quantity": 1,
                "required_spend": None,
                "discounted_quantity": 1,
                "gets_discount": True,
                "default_product": None,
            }
        ],
    }
    assert definition.eligibility == {
        "site_rules": None,
        "customer_rules": None,
        "transaction_rules": None,
        "line_item_rules": None,
        "application_rules": [],
        "control_group": None,
        "total_redemption_limit": None,
        "customer_redemption_limit": None,
        "customer_limit_period": "promotion",
        "transaction_redemption_limit": None,
        "always_apply": False,
        "ignores_universal_holdout": False,
    }
    assert definition.content == {
        "short_description": "",
        "long_description": "",
        "confirmation_message": "",
        "terms_and_conditions": "",
        "links": [],
        "images": [],
    }
    assert definition.references == ()


def test_the_normal_form_is_its_own_normal_form() -> None:
    sets = (
        {"name": "Tees", "rules": every(sku("TEE")), "required_quantity": 2, "gets_discount": False},
        {"products": ["A", "B"], "required_quantity": 3, "discounted_quantity": 1, "default_product": "B"},
        {"personalized_promotion": "PP-1"},
        {"rules": {}, "required_spend": "80"},
    )
    first = check("percentage", sets=sets, maximum_discount="5", eligibility={"transaction_redemption_limit": 2})
    again = check_discount(
        first.type,
        outcome=first.outcome,
        eligibility=first.eligibility,
        currency="GBP",
        catalogue_enabled=True,
    )
    assert again == first


@pytest.mark.parametrize(
    ("product_set", "required", "spend", "discounted"),
    [
        ({}, 1, None, 1),
        ({"required_quantity": 3}, 3, None, 3),
        ({"required_quantity": 3, "discounted_quantity": 1}, 3, None, 1),
        ({"required_quantity": 2, "gets_discount": False}, 2, None, 0),
        ({"required_quantity": 2, "gets_discount": False, "discounted_quantity": 0}, 2, None, 0),
        ({"required_spend": "80"}, None, "80.00", None),
        ({"required_spend": "80", "required_quantity": None}, None, "80.00", None),
        ({"required_spend": 80, "discounted_quantity": 2}, None, "80.00", 2),
        ({"required_spend": "80", "gets_discount": False}, None, "80.00", 0),
    ],
)
def test_a_set_requires_a_quantity_or_a_spend(
    product_set: dict[str, Any], required: int | None, spend: str | None, discounted: int | None
) -> None:
    checked = check(sets=(ALL_PRODUCTS, ALL_PRODUCTS | product_set)).outcome["product_sets"][1]
    assert (checked["required_quantity"], checked["required_spend"], checked["discounted_quantity"]) == (
        required,
        spend,
        discounted,
    )


@pytest.mark.parametrize(
    ("sent", "source"),
    [
        ({"rules": None}, {"rules": None}),
        ({"rules": {}}, {"rules": None}),
        ({"rules": {"match": "all", "rules": []}}, {"rules": None}),
        ({"products": ["A", "B", "A"]}, {"products": ["A", "B"]}),
        ({"products": ["A"], "rules": {}, "personalized_promotion": None}, {"products": ["A"]}),
        ({"personalized_promotion": "PP-1", "rules": None}, {"personalized_promotion": "PP-1"}),
    ],
)
def test_a_set_has_one_source(sent: dict[str, Any], source: dict[str, Any]) -> None:
    [product_set] = check(sets=(sent,)).outcome["product_sets"]
    assert {
        name: product_set[name] for name in ("rules", "products", "personalized_promotion") if name in product_set
    } == (source)


def test_a_set_fed_by_a_personalized_promotion_makes_the_discount_personalized() -> None:
    assert check(sets=(ALL_PRODUCTS, {"personalized_promotion": "PP-1"})).subtype == "personalized"


def test_a_discount_names_groups_sites_products_and_personalized_promotions() -> None:
    definition = check(
        sets=(
            {"products": ["A"], "default_product": "A"},
            {"rules": every(condition("product", "is", "B"))},
            {"personalized_promotion": "PP-1", "default_product": "C"},
        ),
        eligibility={"customer_rules": every(condition("groups", "is", "vip"))},
    )
    assert set(definition.references) == {
        Reference(kind="product", key="A", path="outcome.product_sets.0.products.0"),
        Reference(kind="product", key="A", path="outcome.product_sets.0.default_product"),
        Reference(kind="product", key="B", path="outcome.product_sets.1.rules.rules.0.value"),
        Reference(kind="personalized_promotion", key="PP-1", path="outcome.product_sets.2.personalized_promotion"),
        Reference(kind="product", key="C", path="outcome.product_sets.2.default_product"),
        Reference(kind="group", key="vip", path="eligibility.customer_rules.rules.0.value"),
    }


def test_without_a_catalogue_any_sku_is_accepted() -> None:
    sets = ({"products": ["A"], "default_product": "A"}, {"rules": every(sku("B"))})
    assert check(sets=sets, catalogue_enabled=False).references == ()


@pytest.mark.parametrize(
    ("discount_type", "value"),
    [
        ("amount", "0.01"),
        ("amount", 5),
        ("percentage", "0.5"),
        ("percentage", "100"),
        ("fixed_price", "0"),
        ("free_product", None),
    ],
)
def test_the_lowest_and_highest_values_are_accepted(discount_type: str, value: Any) -> None:
    assert check(discount_type, value=value).type == discount_type


@pytest.mark.parametrize(
    ("discount_type", "outcome", "code"),
    [
        ("amount", {"value": None}, "required"),
        ("amount", {"value": ""}, "required"),
        ("amount", {"value": "0"}, "invalid_number"),
        ("amount", {"value": "-1"}, "invalid_number"),
        ("amount", {"value": "1.005"}, "invalid_number"),
        ("amount", {"value": "1.5", "currency": "JPY"}, "invalid_number"),
        ("amount", {"value": 1.5}, "invalid_number"),
        ("amount", {"value": "ten"}, "invalid_number"),
        ("amount", {"value": True}, "invalid_number"),
        ("percentage", {"value": None}, "required"),
        ("percentage", {"value": "0"}, "invalid_number"),
        ("percentage", {"value": "100.01"}, "invalid_number"),
        ("fixed_price", {"value": None}, "required"),
        ("fixed_price", {"value": "-0.01"}, "invalid_number"),
        ("free_product", {"value": "1"}, "not_of_type"),
    ],
)
def test_a_value_that_does_not_fit_the_type_is_refused(discount_type: str, outcome: dict[str, Any], code: str) -> None:
    assert refused(discount_type, **outcome) == [("outcome.value", code)]


@pytest.mark.parametrize("discount_type", [name for name in DISCOUNT_TYPES if name != "percentage"])
def test_only_a_percentage_has_a_maximum(discount_type: str) -> None:
    assert refused(discount_type, maximum_discount="5") == [("outcome.maximum_discount", "not_of_type")]


def test_a_maximum_is_an_amount_above_zero() -> None:
    assert check(maximum_discount="5").outcome["maximum_discount"] == "5.00"
    for wrong in ("0", "-1", "0.001"):
        assert refused(maximum_discount=wrong) == [("outcome.maximum_discount", "invalid_number")]


AT = "outcome.product_sets.0"


@pytest.mark.parametrize(
    ("product_set", "problem"),
    [
        ({}, (AT, "required")),
        ({"products": None}, (AT, "required")),
        ({"rules": None, "products": ["A"], "personalized_promotion": "P"}, (AT, "one_source")),
        ({"rules": every(sku("A")), "products": ["A"]}, (AT, "one_source")),
        ({"rules": []}, (f"{AT}.rules", "invalid")),
        ({"rules": every(condition("colour", "is", "red"))}, (f"{AT}.rules.rules.0.attribute", "unknown_attribute")),
        ({"products": []}, (f"{AT}.products", "required")),
        ({"products": "A"}, (f"{AT}.products", "invalid")),
        ({"products": ["A"] * (MAX_PRODUCTS_IN_SET + 1)}, (f"{AT}.products", "max_length")),
        ({"products": ["A", 7]}, (f"{AT}.products.1", "invalid")),
        ({"products": ["A", " "]}, (f"{AT}.products.1", "invalid")),
        ({"products": ["A\x00"]}, (f"{AT}.products.0", "invalid")),
        ({"products": ["A" * 101]}, (f"{AT}.products.0", "invalid")),
        ({"personalized_promotion": ""}, (f"{AT}.personalized_promotion", "invalid")),
        ({"personalized_promotion": {"id": 1}}, (f"{AT}.personalized_promotion", "invalid")),
        ({"rules": None, "required_quantity": 0}, (f"{AT}.required_quantity", "invalid_number")),
        ({"rules": None, "required_quantity": "1.5"}, (f"{AT}.required_quantity", "invalid_number")),
        ({"rules": None, "required_quantity": 1, "required_spend": "5"}, (f"{AT}.required_spend", "not_together")),
        ({"rules": None, "required_spend": "0"}, (f"{AT}.required_spend", "invalid_number")),
        ({"rules": None, "required_spend": "0.001"}, (f"{AT}.required_spend", "invalid_number")),
        ({"rules": None, "discounted_quantity": 0}, (f"{AT}.discounted_quantity", "invalid_number")),
        ({"rules": None, "discounted_quantity": -1}, (f"{AT}.discounted_quantity", "invalid_number")),
        ({"rules": None, "discounted_quantity": 2}, (f"{AT}.discounted_quantity", "above_required_quantity")),
        (
            {"rules": None, "required_spend": "5", "discounted_quantity": 0},
            (f"{AT}.discounted_quantity", "invalid_number"),
        ),
        (
            {"rules": None, "gets_discount": False, "discounted_quantity": 1},
            (f"{AT}.discounted_quantity", "not_discounted"),
        ),
        (
            {"rules": None, "gets_discount": False, "default_product": "A"},
            (f"{AT}.default_product", "not_discounted"),
        ),
        ({"products": ["A"], "default_product": "B"}, (f"{AT}.default_product", "not_in_set")),
        ({"rules": None, "default_product": 7}, (f"{AT}.default_product", "invalid")),
        ({"rules": None, "gets_discount": "yes"}, (f"{AT}.gets_discount", "invalid")),
        ({"rules": None, "name": "n" * 201}, (f"{AT}.name", "max_length")),
        ({"rules": None, "units": 2}, (f"{AT}.units", "unknown_field")),
    ],
)
def test_a_malformed_set_is_refused_by_its_path(product_set: dict[str, Any], problem: tuple[str, str]) -> None:
    assert refused(sets=(product_set, ALL_PRODUCTS)) == [problem]


@pytest.mark.parametrize(
    ("sets", "problem"),
    [
        (None, ("outcome.product_sets", "required")),
        ((), ("outcome.product_sets", "required")),
        ({}, ("outcome.product_sets", "invalid")),
        ((ALL_PRODUCTS,) * (MAX_PRODUCT_SETS + 1), ("outcome.product_sets", "max_length")),
        ((ALL_PRODUCTS | {"gets_discount": False},), ("outcome.product_sets", "no_discounted_set")),
    ],
)
def test_a_discount_has_one_to_ten_sets_of_which_one_gets_the_discount(sets: Any, problem: tuple[str, str]) -> None:
    assert refused(sets=sets) == [problem]


def test_a_set_that_only_qualifies_may_have_a_default_product_where_consumers_choose() -> None:
    qualifying = {"personalized_promotion": "PP-1", "gets_discount": False, "default_product": "A"}
    assert check(sets=(qualifying, ALL_PRODUCTS)).outcome["product_sets"][0]["default_product"] == "A"


def test_without_a_catalogue_sets_select_by_sku_alone() -> None:
    by_category = {"rules": every(condition("category", "is", "Tea"))}
    assert refused(sets=(by_category,), catalogue_enabled=False) == [
        ("outcome.product_sets.0.rules.rules.0.attribute", "catalogue_disabled")
    ]


@pytest.mark.parametrize(
    ("eligibility", "problem"),
    [
        ({"total_redemption_limit": 0}, ("eligibility.total_redemption_limit", "invalid_number")),
        ({"customer_redemption_limit": "x"}, ("eligibility.customer_redemption_limit", "invalid_number")),
        ({"customer_limit_period": "month"}, ("eligibility.customer_limit_period", "invalid")),
        ({"transaction_redemption_limit": -1}, ("eligibility.transaction_redemption_limit", "invalid_number")),
        ({"always_apply": 1}, ("eligibility.always_apply", "invalid")),
        ({"control_group": {"group": "g", "percentage": "5"}}, ("eligibility.control_group", "not_of_type")),
        ({"application_rules": [{}]}, ("eligibility.application_rules", "not_of_type")),
        ({"site_rules": every(condition("town", "is", 5))}, ("eligibility.site_rules.rules.0.value", "invalid_value")),
        ({"colour": "red"}, ("eligibility.colour", "unknown_field")),
    ],
)
def test_wrong_conditions_and_limits_are_refused_by_their_path(
    eligibility: dict[str, Any], problem: tuple[str, str]
) -> None:
    assert refused(eligibility=eligibility) == [problem]


def test_an_unknown_type_field_or_order_is_refused() -> None:
    assert refused("points") == [("type", "invalid_choice")]
    assert refused(points=5) == [("outcome.points", "unknown_field")]
    assert refused(price_order="dearest") == [("outcome.price_order", "invalid_choice")]


EVERY_50: dict[str, Any] = {"rules": None, "required_spend": "50", "repeats": True}


def test_a_required_spend_may_repeat_in_the_only_set_of_an_amount() -> None:
    (product_set,) = check("amount", sets=(EVERY_50,)).outcome["product_sets"]
    assert (product_set["required_spend"], product_set["repeats"]) == ("50.00", True)


@pytest.mark.parametrize("value", [False, None])
def test_a_set_that_does_not_repeat_is_stored_as_before_sets_could(value: object) -> None:
    (product_set,) = check("amount", sets=({"rules": None, "required_spend": "50", "repeats": value},)).outcome[
        "product_sets"
    ]
    assert "repeats" not in product_set


@pytest.mark.parametrize(
    ("discount_type", "sets"),
    [
        ("percentage", (EVERY_50,)),
        ("fixed_price", (EVERY_50,)),
        ("free_product", (EVERY_50,)),
        ("amount", ({"rules": None, "repeats": True},)),
        ("amount", ({"rules": None, "required_quantity": 2, "repeats": True},)),
        ("amount", (EVERY_50, ALL_PRODUCTS)),
        ("amount", (EVERY_50 | {"discounted_quantity": 1},)),
        ("amount", (EVERY_50 | {"repeats": "yes"},)),
    ],
)
def test_a_set_that_cannot_repeat_is_refused(discount_type: str, sets: tuple[dict[str, Any], ...]) -> None:
    assert refused(discount_type, sets=sets) == [("outcome.product_sets.0.repeats", "invalid")]


def test_each_set_that_repeats_beside_another_is_named() -> None:
    paths = [(f"outcome.product_sets.{number}.repeats", "invalid") for number in (0, 1)]
    assert refused("amount", sets=(EVERY_50, EVERY_50)) == paths
