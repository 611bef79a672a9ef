"""The sentence above the form of a discount."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from promotions.admin.discount.summary import describe_discount
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
                "consumers who buy 2 of “T-shirts” and 1 of T1, T2, T3 and 2 more get 50% off 1 of T1, T2, T3 and 2 "
                "more, at most once in a transaction."
            ),
        ),
        (
            "amount",
            {"value": "10", "product_sets": [ORDER]},
            {},
            "consumers who buy any product for at least 80.00 GBP get 10.00 GBP off all of any product.",
        ),
        (
            "amount",
            {"value": "5", "product_sets": [{**ORDER, "required_spend": "50", "repeats": True}]},
            {},
            (
                "consumers who buy any product for at least 50.00 GBP get 5.00 GBP off all of any product for every "
                "50.00 GBP spent on them."
            ),
        ),
        (
            "free_product",
            {"product_sets": [OWN]},
            {"line_item_rules": TEA},
            (
                "consumers, with a line item where Category is Tea, who buy 3 of their own products of “P”, get 1 of "
                "their own products of “P” free."
            ),
        ),
        ("fixed_price", {}, {}, "consumers who buy … get … for … together."),
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


def test_the_sentence_follows_an_unfinished_form(office: Office) -> None:
    address = f"{reverse('admin:promotions_discount_summary')}?type=percentage"
    answer = office.client.post(address, {**BLANK, **rows(EVERYTHING), "name": ""})
    assert answer.json()["words"].endswith("consumers who buy 1 of any product get 50% off 1 of any product.")
