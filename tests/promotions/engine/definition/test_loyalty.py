"""What each type of loyalty promotion may say, what it means when it says nothing, and what is refused."""

from typing import Any

import pytest

from promotions.engine.definition.fields import ACTIVITY_INSERTS, LOYALTY_TYPES, MESSAGE_INSERTS
from promotions.engine.definition.loyalty import check_loyalty
from promotions.engine.definition.reader import Definition, InvalidDefinition
from promotions.engine.rules.problems import Reference
from tests.promotions.engine.builders import condition, every, sku

SMALLEST: dict[str, dict[str, Any]] = {
    "fixed_points": {"points": 50},
    "points_multiplier": {"multiplier": "2"},
    "bonus_points": {"issue_points_on": "currency", "conversion_units": "10", "conversion_points": 1},
    "redeem_offer": {"offer": "gift"},
}


def check(promotion_type: str = "fixed_points", *, catalogue_enabled: bool = True, **documents: Any) -> Definition:
    return check_loyalty(
        promotion_type,
        outcome=documents.get("outcome", SMALLEST.get(promotion_type)),
        eligibility=documents.get("eligibility"),
        content=documents.get("content"),
        catalogue_enabled=catalogue_enabled,
    )


def refused(promotion_type: str = "fixed_points", **documents: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDefinition) as caught:
        check(promotion_type, **documents)
    return [(problem.path, problem.code) for problem in caught.value.problems]


def with_outcome(promotion_type: str = "fixed_points", **fields: Any) -> dict[str, Any]:
    return {"promotion_type": promotion_type, "outcome": SMALLEST[promotion_type] | fields}


SHARED_OUTCOME = {
    "activity_description": "",
    "activity_type": "",
    "redemption_message_subject": "",
    "redemption_message": "",
    "product_selection": {"match": "any", "sets": []},
    "quantity_rule": None,
    "pricing_rule": None,
}


@pytest.mark.parametrize(
    ("promotion_type", "subtype", "outcome"),
    [
        ("fixed_points", "", {"points": 50}),
        ("points_multiplier", "basket", {"multiplier": "2", "multiplier_scope": "basket"}),
        (
            "bonus_points",
            "currency",
            {
                "issue_points_on": "currency",
                "conversion_units": "10",
                "conversion_points": 1,
                "whole_ratio_units_only": True,
            },
        ),
        ("redeem_offer", "", {"offer": "gift"}),
    ],
)
def test_absent_fields_have_their_defaults(promotion_type: str, subtype: str, outcome: dict[str, Any]) -> None:
    definition = check(promotion_type)
    assert (definition.type, definition.subtype) == (promotion_type, subtype)
    assert definition.outcome == SHARED_OUTCOME | outcome
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


@pytest.mark.parametrize(
    ("promotion_type", "fields", "subtype"),
    [
        ("points_multiplier", {"multiplier_scope": "line_items"}, "line_items"),
        ("bonus_points", {"issue_points_on": "quantity"}, "quantity"),
    ],
)
def test_the_subtype_follows_from_the_outcome(promotion_type: str, fields: dict[str, Any], subtype: str) -> None:
    assert check(**with_outcome(promotion_type, **fields)).subtype == subtype


@pytest.mark.parametrize("promotion_type", LOYALTY_TYPES)
def test_a_normal_form_checks_to_itself(promotion_type: str) -> None:
    fields = {
        "product_selection": {"match": "all", "sets": [{"name": "x", "rules": sku("A"), "units": 2}]},
        "quantity_rule": {"apply_to": "first", "units": 3},
        "pricing_rule": {"order": "most_expensive", "by": "tax"},
    }
    eligibility = {
        "site_rules": every(condition("town", "is", "Leeds")),
        "application_rules": [
            {"measure": "spend", "threshold": "10", "period": {"unit": "weeks", "length": 2}},
            {"measure": "quantity", "threshold": 3, "period": {"unit": "promotion"}, "counting": "every"},
        ],
        "control_group": {"group": "vip", "percentage": "12.5"},
        "total_redemption_limit": 5,
    }
    content = {"links": [{"url": "https://example.com", "anchor_text": "Here"}]}
    once = check(**with_outcome(promotion_type, **fields), eligibility=eligibility, content=content)
    twice = check(promotion_type, outcome=once.outcome, eligibility=once.eligibility, content=once.content)
    assert once == twice


REFUSED_OUTCOMES = [
    ("fixed_points", {"points": None}, "outcome.points", "required"),
    ("fixed_points", {"points": 0}, "outcome.points", "invalid_number"),
    ("fixed_points", {"points": -5}, "outcome.points", "invalid_number"),
    ("fixed_points", {"points": 1.5}, "outcome.points", "invalid_number"),
    ("fixed_points", {"points": "many"}, "outcome.points", "invalid_number"),
    ("fixed_points", {"points": "50"}, "outcome.points", "invalid_number"),
    ("fixed_points", {"points": True}, "outcome.points", "invalid_number"),
    ("fixed_points", {"points": 10**10}, "outcome.points", "invalid_number"),
    ("fixed_points", {"multiplier": "2"}, "outcome.multiplier", "not_of_type"),
    ("fixed_points", {"offer": "gift"}, "outcome.offer", "not_of_type"),
    ("fixed_points", {"colour": "red"}, "outcome.colour", "unknown_field"),
    ("points_multiplier", {"multiplier": None}, "outcome.multiplier", "required"),
    ("points_multiplier", {"multiplier": "0.99"}, "outcome.multiplier", "invalid_number"),
    ("points_multiplier", {"multiplier": "100.01"}, "outcome.multiplier", "invalid_number"),
    ("points_multiplier", {"multiplier": "NaN"}, "outcome.multiplier", "invalid_number"),
    ("points_multiplier", {"multiplier": "1e999999999"}, "outcome.multiplier", "invalid_number"),
    ("points_multiplier", {"multiplier_scope": "all"}, "outcome.multiplier_scope", "invalid_choice"),
    ("points_multiplier", {"multiplier_scope": ["basket"]}, "outcome.multiplier_scope", "invalid_choice"),
    ("bonus_points", {"issue_points_on": None}, "outcome.issue_points_on", "required"),
    ("bonus_points", {"issue_points_on": "spend"}, "outcome.issue_points_on", "invalid_choice"),
    ("bonus_points", {"conversion_units": "0"}, "outcome.conversion_units", "invalid_number"),
    ("bonus_points", {"conversion_units": "-1"}, "outcome.conversion_units", "invalid_number"),
    ("bonus_points", {"conversion_units": None}, "outcome.conversion_units", "required"),
    ("bonus_points", {"conversion_points": 0}, "outcome.conversion_points", "invalid_number"),
    ("bonus_points", {"conversion_points": "1"}, "outcome.conversion_points", "invalid_number"),
    ("bonus_points", {"conversion_points": None}, "outcome.conversion_points", "required"),
    ("bonus_points", {"whole_ratio_units_only": "yes"}, "outcome.whole_ratio_units_only", "invalid"),
    ("redeem_offer", {"offer": ""}, "outcome.offer", "required"),
    ("redeem_offer", {"offer": None}, "outcome.offer", "required"),
    ("redeem_offer", {"offer": 5}, "outcome.offer", "invalid"),
    ("redeem_offer", {"points": 5}, "outcome.points", "not_of_type"),
    ("fixed_points", {"activity_type": 5}, "outcome.activity_type", "invalid"),
    ("fixed_points", {"activity_type": "x" * 101}, "outcome.activity_type", "max_length"),
    ("fixed_points", {"product_selection": []}, "outcome.product_selection", "invalid"),
    ("fixed_points", {"product_selection": {"match": "one"}}, "outcome.product_selection.match", "invalid_choice"),
    ("fixed_points", {"product_selection": {"sets": {}}}, "outcome.product_selection.sets", "invalid"),
    ("fixed_points", {"product_selection": {"sets": [5]}}, "outcome.product_selection.sets.0", "invalid"),
    ("fixed_points", {"product_selection": {"sets": [{}, None]}}, "outcome.product_selection.sets.1", "invalid"),
    ("fixed_points", {"product_selection": {"sets": [{}] * 11}}, "outcome.product_selection.sets", "max_length"),
    (
        "fixed_points",
        {"product_selection": {"sets": [{}, {"units": 0}]}},
        "outcome.product_selection.sets.1.units",
        "invalid_number",
    ),
    (
        "fixed_points",
        {"product_selection": {"sets": [{"rules": every(condition("town", "is", "x"))}]}},
        "outcome.product_selection.sets.0.rules.rules.0.attribute",
        "unknown_attribute",
    ),
    (
        "fixed_points",
        {"product_selection": {"sets": [{"colour": "red"}]}},
        "outcome.product_selection.sets.0.colour",
        "unknown_field",
    ),
    ("fixed_points", {"quantity_rule": {"units": 2}}, "outcome.quantity_rule.apply_to", "required"),
    ("fixed_points", {"quantity_rule": {"apply_to": "last"}}, "outcome.quantity_rule.apply_to", "invalid_choice"),
    (
        "fixed_points",
        {"quantity_rule": {"apply_to": "every", "units": 0}},
        "outcome.quantity_rule.units",
        "invalid_number",
    ),
    ("fixed_points", {"pricing_rule": {"order": "dearest"}}, "outcome.pricing_rule.order", "invalid_choice"),
    ("fixed_points", {"pricing_rule": {"by": "gross"}}, "outcome.pricing_rule.by", "invalid_choice"),
]


@pytest.mark.parametrize(("promotion_type", "fields", "path", "code"), REFUSED_OUTCOMES)
def test_a_wrong_outcome_is_refused_by_its_path(
    promotion_type: str, fields: dict[str, Any], path: str, code: str
) -> None:
    assert refused(**with_outcome(promotion_type, **fields)) == [(path, code)]


@pytest.mark.parametrize("multiplier", ["1", "1.000001", "100", 3])
def test_a_multiplier_lies_between_1_and_100(multiplier: Any) -> None:
    assert check(**with_outcome("points_multiplier", multiplier=multiplier)).outcome["multiplier"] == str(multiplier)


def test_an_unknown_type_is_refused() -> None:
    assert refused("lottery", outcome={}) == [("type", "invalid_choice")]


@pytest.mark.parametrize("document", ["outcome", "eligibility", "content"])
@pytest.mark.parametrize("value", [5, "x", [], True])
def test_a_document_is_an_object(document: str, value: Any) -> None:
    assert (document, "invalid") in refused(**{document: value})


RULE = {"measure": "transactions", "threshold": "3", "period": {"unit": "days", "length": 30}}

REFUSED_ELIGIBILITY: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": "red"}, "eligibility.colour", "unknown_field"),
    ({"site_rules": []}, "eligibility.site_rules", "invalid"),
    (
        {"site_rules": every(condition("sku", "is", "A"))},
        "eligibility.site_rules.rules.0.attribute",
        "unknown_attribute",
    ),
    (
        {"transaction_rules": every(condition("total_inc_tax", "is", "x"))},
        "eligibility.transaction_rules.rules.0.value",
        "invalid_value",
    ),
    ({"total_redemption_limit": 0}, "eligibility.total_redemption_limit", "invalid_number"),
    ({"customer_redemption_limit": -1}, "eligibility.customer_redemption_limit", "invalid_number"),
    ({"customer_redemption_limit": "3"}, "eligibility.customer_redemption_limit", "invalid_number"),
    ({"customer_redemption_limit": 1.5}, "eligibility.customer_redemption_limit", "invalid_number"),
    ({"customer_limit_period": "week"}, "eligibility.customer_limit_period", "invalid"),
    ({"customer_limit_period": "fortnight"}, "eligibility.customer_limit_period", "invalid_choice"),
    ({"customer_limit_period": 7}, "eligibility.customer_limit_period", "invalid_choice"),
    ({"always_apply": "no"}, "eligibility.always_apply", "invalid"),
    ({"control_group": {"percentage": "5"}}, "eligibility.control_group.group", "required"),
    ({"control_group": {"group": "vip"}}, "eligibility.control_group.percentage", "required"),
    (
        {"control_group": {"group": "vip", "percentage": "100.1"}},
        "eligibility.control_group.percentage",
        "invalid_number",
    ),
    ({"control_group": {"group": "vip", "percentage": "-1"}}, "eligibility.control_group.percentage", "invalid_number"),
    ({"control_group": "vip"}, "eligibility.control_group", "invalid"),
    ({"application_rules": RULE}, "eligibility.application_rules", "invalid"),
    ({"application_rules": [RULE] * 11}, "eligibility.application_rules", "max_length"),
    (
        {"application_rules": [RULE | {"measure": "visits"}]},
        "eligibility.application_rules.0.measure",
        "invalid_choice",
    ),
    ({"application_rules": [RULE | {"threshold": 0}]}, "eligibility.application_rules.0.threshold", "invalid_number"),
    ({"application_rules": [RULE | {"threshold": None}]}, "eligibility.application_rules.0.threshold", "required"),
    ({"application_rules": [RULE | {"period": None}]}, "eligibility.application_rules.0.period", "required"),
    (
        {"application_rules": [RULE, RULE | {"period": {"unit": "years", "length": 1}}]},
        "eligibility.application_rules.1.period.unit",
        "invalid_choice",
    ),
    (
        {"application_rules": [RULE | {"period": {"unit": "days"}}]},
        "eligibility.application_rules.0.period.length",
        "required",
    ),
    (
        {"application_rules": [RULE | {"period": {"unit": "days", "length": 0}}]},
        "eligibility.application_rules.0.period.length",
        "invalid_number",
    ),
    (
        {"application_rules": [RULE | {"counting": "once"}]},
        "eligibility.application_rules.0.counting",
        "invalid_choice",
    ),
    (
        {"application_rules": [RULE | {"line_item_rules": every(condition("town", "is", "x"))}]},
        "eligibility.application_rules.0.line_item_rules.rules.0.attribute",
        "unknown_attribute",
    ),
]


@pytest.mark.parametrize(("eligibility", "path", "code"), REFUSED_ELIGIBILITY)
def test_a_wrong_eligibility_is_refused_by_its_path(eligibility: dict[str, Any], path: str, code: str) -> None:
    assert refused(eligibility=eligibility) == [(path, code)]


def test_a_rule_counts_until_reached_and_over_everything_unless_said_otherwise() -> None:
    assert check(eligibility={"application_rules": [RULE]}).eligibility["application_rules"] == [
        RULE | {"line_item_rules": None, "counting": "reached"}
    ]
    promotion = RULE | {"period": {"unit": "promotion"}}
    (rule,) = check(eligibility={"application_rules": [promotion]}).eligibility["application_rules"]
    assert rule["period"] == {"unit": "promotion", "length": None}


def test_rows_of_other_tables_are_named_with_their_paths() -> None:
    outcome = {
        "offer": "gift",
        "product_selection": {"sets": [{"rules": every(condition("product", "is", "A"))}]},
    }
    eligibility = {
        "customer_rules": every(condition("groups", "is", "vip")),
        "control_group": {"group": "held", "percentage": "5"},
    }
    definition = check("redeem_offer", outcome=outcome, eligibility=eligibility)
    assert set(definition.references) == {
        Reference(kind="offer", key="gift", path="outcome.offer"),
        Reference(kind="product", key="A", path="outcome.product_selection.sets.0.rules.rules.0.value"),
        Reference(kind="group", key="vip", path="eligibility.customer_rules.rules.0.value"),
        Reference(kind="group", key="held", path="eligibility.control_group.group"),
    }


def test_without_a_catalogue_products_are_selected_by_sku_alone() -> None:
    def selected(rules: dict[str, Any]) -> dict[str, Any]:
        return with_outcome(product_selection={"sets": [{"rules": rules}]}) | {"catalogue_enabled": False}

    check(**selected(sku("A", "B")))
    at = "outcome.product_selection.sets.0.rules"
    for attribute, value in (("category", "tea"), ("product_brand", "x"), ("quantity", 2), ("labels", "x")):
        rules = every(condition("sku", "is", "A"), every(condition(attribute, "is", value)))
        assert refused(**selected(rules)) == [(f"{at}.rules.1.rules.0.attribute", "catalogue_disabled")]


def test_without_a_catalogue_line_item_rules_know_what_the_line_carries() -> None:
    for attribute, value in (("category", "tea"), ("product_brand", "x"), ("quantity", 2), ("sku", "A")):
        check(eligibility={"line_item_rules": every(condition(attribute, "is", value))}, catalogue_enabled=False)
    tree = every(condition("profit_margin", "is", 5))
    assert refused(eligibility={"line_item_rules": tree}, catalogue_enabled=False) == [
        ("eligibility.line_item_rules.rules.0.attribute", "catalogue_disabled")
    ]
    assert refused(eligibility={"application_rules": [RULE | {"line_item_rules": tree}]}, catalogue_enabled=False) == [
        ("eligibility.application_rules.0.line_item_rules.rules.0.attribute", "catalogue_disabled")
    ]


def test_the_inserts_are_those_specified() -> None:
    assert set(ACTIVITY_INSERTS) == {"promotion_name", "currency", "spend", "site_name"}
    numbered = {f"{name}_{n}" for name in ("link_url", "anchor_text", "image_url", "alt_text") for n in "123"}
    assert set(MESSAGE_INSERTS) == numbered | {
        "promotion_name",
        "short_description",
        "long_description",
        "confirmation_message",
        "terms_and_conditions",
    }


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("activity_description", "{{ promotion_name }} {{currency}} {{  spend  }} {{ site_name }}", True),
        ("activity_description", "{{ link_url_1 }}", False),
        ("activity_description", "{{ Spend }}", False),
        ("activity_description", "{{ }}", False),
        ("activity_description", "{{{ spend }}}", False),
        ("activity_description", "{{ spend|safe }}", False),
        ("activity_description", "a } b { c", True),
        ("redemption_message", "".join(f"{{{{ {name} }}}}" for name in MESSAGE_INSERTS), True),
        ("redemption_message", "{{ link_url_4 }}", False),
        ("redemption_message", "{{ spend }}", False),
        ("redemption_message", "<p>{{ promotion_name }}</p>{{\n nonsense }}", False),
        ("redemption_message_subject", "{{ promotion_name }}", True),
        ("redemption_message_subject", "{{ spend }}", False),
    ],
)
def test_an_unknown_insert_is_refused(name: str, text: str, accepted: bool) -> None:
    fields = with_outcome(**{name: text})
    if accepted:
        assert check(**fields).outcome[name] == text
    else:
        assert refused(**fields) == [(f"outcome.{name}", "unknown_insert")]


ADDRESSES = [
    ("https://example.com/a?b=c#d", True),
    ("HTTPS://example.com", True),
    ("http://example.com", False),
    ("//example.com", False),
    ("example.com", False),
    ("https://", False),
    ("https:///path", False),
    ("javascript:alert(1)", False),
    ("data:text/html,x", False),
    ('https://example.com/"onerror=', False),
    ("https://example.com/<script>", False),
    ("https://[bad", False),
]


@pytest.mark.parametrize(
    "address", ["https://exa mple.com", "https://example.com/two words", "https://example.com/a\u00a0b"]
)
@pytest.mark.parametrize(("name", "text"), [("links", "anchor_text"), ("images", "alt_text")])
def test_an_address_with_a_blank_is_called_that(name: str, text: str, address: str) -> None:
    content = {name: [{"url": address, text: "Here"}]}
    assert refused(content=content) == [(f"content.{name}.0.url", "blank_in_address")]


@pytest.mark.parametrize(("address", "accepted"), ADDRESSES)
@pytest.mark.parametrize(("name", "text"), [("links", "anchor_text"), ("images", "alt_text")])
def test_links_and_images_are_https_only(name: str, text: str, address: str, accepted: bool) -> None:
    content = {name: [{"url": address, text: "Here"}]}
    if accepted:
        assert check(content=content).content[name] == [{"url": address, text: "Here"}]
    else:
        assert refused(content=content) == [(f"content.{name}.0.url", "invalid_url")]


@pytest.mark.parametrize(
    ("content", "path", "code"),
    [
        ({"links": [{"url": "https://a.example"}] * 4}, "content.links", "max_length"),
        ({"links": [{"anchor_text": "Here"}]}, "content.links.0.url", "required"),
        ({"images": [{"url": "https://a.example", "title": "x"}]}, "content.images.0.title", "unknown_field"),
        ({"short_description": "x" * 501}, "content.short_description", "max_length"),
        ({"short_description": 5}, "content.short_description", "invalid"),
        ({"long_description": "a\x00b"}, "content.long_description", "invalid"),
        ({"headline": "x"}, "content.headline", "unknown_field"),
    ],
)
def test_wrong_content_is_refused_by_its_path(content: dict[str, Any], path: str, code: str) -> None:
    assert refused(content=content) == [(path, code)]


def test_problems_of_all_documents_are_reported_at_once() -> None:
    problems = refused(outcome={"points": 0}, eligibility={"always_apply": 1}, content={"x": 1})
    assert problems == [
        ("outcome.points", "invalid_number"),
        ("eligibility.always_apply", "invalid"),
        ("content.x", "unknown_field"),
    ]
