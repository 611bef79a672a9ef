"""Promotions made in the admin forms change what the till is answered."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from consumers.author import Author
from consumers.choices import KeyRole
from consumers.models import Account
from consumers.services.account import api_key_create
from consumers.services.consumer import ConsumerValues, LoyaltyValues, consumers_save
from consumers.services.site import SiteValues, sites_save
from loyalty.choices import Benefit
from loyalty.services.rewards.offer import OfferValues, offers_save
from promotions.services.personalized.assignments import ConsumerProducts, personalized_lists_assign
from promotions.services.personalized.lists import personalized_list_select
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from tests.browser.conftest import Desk, publish
from tests.consumers.builders import Api

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NO_PROMOTIONS: dict[str, Any] = {"points": 0, "discount": "0.00", "applied": []}


def make_till(account: Account) -> Api:
    """Fill an account with products, a member, an offer and a personalized list; return its till."""
    now = timezone.now()
    sites_save(account_id=account.pk, rows=[SiteValues(number="001", name="Leeds")])
    products_save(
        account_id=account.pk,
        rows=[ProductValues(sku=sku, name=sku, retail_price=Decimal(3)) for sku in ("tea", "mug")],
    )
    member = LoyaltyValues(enrolled_on=date(2025, 1, 1))
    consumers_save(account_id=account.pk, rows=[ConsumerValues(consumer_id="ann", last_name="Ann", loyalty=member)])
    offer = OfferValues(code="gift", name="A gift", benefit=Benefit.AMOUNT, value=Decimal(5))
    offers_save(account_id=account.pk, rows=[offer], author=Author(), at=now)
    pick = PersonalizedPromotionValues(backend_id="pick", name="Pick yours", maximum_distinct_products=1)
    personalized_promotions_save(account_id=account.pk, rows=[pick], author=Author(), at=now)
    lists = [ConsumerProducts(consumer_id="ann", products=["tea", "mug"])]
    personalized_lists_assign(account_id=account.pk, backend_id="pick", rows=lists)
    _, key = api_key_create(account_id=account.pk, name="Till", role=KeyRole.TILL)
    return Api(key)


def promotions_applied(till: Api, sku: str = "tea") -> dict[str, Any]:
    """Evaluate two units at 3.00 for the member; return promotion points, discount and the promotions applied."""
    line = {"line_id": "1", "sku": sku, "quantity": "2", "unit_price_inc_tax": "3.00"}
    answer = till.post(
        "baskets/evaluate", {"site": "001", "currency": "GBP", "consumer": "ann", "lines": [line]}
    ).json()
    return {
        "points": answer["points"]["promotion"],
        "discount": answer["discount_total"],
        "applied": [
            (promotion["type"], len(promotion["vouchers"]), promotion["redemptions"]) for promotion in answer["applied"]
        ],
    }


def begin_promotion(desk: Desk, family: str, card: str, name: str, tab: str) -> Page:
    """Open the form of a promotion type, enter the name and open a tab; the promotion starts now."""
    page = desk.open(f"{family}/add/")
    page.get_by_role("link", name=card).click()
    page.locator("#id_name").fill(name)
    page.get_by_role("tab", name=tab).click()
    return page


def fixed_points(page: Page) -> None:
    page.locator("#id_points").fill("50")


def points_multiplier(page: Page) -> None:
    page.locator("#id_multiplier").fill("3")


def bonus_points(page: Page) -> None:
    page.locator("#id_conversion_points").fill("4")
    page.locator("#id_conversion_units").fill("1")


def redeem_offer(page: Page) -> None:
    page.get_by_role("combobox", name="Personalised offer to be redeemed").click()
    page.keyboard.type("gift")
    page.keyboard.press("Enter")
    expect(page.locator("#id_offer")).to_have_value("gift")


@pytest.mark.parametrize(
    ("card", "outcome", "expected"),
    [
        ("Fixed points", fixed_points, {"points": 50, "applied": [("fixed_points", 0, 1)]}),
        ("Points multiplier", points_multiplier, {"points": 12, "applied": [("points_multiplier", 0, 1)]}),
        ("Bonus points", bonus_points, {"points": 24, "applied": [("bonus_points", 0, 1)]}),
        ("Redeem offer", redeem_offer, {"points": 0, "applied": [("redeem_offer", 0, 1)]}),
    ],
)
def test_a_loyalty_promotion_of_each_type_made_in_the_form_applies_at_the_till(
    new_desk: Desk, card: str, outcome: Callable[[Page], None], expected: dict[str, Any]
) -> None:
    till = make_till(new_desk.office.account)
    assert promotions_applied(till) == NO_PROMOTIONS
    page = begin_promotion(new_desk, "loyalty/loyaltypromotion", card, "Made by hand", "Outcome")
    outcome(page)
    publish(page)
    expect(page.get_by_role("row", name="Made by hand")).to_contain_text("Active")
    assert promotions_applied(till) == {**NO_PROMOTIONS, **expected}


def test_a_personalized_discount_made_in_the_form_applies_at_the_till(new_desk: Desk) -> None:
    account = new_desk.office.account
    till = make_till(account)
    assert (promotions_applied(till, "tea"), promotions_applied(till, "mug")) == (NO_PROMOTIONS, NO_PROMOTIONS)
    page = begin_promotion(new_desk, "promotions/discount", "Percentage off", "Your favourites", "Discount")
    page.get_by_label("Percentage off").fill("50")
    page.get_by_role("button", name="Add personalized promotion").click()
    row = page.locator("[data-row]:visible").first
    row.get_by_label("Personalized promotion", exact=True).select_option("pick")
    publish(page)
    expect(page.get_by_role("row", name="Your favourites")).to_contain_text("Active")
    half = {**NO_PROMOTIONS, "discount": "3.00", "applied": [("percentage", 0, 2)]}
    assert (promotions_applied(till, "tea"), promotions_applied(till, "mug")) == (half, half), (
        "as long as nothing is chosen, all of the list"
    )
    personalized_list_select(account_id=account.pk, backend_id="pick", consumer_id="ann", products=["mug"])
    assert (promotions_applied(till, "tea"), promotions_applied(till, "mug")) == (NO_PROMOTIONS, half)


def test_drafts_and_stopped_promotions_do_not_apply_at_the_till(new_desk: Desk) -> None:
    till = make_till(new_desk.office.account)
    page = begin_promotion(new_desk, "loyalty/loyaltypromotion", "Fixed points", "Later", "Outcome")
    fixed_points(page)
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("link", name="Later").first.click()
    assert promotions_applied(till) == NO_PROMOTIONS
    publish(page)
    expect(page.get_by_text("Active, with no end date.").first).to_be_visible()
    assert promotions_applied(till)["points"] == 50
    page.get_by_role("link", name="Later").first.click()
    page.get_by_role("link", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop promotion").click()
    expect(page.get_by_text("Stopped on").first).to_be_visible()
    assert promotions_applied(till) == NO_PROMOTIONS
