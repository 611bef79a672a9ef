"""The page after the log-in: what matters today."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consumers.choices import StaffRole
from loyalty.models import LedgerEntry, RedemptionMessage, Voucher
from promotions.models import Campaign, Promotion
from tests.consumers.admin.office import Office, fill, log_in, make_office, save_discount, save_promotion, sell
from tests.consumers.builders import make_role

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    new_office = make_office()
    fill(new_office.account)
    return new_office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def page(office: Office) -> str:
    return str(office.page("index").content.decode())


def chart(office: Office, title: str) -> list[int]:
    """Return the values of a chart; the last is today's."""
    (matching_chart,) = [chart for chart in office.page("index").context["charts"] if chart.title == title]
    return [bar.value for bar in matching_chart.bars]


def test_points_and_vouchers_are_charted_by_day(office: Office) -> None:
    given = sum(entry.points for entry in LedgerEntry.objects.filter(account=office.account))
    assert given > 0
    assert chart(office, "Points issued") == [0] * 13 + [given]
    assert chart(office, "Vouchers issued") == [0] * 13 + [Voucher.objects.filter(account=office.account).count()]


def test_days_follow_the_accounts_time_zone_and_deductions_are_not_issued() -> None:
    office = make_office("auckland", time_zone="Pacific/Auckland")
    fill(office.account)
    sold = LedgerEntry.objects.filter(account=office.account)
    issued = sum(entry.points for entry in sold)
    midnight = timezone.now().astimezone(office.account.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    entry = sold.first()
    assert entry is not None
    for points, at in ((7, midnight - timedelta(minutes=1)), (-3, midnight + timedelta(seconds=1))):
        LedgerEntry.objects.create(
            account=office.account, consumer=entry.consumer, points=points, kind="adjustment", at=at, created_at=at,
            reference=str(points),
        )  # fmt: skip
    assert chart(office, "Points issued")[-2:] == [7, issued]


def test_each_chart_has_a_table_too(office: Office) -> None:
    assert page(office).count('<table class="chart-table">') == 2


def test_an_account_without_activity_says_so() -> None:
    assert page(make_office("new")).count("None in the last 14 days.") == 2


def test_a_limit_that_is_nearly_used_up_is_shown_and_others_are_not(office: Office) -> None:
    for code, used in (("almost", 80), ("half", 79), ("over", 200)):
        save_promotion(office.account, code=code, name=f"Named {code}", eligibility={"total_redemption_limit": 100})
        Promotion.objects.filter(code=code).update(total_redemption_limit=None)
        Promotion.objects.filter(code=code).update(redemptions=used)
        Promotion.objects.filter(code=code).update(total_redemption_limit=100)
    lists = {table["title"]: [row["name"] for row in table["rows"]] for table in office.page("index").context["lists"]}
    assert lists["Close to their limit"] == ["Named over", "Named almost"]


def test_a_very_large_limit_is_accepted(office: Office) -> None:
    save_promotion(office.account, code="huge", eligibility={"total_redemption_limit": 2_000_000_000})
    lists = {table["title"]: table["rows"] for table in office.page("index").context["lists"]}
    assert lists["Close to their limit"] == []


def test_budgets_that_run_out_are_said_in_words_and_lead_to_their_promotion(office: Office) -> None:
    spent = {"cut": 10_000, "honour": 10_730, "refuse": 9_490}
    for when_short, used in spent.items():
        save_discount(office.account, code=when_short, budget={"amount": "100.00", "when_short": when_short})
        Promotion.objects.filter(code=when_short).update(budget_used=used)
    for number in range(4):
        save_promotion(office.account, code=f"p{number}", budget={"amount": "2000"})
        Promotion.objects.filter(code=f"p{number}").update(budget_used=1_600 + number)
    campaign = Campaign.objects.create(
        account=office.account, code="autumn", name="Autumn", budget_amount=50_000, budget_used=50_000
    )
    Promotion.objects.filter(code="p0").update(campaign=campaign)
    (budgets,) = [rows for rows in office.page("index").context["lists"] if rows["title"] == "Budgets that run out"]
    assert [(row["fact"], row["note"]) for row in budgets["rows"][:5]] == [
        ("107% used", "Used up: 107.30 of 100.00 GBP given."),
        ("100% used", "Used up: 100.00 of 100.00 GBP given."),
        ("campaign, 100% used", "Used up: 500.00 of 500.00 GBP given."),
        ("94% used", "5.10 of 100.00 GBP left."),
        ("80% used", "400 of 2,000 points left."),
    ]
    html = page(office)
    discount = Promotion.objects.get(code="honour")
    assert f'href="/admin/promotions/discount/{discount.pk}/change/">{discount.name}</a>' in html
    # None is left out: those that do not fit are folded.
    assert len(budgets["rows"] + budgets["folded"]) == 8
    assert "Show 3 more" in html
    assert f'href="/admin/promotions/campaign/{campaign.pk}/change/">Autumn</a>' in html
    listed = office.page("promotions_discount_changelist").content.decode()
    assert "Budget: 94.90 of 100.00 GBP" in listed
    refuse = Promotion.objects.get(code="refuse")
    assert "94.90 of 100.00 GBP</dd>" in office.page("promotions_discount_change", refuse.pk).content.decode()


def test_messages_that_wait_for_a_person_are_listed(office: Office) -> None:
    assert "attention" not in page(office)
    sell(office.account, reference="one-more", consumer="acme-c1")
    message = RedemptionMessage.objects.filter(account=office.account).first()
    assert message is not None
    RedemptionMessage.objects.filter(pk=message.pk).update(state="uncertain")
    (trouble,) = office.page("index").context["trouble"]
    assert trouble["count"] == 1
    listed = office.client.get(trouble["address"])
    assert [row.pk for row in listed.context["cl"].result_list] == [message.pk]
    assert "1 message needs attention:" in page(office)
    assert "attention" not in page(make_office("other"))


@pytest.mark.parametrize(
    ("grants", "pages"),
    [
        (["Products.see"], {"Shop": ["Products"]}),
        (["Staff.see", "Sites.see"], {"Shop": ["Sites"], "Settings": ["Staff", "Roles"]}),
        (["ConflictManagement.see"], {"Promotions": ["Try a basket", "Conflict management"]}),
    ],
)
def test_without_anything_to_show_it_leads_to_the_pages_of_the_role(
    office: Office, grants: list[str], pages: dict[str, list[str]]
) -> None:
    role = make_role(office.account, *grants, title="Few")
    overview = log_in(office.account, role=role.title, username="few").page("index")
    chapters = overview.context["chapters"]
    assert {chapter["title"]: [page["title"] for page in chapter["pages"]] for chapter in chapters} == pages
    html = overview.content.decode()
    assert "Choose a page to start" in html
    for chapter in chapters:
        for row in chapter["pages"]:
            # In the sidebar and on the page.
            assert html.count(f'href="{row["link"]}"') >= 2


def test_a_role_without_pages_says_so_and_a_role_with_something_to_show_shows_it(office: Office) -> None:
    for title, grants, words in (
        ("None", [], "Your role has no pages yet"),
        ("Vouchers", ["Vouchers.see"], "Vouchers issued"),
        ("Discounts", ["Discounts.see"], "Active now"),
        ("Consumers", ["Consumers.see"], "Points issued"),
    ):
        role = make_role(office.account, *grants, title=title)
        html = page(log_in(office.account, role=role.title, username=title))
        assert words in html
        assert "Choose a page to start" not in html


@pytest.mark.parametrize("role", StaffRole)
def test_each_role_sees_the_charts_it_may(office: Office, role: StaffRole) -> None:
    overview = office.login(role).page("index")
    user = overview.wsgi_request.user
    allowed = {"Points issued": "loyalty.view_ledgerentry", "Vouchers issued": "loyalty.view_voucher"}
    assert [chart.title for chart in overview.context["charts"]] == [
        title for title, permission in allowed.items() if user.has_perm(permission)
    ]
    assert ("trouble" in overview.context) == user.has_perm("loyalty.view_redemptionmessage")


def test_counts_have_their_singular(office: Office) -> None:
    text = " ".join(page(office).split())
    for phrase in ("transaction, last 7 days (1 consumer)", "promotion points, last 7 days (plus "):
        assert phrase in text
    sell(office.account, reference="one-more", consumer="acme-c1")
    assert "transactions, last 7 days (1 consumer)" in " ".join(page(office).split())
