"""The Results tab of a campaign, and the ranking by campaign."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consumers.choices import StaffRole
from loyalty.services.results.count import results_count
from promotions.models import Campaign, Promotion
from tests.consumers.admin.office import log_in
from tests.consumers.builders import take_away
from tests.loyalty.results.test_pages import MARCH, words
from tests.loyalty.till.shop import Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

ACME = [{"party": "Acme", "share": "60"}]
CAMPAIGN_QUERIES = 20


@pytest.fixture
def shop() -> Shop:
    """A campaign of a discount that Acme pays a part of, a promotion, and a discount in euros; sold on two days."""
    shop = make_shop()
    shop.member()
    for sku in ("TEA", "BAP"):
        shop.product(sku)
    Campaign.objects.create(account=shop.account, code="summer", name="Summer")
    Campaign.objects.create(account=shop.account, code="old", name="Old times", archived=True)
    Campaign.objects.create(account=make_shop("other").account, code="theirs", name="Theirs")
    tea = make_set(products=["TEA"])
    shop.discount("tea", tea, value="10", campaign="summer", funding=ACME, ledger_class="4711")
    shop.discount("thé", tea, value="10", campaign="summer", currency="EUR")
    shop.discount("bap", make_set(products=["BAP"]), value="10")
    join(shop, "points")
    shop.sell("A", sold=[make_line("TEA", "2", "10.00"), make_line("BAP", "1", "5.00")])
    shop.sell("B", sold=[make_line("TEA", "1", "10.00")], occurred_at="2026-03-05T12:00:00Z")
    shop.give_back("B", "R1", TEA="1")
    results_count(clock=timezone.now)
    return shop


def join(shop: Shop, code: str) -> None:
    promotion = shop.promotion(code, outcome={"points": 50}, always_apply=True)
    promotion.campaign = Campaign.objects.get(code="summer")
    promotion.save(update_fields=["campaign"])


@pytest.fixture
def client(shop: Shop) -> Client:
    return log_in(shop.account, role=StaffRole.MARKETER, username="mary").client


def page(client: Client, code: str = "summer", query: str = MARCH) -> Any:
    return client.get(f"/admin/results-of-campaign/?campaign={Campaign.objects.get(code=code).pk}{query}")


def test_a_campaigns_page_adds_up_its_members_and_says_who_pays(client: Client) -> None:
    text = words(page(client))
    assert "Redemptions 5 returned: 2" in text
    assert "Customers 1 each counted once" in text
    assert "Cost 4.00 GBP discount, points by expected redemption, vouchers returned: 1.50 GBP" in text
    assert "Acme 1.80 GBP 0.60 GBP You 2.20 GBP 0.90 GBP" in text
    assert "4711 3.00 GBP 1.00 GBP No ledger class 1.00 GBP 0.50 GBP" in text
    tea = "tea tea · Percentage off 2 3 3.00 GBP 27.00 GBP 3.00 GBP 0"
    points = "points points · Fixed points 2 2 1.00 GBP"
    assert text.index(tea.replace("tea tea", "Discount tea tea")) < text.index(points)
    assert "Leeds 001" in text
    assert "Thu 5 Mar 2026" in text
    assert "Without 1 member in other currencies than GBP." in text
    assert "bap" not in text


def test_it_says_what_part_of_its_budget_is_used_whatever_the_period(shop: Shop, client: Client) -> None:
    assert "<progress" not in page(client).content.decode()
    Campaign.objects.filter(code="summer").update(budget_amount=10_00, budget_used=4_00)
    for query in (MARCH, "&first=2025-01-01&last=2025-01-02"):
        assert "Budget: 4.00 of 10.00 GBP used, 6.00 left (40%) 40% Too little was used in the last 4 weeks" in words(
            page(client, query=query)
        )
    Promotion.objects.update(ends_at=timezone.now())
    text = words(page(client))
    assert "6.00 left (40%) 40%" in text
    assert "Too little" not in text


def test_its_form_leads_to_the_results_and_back(client: Client) -> None:
    campaign = Campaign.objects.get(code="summer")
    form = f"/admin/promotions/campaign/{campaign.pk}/change/"
    address = f"/admin/results-of-campaign/?campaign={campaign.pk}"
    assert f'href="{address}">Results</a>' in client.get(form).content.decode()
    assert f'href="{form}#members">Members</a>' in page(client).content.decode()


def test_a_campaign_without_members_or_sales_says_what_to_do(client: Client) -> None:
    assert "Choose this campaign on the page of a promotion or discount." in words(page(client, "old"))
    empty = words(page(client, query="&first=2025-01-01&last=2025-01-02"))
    assert "No member was redeemed on these days. Show all since its start" in empty


def test_who_may_not_see_campaigns_or_a_family_sees_none_of_it(shop: Shop, client: Client) -> None:
    assert page(client, "theirs").status_code == 404
    assert client.get("/admin/results-of-campaign/?campaign=x").status_code == 404
    mary = shop.account.staff_memberships.get(user__username="mary")
    take_away(mary, "Discounts")
    text = words(page(client))
    assert "Without discounts, which you may not see." in text
    assert "Cost 1.00 GBP discount, points by expected redemption, vouchers returned: 0.50 GBP" in text
    assert "Acme" not in text
    take_away(mary, "Campaigns")
    assert page(client).status_code == 403
    assert "Summer" not in words(client.get("/admin/results/?period=all"))


def test_its_sites_are_a_file(client: Client) -> None:
    rows = list(csv.DictReader(io.StringIO(page(client, query=f"{MARCH}&file=csv").content.decode("utf-8-sig"))))
    assert [(row["site"], row["redemptions"], row["cost"]) for row in rows] == [("001", "5", "4.00")]


def test_its_statements_are_the_same_whatever_its_members(shop: Shop, client: Client) -> None:
    with CaptureQueriesContext(connection) as few:
        page(client)
    for number in range(3):
        join(shop, f"more-{number}")
    shop.sell("C", sold=[make_line("TEA", "1", "10.00")])
    results_count(clock=timezone.now)
    with CaptureQueriesContext(connection) as many:
        assert "more-2" in words(page(client))
    assert len(few) == len(many) == CAMPAIGN_QUERIES


def test_the_ranking_is_of_a_campaign(shop: Shop, client: Client) -> None:
    text = words(client.get("/admin/results/?period=all&campaign=summer"))
    assert "3 promotions and discounts with results" not in text
    assert "tea · Discount" in text
    assert "bap · Discount" not in text
    assert "bap · Discount" in words(client.get("/admin/results/?period=all&campaign=none-such"))
    assert "Old times" in text, "campaigns of the past can be compared too"
    assert "Theirs" not in text
    ranked = shop.call("get", "results?campaign=summer", role="manager").json()
    assert [row["key"] for row in ranked["rows"]] == ["tea", "points"]
    assert shop.call("get", "results?campaign=none-such", role="manager").json()["rows"] == []
