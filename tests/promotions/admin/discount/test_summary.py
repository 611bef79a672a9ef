"""The sentence above the form of a discount."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from promotions.admin.discount.summary import describe_discount, discount_advice
from promotions.admin.editor.summary import PartialDefinition
from tests.consumers.admin.office import Office, make_office
from tests.promotions.admin.discount.discount_page import BLANK, EVERYTHING, rows

pytestmark = pytest.mark.django_db

TEA = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "Tea"}]}
SHIRTS = {"name": "T-shirts", "rules": None, "required_quantity": 2, "gets_discount": False}
TROUSERS = {"name": "", "products": ["T1", "T2", "T3", "T4", "T5"], "required_quantity": 1, "gets_discount": True}
ORDER = {"name": "", "rules": None, "required_spend": "80", "gets_discount": True}
OWN = {
    "name": "",
    "personalized_promotion": "P",
    "required_quantity": 3,
    "discounted_quantity": 1,
    "gets_discount": True,
}


@pytest.fixture
def office() -> Office:
    return make_office()


@pytest.mark.parametrize(
    ("kind", "outcome", "eligibility", "words"),
    [
        (
            "percentage",
            {"value": "50", "product_sets": [SHIRTS, TROUSERS]},
            {"transaction_redemption_limit": 1},
            (
                "customers get 50% off 1 unit of SKU T1, SKU T2, SKU T3 or 2 more for every bundle of 2 units of "
                "“T-shirts” (any product) and 1 unit of SKU T1, SKU T2, SKU T3 or 2 more they buy, cheapest units "
                "first, at most once per transaction."
            ),
        ),
        (
            "fixed_price",
            {"value": "5", "product_sets": [{**SHIRTS, "gets_discount": True}, TROUSERS]},
            {"transaction_redemption_limit": 2},
            (
                "customers get every bundle of 2 units of “T-shirts” (any product) and 1 unit of SKU T1, SKU T2, "
                "SKU T3 or 2 more they buy for 5.00 GBP, cheapest units first, at most twice per transaction."
            ),
        ),
        (
            "amount",
            {"value": "10", "product_sets": [ORDER]},
            {},
            "customers who spend at least 80.00 GBP get 10.00 GBP off the whole basket, once per transaction.",
        ),
        (
            "amount",
            {"value": "5", "product_sets": [{**ORDER, "required_spend": "50", "repeats": True}]},
            {},
            "customers get 5.00 GBP off for every full 50.00 GBP they spend.",
        ),
        (
            "free_product",
            {"product_sets": [OWN]},
            {"line_item_rules": TEA},
            (
                "identified customers whose basket contains Tea get 1 of every 3 units of products on their “P” list "
                "they buy free, cheapest units first."
            ),
        ),
        ("fixed_price", {}, {}, "customers get … for … for every … they buy."),
    ],
)
def test_a_discount_is_described_in_a_sentence(
    office: Office, kind: str, outcome: dict[str, Any], eligibility: dict[str, Any], words: str
) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    definition = PartialDefinition(
        type=kind, currency="GBP", starts_at=start, ends_at=None, outcome=outcome, eligibility=eligibility
    )
    assert describe_discount(office.account, definition) == f"From 1 Mar 2026, 00:00 UTC, {words}"


def test_conditions_that_choose_no_discounted_products_are_pointed_out() -> None:
    def advice(*sets: dict[str, Any], **eligibility: Any) -> str:
        return discount_advice(
            PartialDefinition(
                type="percentage",
                currency="GBP",
                starts_at=None,
                ends_at=None,
                outcome={"product_sets": list(sets)},
                eligibility=eligibility,
            )
        )

    everything = {"name": "", "rules": None, "required_quantity": 1, "gets_discount": True}
    words = "“Basket must contain” does not choose what is discounted: a product set here takes every product."
    assert advice(everything, line_item_rules=TEA) == words
    assert advice(everything) == advice(SHIRTS, TROUSERS, line_item_rules=TEA) == ""


def test_the_sentence_follows_an_unfinished_form(office: Office) -> None:
    address = f"{reverse('admin:promotions_discount_summary')}?type=percentage"
    answer = office.client.post(address, {**BLANK, **rows(EVERYTHING), "name": ""})
    assert answer.json()["words"].endswith("customers get 50% off every unit they buy.")
