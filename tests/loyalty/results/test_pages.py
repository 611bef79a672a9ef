"""The pages of results: what they show, of whom, and with how many statements."""

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consumers.choices import StaffRole
from consumers.models import Site
from loyalty.services.results.count import results_count
from promotions.models import Promotion
from tests.consumers.admin.office import log_in
from tests.consumers.builders import take_away
from tests.loyalty.till.shop import Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

RANKING_QUERIES = 8
MARCH = "&first=2026-03-01&last=2026-03-07"


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    shop.member("d")
    shop.product("TEA", cost_price="1.00")
    for number in range(2, 8):
        Site.objects.create(account=shop.account, number=f"00{number}", name=f"York {number}", town="York")
    shop.discount("d", make_set(products=["TEA"]), value="10", total_redemption_limit=8)
    return shop


@pytest.fixture
def client(shop: Shop) -> Client:
    return log_in(shop.account, role=StaffRole.MARKETER, username="mary").client


def promotion(code: str = "d") -> Promotion:
    return Promotion.objects.get(code=code)


def words(response: Any) -> str:
    """Return the visible text of a page."""
    assert response.status_code == 200, response.status_code
    body = re.sub(r"<(script|svg|head)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def page(client: Client, query: str = "") -> Any:
    return client.get(f"/admin/results-of/?promotion={promotion().pk}{query}")


def sell(shop: Shop) -> None:
    shop.sell("A", sold=[make_line("TEA", "2", "10.00")])
    shop.sell("B", sold=[make_line("TEA", "3", "10.00")], site="002", occurred_at="2026-03-05T12:00:00Z", consumer="d")
    shop.give_back("B", "R1", TEA="1")
    results_count(clock=timezone.now)


def test_a_promotions_page_shows_tiles_days_sites_and_what_is_left_of_its_limit(shop: Shop, client: Client) -> None:
    sell(shop)
    text = words(page(client, MARCH))
    assert "Baskets 2 before: 0" in text
    assert "Redemptions 5 returned: 1 before: 0" in text
    assert "Customers 2 each counted once" in text
    assert "Cost 5.00 GBP returned: 1.00 GBP" in text
    assert "Sales with it 45.00 GBP" in text
    assert "Thu 5 Mar 2026 1 3 3.00 GBP 27.00 GBP" in text
    assert "York 2 002 1 3 3.00 GBP 27.00 GBP" in text
    assert "Redemptions in total: 4 of 8 used, 4 left (50%)" in text
    assert "As of" in text
    assert "lift" not in text.replace("Programme uplift", "").lower()


def test_days_are_drawn_as_bars_without_script_or_style(shop: Shop, client: Client) -> None:
    sell(shop)
    content = page(client, MARCH).content.decode()
    charts = re.findall(r'<svg viewBox="0 0 168 100".*?</svg>', content, flags=re.DOTALL)
    assert [len(re.findall("<rect", chart)) for chart in charts] == [7, 7]
    assert 'height="100.0"><title>Thu 5 Mar 2026: 3.00 GBP</title>' in charts[0]
    assert "style=" not in "".join(charts)


def test_few_days_are_bars_of_the_usual_width(shop: Shop, client: Client) -> None:
    sell(shop)
    content = page(client, "&first=2026-03-05&last=2026-03-05").content.decode()
    assert content.count('<svg viewBox="0 0 24 100" preserveAspectRatio="xMinYMid meet"') == 2
    assert content.count("<span>Thu 5 Mar 2026</span>") == 2, "its day is named once for each chart"
    assert page(client, MARCH).content.decode().count('preserveAspectRatio="none"') == 2, "a week fills the width"


def test_a_promotions_page_says_who_pays(shop: Shop, client: Client) -> None:
    sell(shop)
    assert "Who pays Party Cost Returned You 5.00 GBP 1.00 GBP" in words(page(client, MARCH))
    assert "By ledger class" not in words(page(client, MARCH)), "none is given"
    acme = [{"party": "Acme", "share": "20"}]
    shop.discount("paid", make_set(products=["TEA"]), value="10", always_apply=True, funding=acme, ledger_class="4711")
    shop.sell("C", sold=[make_line("TEA", "1", "10.00")])
    results_count(clock=timezone.now)
    text = words(client.get(f"/admin/results-of/?promotion={promotion('paid').pk}&period=all"))
    assert "Who pays Party Cost Returned Acme 0.18 GBP 0.00 GBP You 0.72 GBP 0.00 GBP" in text
    assert "By ledger class Ledger class Cost Returned 4711 0.90 GBP 0.00 GBP" in text


def test_an_empty_page_says_what_comes_and_when(shop: Shop, client: Client) -> None:
    assert "Results appear here within a minute of the first sale with it." in words(page(client))
    sell(shop)
    assert "Show all since its start" in words(page(client, "&first=2025-01-01&last=2025-01-02"))
    assert "“From” is after “To”" in words(page(client, "&first=2026-03-09&last=2026-03-02"))


def test_all_sites_are_a_file(shop: Shop, client: Client) -> None:
    sell(shop)
    response = page(client, f"{MARCH}&file=csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [(row["site"], row["site_name"], row["redemptions"], row["returned_cost"]) for row in rows] == [
        ("001", Site.objects.get(number="001").name, "2", "0.00"),
        ("002", "York 2", "3", "1.00"),
    ]


def test_the_page_is_of_the_own_account_and_of_families_that_somebody_may_see(shop: Shop, client: Client) -> None:
    other = make_shop("other")
    stranger = log_in(other.account, role=StaffRole.ADMINISTRATOR, username="zoe").client
    assert page(stranger).status_code == 404
    user = shop.account.staff_memberships.get(user__username="mary")
    take_away(user, "Discounts")
    assert page(client).status_code == 403


def test_the_form_leads_to_the_results_and_back(shop: Shop, client: Client) -> None:
    form = f"/admin/promotions/discount/{promotion().pk}/change/"
    assert f'href="/admin/results-of/?promotion={promotion().pk}">Results</a>' in client.get(form).content.decode()
    assert f'href="{form}#limits">Limits</a>' in page(client).content.decode()


def test_the_page_needs_the_same_statements_whatever_it_shows(shop: Shop, client: Client) -> None:
    sell(shop)
    with CaptureQueriesContext(connection) as few:
        page(client, MARCH)
    for number in range(3, 8):
        shop.sell(f"S{number}", sold=[make_line("TEA", "1", "10.00")], site=f"00{number}")
    results_count(clock=timezone.now)
    with CaptureQueriesContext(connection) as many:
        page(client, MARCH)
    assert len(few) == len(many) == 19


def test_all_promotions_are_ranked_filtered_and_a_file(shop: Shop, client: Client) -> None:
    shop.promotion("p", outcome={"points": 50})
    sell(shop)
    address = "/admin/results/?first=2026-03-01&last=2026-03-07"
    text = words(client.get(address))
    assert "2 promotions and discounts with results" in text
    assert text.index("d · Discount: Percentage") < text.index("p · Loyalty promotion: Fixed points")
    turned = words(client.get(f"{address}&sort=cost"))
    assert turned.index("p · Loyalty promotion") < turned.index("d · Discount")
    assert "d · Discount" not in words(client.get(f"{address}&kind=loyalty"))
    assert "Clear filters" in words(client.get(f"{address}&q=nothing"))
    rows = list(csv.DictReader(io.StringIO(client.get(f"{address}&file=csv").content.decode("utf-8-sig"))))
    assert [(row["code"], row["family"], row["cost"]) for row in rows] == [
        ("d", "discount", "5.00"),
        ("p", "loyalty", "1.00"),
    ]
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    assert len(queries) == RANKING_QUERIES


def test_the_list_shows_cost_and_sales_and_sorts_by_them(shop: Shop, client: Client) -> None:
    shop.discount("never", make_set(products=["TEA"]), value="10")
    sell(shop)
    for order in ("7", "-8"):
        text = words(client.get(f"/admin/promotions/discount/?o={order}"))
        assert "5.00 GBP" in text
        assert "45.00 GBP" in text


def test_the_list_rounds_cost_and_sales_to_cents(shop: Shop, client: Client) -> None:
    shop.sell("A", sold=[make_line("TEA", "1", "3.45")])
    results_count(clock=timezone.now)
    text = words(client.get("/admin/promotions/discount/"))
    assert "0.35 GBP" in text
    assert "3.10 GBP" in text


def test_a_budget_says_what_is_left_of_it(shop: Shop, client: Client) -> None:
    Promotion.objects.filter(code="d").update(budget_amount=10_000, budget_used=2_500)
    assert "Budget: 25.00 of 100.00 GBP used, 75.00 left (25%)" in words(page(client))
