"""The list above a promotion's form of what saving would change."""

import json
from typing import Any

import pytest
from django.urls import reverse

from consumers.choices import StaffRole
from promotions.choices import DiscountType
from promotions.models import Promotion
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion
from tests.loyalty.admin.promotion_page import form_values, values_of_form

pytestmark = pytest.mark.django_db

KENT = {"match": "all", "rules": [{"attribute": "county", "operator": "is", "value": "Kent"}]}
OUTCOMES: dict[str, Any] = {
    "fixed_points": {"points": 50, "redemption_message": "<p>Thanks for {{ promotion_name }}</p>"},
    "points_multiplier": {"multiplier": "1.50", "multiplier_scope": "line_items"},
    "bonus_points": {"issue_points_on": "currency", "conversion_points": 5, "conversion_units": "10.0"},
    "redeem_offer": {"offer": "acme-o1"},
}


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account)
    return office


def changes_shown(office: Office, promotion: Promotion, **values: Any) -> list[tuple[str, str, str]]:
    sent = {**form_values(office.client, promotion), **values}
    address = reverse("admin:loyalty_loyaltypromotion_summary")
    answer = office.client.post(f"{address}?id={promotion.pk}", sent)
    assert answer.status_code == 200
    return [(difference["label"], difference["before"], difference["after"]) for difference in answer.json()["changes"]]


@pytest.mark.parametrize("kind", OUTCOMES)
def test_an_unchanged_form_shows_no_changes(office: Office, kind: str) -> None:
    promotion = save_promotion(
        office.account,
        type=kind,
        outcome={
            **OUTCOMES[kind],
            "product_selection": {"match": "all", "sets": [{"name": "A", "rules": None, "units": 2}]},
        },
        eligibility={"site_rules": KENT, "control_group": {"group": "acme-g1", "percentage": "12.50"}},
        content={"links": [{"url": "https://shop.example/", "anchor_text": "Shop"}], "long_description": "<p>Hi</p>"},
    )
    assert changes_shown(office, promotion) == []


@pytest.mark.parametrize(
    ("kind", "shown"), [(DiscountType.PERCENTAGE, ("10", "12")), (DiscountType.AMOUNT, ("10.00", "12.00"))]
)
def test_an_unchanged_discount_shows_no_changes(office: Office, kind: str, shown: tuple[str, str]) -> None:
    discount = save_discount(office.account, discount_type=kind, conditions={"site_rules": KENT})
    page = office.page("promotions_discount_change", discount.pk)
    sent = values_of_form(page.context["adminform"].form, office.account.zone)
    address = f"{reverse('admin:promotions_discount_summary')}?id={discount.pk}"
    assert office.client.post(address, sent).json()["changes"] == []
    changed = office.client.post(address, {**sent, "value": "12"}).json()["changes"]
    assert [(difference["before"], difference["after"]) for difference in changed] == [shown]


def test_each_change_is_described_in_words(office: Office) -> None:
    promotion = save_promotion(office.account, eligibility={"customer_redemption_limit": 3})
    differences = changes_shown(
        office,
        promotion,
        name="Sixty points",
        points="60",
        customer_redemption_limit="",
        site_rules=json.dumps(KENT),
        short_description="Sixty!",
    )
    assert differences == [
        ("Name", "Fifty points", "Sixty points"),
        ("Points", "50", "60"),
        ("Site rules", "all sites qualify", "at sites in the county of Kent"),
        ("Customer redemption limit", "3", "–"),
        ("Short description", "–", "Sixty!"),
    ]


def test_invalid_values_are_not_listed_as_changes(office: Office) -> None:
    promotion = save_promotion(office.account)
    assert changes_shown(office, promotion, points="many", name="") == []
    assert changes_shown(office, promotion, points="60", site_rules="{", ends_at="never", name="Sixty") == [
        ("Name", "Fifty points", "Sixty")
    ]


def test_saving_adds_the_announced_version_and_past_sales_keep_theirs(office: Office) -> None:
    promotion = Promotion.objects.get(code="acme-fixed-1")
    page = office.page("loyalty_loyaltypromotion_change", promotion.pk).content.decode()
    assert "Redeemed once." in page
    assert "Saving creates version 2 for new baskets." in page
    used = promotion.applied.get().version
    sent = {**form_values(office.client, promotion), "points": "60", "_continue": "1"}
    office.post("loyalty_loyaltypromotion_change", promotion.pk, **sent)
    promotion.refresh_from_db()
    assert (promotion.version, promotion.applied.get().version) == (2, used)
    assert used.definition["outcome"]["points"] == 50


def test_a_viewer_changes_nothing(office: Office) -> None:
    promotion = save_promotion(office.account)
    viewer = office.login(StaffRole.VIEWER)
    address = f"{reverse('admin:loyalty_loyaltypromotion_summary')}?id={promotion.pk}"
    assert viewer.client.post(address, {}).json()["changes"] == []
