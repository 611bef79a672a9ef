"""Campaigns in the back office: their page and members, steps of all members, fields of promotions, and files."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from consumers.choices import StaffRole
from loyalty.models import Offer
from promotions.models import Campaign, Promotion
from tests.consumers.admin.files.builders import KINDS, confirm, export, file_of, preview, problem_texts, rows_of
from tests.consumers.admin.office import Office, make_office, save_discount, save_promotion
from tests.consumers.builders import take_away
from tests.loyalty.admin.promotion_page import PUBLISH, add, form_values

pytestmark = pytest.mark.django_db

ACME = [{"party": "Acme", "share": "60"}]
PARTY = {
    "funding-TOTAL_FORMS": "1",
    "funding-INITIAL_FORMS": "0",
    "funding-0-party": "Acme",
    "funding-0-share": "60.0",
}
CAMPAIGN = "promotions_campaign"


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    """A campaign with a promotion, a discount paid for by Acme, and a draft; and another account's."""
    made = make_office()
    Campaign.objects.create(account=made.account, code="summer", name="Summer", owner="Ada")
    save_promotion(made.account, code="points", name="Points in summer", campaign="summer")
    save_discount(made.account, code="ice", name="Ice for less", campaign="summer", funding=ACME, ledger_class="4711")
    save_promotion(made.account, code="draft", name="Later", draft=True, campaign="summer")
    save_promotion(made.account, code="alone", name="Alone")
    other = make_office("other")
    Campaign.objects.create(account=other.account, code="winter", name="Winter")
    save_promotion(other.account, code="elsewhere", campaign="winter")
    return made


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def campaign() -> Campaign:
    return Campaign.objects.get(code="summer")


def statuses() -> dict[str, str]:
    now = timezone.now()
    return {promotion.code: promotion.status_at(now).value for promotion in Promotion.objects.all()}


def step(office: Office, name: str, *codes: str, **values: Any) -> Any:
    named = list(Promotion.objects.filter(code__in=codes).values_list("pk", flat=True))
    return office.post(f"{CAMPAIGN}_{name}", campaign().pk, _selected_action=named, confirmed="yes", **values)


def test_a_campaign_is_added_searched_and_deleted(office: Office) -> None:
    answer = office.post(f"{CAMPAIGN}_add", code="easter", name="Easter", owner="Agency", description="")
    assert answer.status_code == 302
    listed = office.page(f"{CAMPAIGN}_changelist", query="?q=agency").content.decode()
    assert "Easter" in listed
    assert "Winter" not in office.page(f"{CAMPAIGN}_changelist").content.decode()
    easter = Campaign.objects.get(code="easter")
    assert office.post(f"{CAMPAIGN}_delete", easter.pk, post="yes").status_code == 302
    assert not Campaign.objects.filter(code="easter").exists()


def test_its_page_names_the_members_with_status_and_who_pays(office: Office) -> None:
    page = office.page(f"{CAMPAIGN}_change", campaign().pk)
    members = {member.code: member for member in page.context["members"]}
    assert set(members) == {"points", "ice", "draft"}
    assert (members["ice"].status, members["ice"].funding) == ("Active", "Acme 60%, you 40%")
    assert members["draft"].status == "Draft"
    assert members["points"].url in page.content.decode()


def test_members_of_a_family_that_somebody_may_not_see_are_not_named(office: Office) -> None:
    take_away(office.user.staff_memberships.get(), "Discounts")
    page = office.page(f"{CAMPAIGN}_change", campaign().pk)
    assert "Ice for less" not in page.content.decode()
    step(office, "duplicate", "ice", "points")
    assert set(Promotion.objects.filter(code__contains="-copy").values_list("code", flat=True)) == {"points-copy"}


def test_a_campaign_with_members_names_them_instead_of_being_deleted(office: Office) -> None:
    page = office.page(f"{CAMPAIGN}_delete", campaign().pk).content.decode()
    assert "Points in summer" in page
    office.post(f"{CAMPAIGN}_delete", campaign().pk, post="yes")
    assert Campaign.objects.filter(code="summer").exists()


def test_stopping_all_members_is_asked_about_once(office: Office) -> None:
    page = office.page(f"{CAMPAIGN}_stop", campaign().pk)
    assert page.context["title"] == "Stop 2 members of Summer?"
    assert [row["promotion"].code for row in page.context["skipped"]] == ["draft"]
    assert statuses()["points"] == "active"
    step(office, "stop", "points", "ice", "draft", "alone", "elsewhere", reason="Sold out")
    stopped = {code for code, status in statuses().items() if status == "stopped"}
    assert stopped == {"points", "ice"}
    assert Promotion.history.filter(code="ice", history_change_reason="Sold out").exists()


def test_a_member_that_the_question_did_not_name_is_left_alone(office: Office) -> None:
    step(office, "stop", "points")
    assert statuses()["ice"] == "active"


def test_all_members_are_duplicated_for_new_dates_and_stay_together(office: Office) -> None:
    step(office, "duplicate", "points", "ice", "draft", starts_at="2031-06-01T09:00", ends_at="2031-07-01T09:00")
    copies = Promotion.objects.filter(code__endswith="-copy")
    assert {copy.code for copy in copies} == {"points-copy", "ice-copy", "draft-copy"}
    assert all(copy.draft and copy.campaign_id == campaign().pk and copy.starts_at.year == 2031 for copy in copies)
    ice = copies.get(code="ice-copy")
    assert (ice.funding, ice.ledger_class) == (ACME, "4711")


def test_without_publishing_members_are_not_stopped(office: Office) -> None:
    take_away(office.user.staff_memberships.get(), "Publishing")
    assert step(office, "stop", "points").status_code == 403
    assert statuses()["points"] == "active"
    assert office.page(f"{CAMPAIGN}_duplicate", campaign().pk).status_code == 200


def test_a_campaign_of_another_account_has_no_page(office: Office) -> None:
    winter = Campaign.objects.get(code="winter")
    for name in ("stop", "duplicate"):
        assert office.post(f"{CAMPAIGN}_{name}", winter.pk, confirmed="yes").status_code == 404
    assert statuses()["elsewhere"] == "active"


def test_customer_service_takes_no_steps(office: Office) -> None:
    service = office.login(StaffRole.CUSTOMER_SERVICE)
    assert service.page(f"{CAMPAIGN}_change", campaign().pk).status_code == 200
    assert step(service, "stop", "points").status_code == 403


def test_the_form_of_a_promotion_has_campaign_and_who_pays(office: Office) -> None:
    answer = add(office.client, code="new", campaign="summer", ledger_class="4711", **PARTY)
    assert answer.status_code == 302
    saved = Promotion.objects.get(code="new")
    assert (saved.campaign, saved.funding, saved.ledger_class) == (campaign(), ACME, "4711")
    values = form_values(office.client, saved)
    address = reverse("admin:loyalty_loyaltypromotion_change", args=[saved.pk])
    assert office.client.post(address, {**values, "description": "More"}).status_code == 302
    saved.refresh_from_db()
    assert (saved.campaign, saved.funding, saved.version) == (campaign(), ACME, 2)


def test_shares_above_100_are_refused_in_the_form(office: Office) -> None:
    more = {**PARTY, "funding-TOTAL_FORMS": "2", "funding-1-party": "Globex", "funding-1-share": "41"}
    page = add(office.client, code="new", **more)
    assert page.status_code == 200
    assert "The shares are more than 100 together." in page.content.decode()
    twice = {**more, "funding-1-party": "ACME", "funding-1-share": "1"}
    assert "This party is named twice." in add(office.client, code="new", **twice).content.decode()


def test_without_campaigns_the_form_keeps_the_campaign_and_hides_its_name(office: Office) -> None:
    points = Promotion.objects.get(code="points")
    values = form_values(office.client, points)
    take_away(office.user.staff_memberships.get(), "Campaigns")
    address = reverse("admin:loyalty_loyaltypromotion_change", args=[points.pk])
    page = office.client.get(address).content.decode()
    assert "In a campaign" in page
    assert "Summer (summer)" not in page
    assert office.client.post(address, {**values, **PUBLISH, "campaign": ""}).status_code == 302
    points.refresh_from_db()
    assert points.campaign == campaign()


def test_lists_are_filtered_by_campaign(office: Office) -> None:
    listed = office.page("loyalty_loyaltypromotion_changelist", query="?campaign=summer").context["cl"].result_list
    assert {row.code for row in listed} == {"points", "draft"}
    none = office.page("loyalty_loyaltypromotion_changelist", query="?campaign=%2F").context["cl"].result_list
    assert {row.code for row in none} == {"alone"}


def test_the_calendar_is_filtered_and_grouped_by_campaign(office: Office) -> None:
    page = office.client.get(reverse("promotion_calendar"), {"group": "campaign"})
    groups = [(group.title, {bar.code for bar in group.bars}) for group in page.context["groups"]]
    assert [title for title, _ in groups] == ["Summer", "No campaign"]
    assert {"points", "ice"} <= groups[0][1]
    page = office.client.get(reverse("promotion_calendar"), {"campaign": "summer"})
    assert "alone" not in {bar.code for bar in page.context["bars"]}


def test_the_calendar_names_no_campaigns_to_who_may_not_see_them(office: Office) -> None:
    take_away(office.user.staff_memberships.get(), "Campaigns")
    page = office.client.get(reverse("promotion_calendar"), {"group": "campaign"})
    assert "Summer" not in page.content.decode().replace("Points in summer", "")
    assert page.context["groups"] == []


def test_the_history_of_a_promotion_names_campaign_and_parties(office: Office) -> None:
    points = Promotion.objects.get(code="points")
    values = form_values(office.client, points)
    address = reverse("admin:loyalty_loyaltypromotion_change", args=[points.pk])
    office.client.post(address, {**values, "campaign": "", **PARTY})
    page = office.page("loyalty_loyaltypromotion_history", points.pk).content.decode()
    assert "Summer" in page
    assert "Acme 60%, you 40%" in page


@pytest.mark.parametrize("kind", KINDS)
def test_campaign_funding_and_class_go_through_a_file(office: Office, kind: str) -> None:
    content = export(office, "promotions_discount", kind)
    [row] = rows_of(content, kind)
    assert (row["campaign"], row["ledger_class"]) == ("summer", "4711")
    assert preview(office, "promotions_discount", content, kind).context["result"].unchanged == 1
    Promotion.objects.get(code="ice").delete()
    confirm(office, "promotions_discount", content, kind)
    ice = Promotion.objects.get(code="ice")
    assert (ice.campaign, ice.funding, ice.ledger_class) == (campaign(), ACME, "4711")


def who_pays(row: Promotion | Offer) -> tuple[Any, ...]:
    return getattr(row, "campaign", None), row.funding, row.ledger_class


@pytest.mark.parametrize("kind", KINDS)
def test_without_campaign_funding_and_class_a_file_goes_out_and_in(office: Office, kind: str) -> None:
    Promotion.objects.filter(code__in=("points", "ice", "draft")).delete()
    save_discount(office.account, code="plain", name="Plain")
    Offer.objects.create(account=office.account, code="o", name="Coffee", currency="GBP", value=5)
    rows: dict[str, Any] = {
        "loyalty_loyaltypromotion": Promotion.objects.filter(code="alone"),
        "promotions_discount": Promotion.objects.filter(code="plain"),
        "loyalty_offer": Offer.objects.filter(code="o"),
        CAMPAIGN: Campaign.objects.filter(code="summer"),
    }
    for page, stored in rows.items():
        content = export(office, page, kind)
        answer = preview(office, page, content, kind)
        assert (answer.context["result"].unchanged, problem_texts(answer)) == (1, []), page
        stored.delete()
        confirm(office, page, content, kind)
        row = stored.get()
        assert page == CAMPAIGN or who_pays(row) == (None, [], ""), page


@pytest.mark.parametrize("kind", KINDS)
def test_empty_cells_clear_campaign_funding_and_class(office: Office, kind: str) -> None:
    Offer.objects.create(
        account=office.account, code="o", name="Coffee", currency="GBP", value=5, funding=ACME, ledger_class="9"
    )
    nothing: dict[str, Any] = {"campaign": None, "funding": [], "ledger_class": ""}
    for page in ("promotions_discount", "loyalty_offer"):
        [row] = rows_of(export(office, page, kind), kind)
        blank = {name: empty if kind == "json" else "" for name, empty in nothing.items() if name in row}
        confirm(office, page, file_of([{**row, **blank}], kind), kind)
    assert who_pays(Promotion.objects.get(code="ice")) == (None, [], "")
    assert who_pays(Offer.objects.get(code="o")) == (None, [], "")


def test_a_file_that_names_no_such_campaign_is_refused(office: Office) -> None:
    head = "code,type,name,starts_at,outcome.points,campaign\n"
    page = preview(office, "loyalty_loyaltypromotion", f"{head}a,fixed_points,A,2030-01-01 09:00,5,winter\n")
    assert problem_texts(page) == ["Row 2, campaign: There is no campaign winter."]


def test_a_file_without_the_columns_leaves_them_as_they_are(office: Office) -> None:
    confirm(office, "promotions_discount", "code,name\nice,Ice for much less\n")
    ice = Promotion.objects.get(code="ice")
    assert (ice.name, ice.campaign, ice.funding) == ("Ice for much less", campaign(), ACME)


def test_campaigns_have_a_file_of_their_own(office: Office) -> None:
    content = export(office, CAMPAIGN)
    assert preview(office, CAMPAIGN, content).context["result"].unchanged == 1
    confirm(office, CAMPAIGN, "code,name,owner\neaster,Easter,Ada\n")
    assert Campaign.objects.get(account=office.account, code="easter").owner == "Ada"


def test_the_form_of_a_campaign_has_its_budget_and_says_what_is_used(office: Office) -> None:
    values = {"code": "summer", "name": "Summer", "owner": "Ada", "description": ""}
    budget = {"total_budget": "10", "total_budget_when_short": "honour"}
    assert office.post(f"{CAMPAIGN}_change", campaign().pk, **values, **budget).status_code == 302
    assert campaign().budget == {"amount": "10.00", "when_short": "honour"}
    Campaign.objects.filter(code="summer").update(budget_used=400)
    page = office.page(f"{CAMPAIGN}_change", campaign().pk).content.decode()
    assert "Used: 4.00 GBP. Left: 6.00 GBP." in page
    assert "4.00 of 10.00 GBP" in office.page(f"{CAMPAIGN}_changelist").content.decode()
    assert office.post(f"{CAMPAIGN}_change", campaign().pk, **values).status_code == 302
    assert campaign().budget is None


def test_a_budget_that_the_service_refuses_is_said_at_its_field(office: Office) -> None:
    values = {"code": "summer", "name": "Summer", "owner": "Ada", "description": ""}
    page = office.post(f"{CAMPAIGN}_change", campaign().pk, **values, total_budget="10.001")
    assert list(page.context["adminform"].form.errors) == ["total_budget"]
    Promotion.objects.filter(code="ice").update(currency="EUR")
    page = office.post(f"{CAMPAIGN}_change", campaign().pk, **values, total_budget="10")
    assert list(page.context["adminform"].form.errors) == ["total_budget"]
    assert "another currency: ice." in page.content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaigns_budget_goes_through_a_file(office: Office, kind: str) -> None:
    budget = {"amount": "10.00", "when_short": "cut"}
    confirm(office, CAMPAIGN, 'code,budget\nsummer,"{""amount"": ""10"", ""when_short"": ""cut""}"\n')
    assert (campaign().budget, campaign().budget_amount) == (budget, 1000)
    content = export(office, CAMPAIGN, kind)
    assert preview(office, CAMPAIGN, content, kind).context["result"].unchanged == 1
    confirm(office, CAMPAIGN, "code,name\nsummer,Summer days\n")
    assert campaign().budget == budget
    page = preview(office, CAMPAIGN, 'code,budget\nsummer,"{""amount"": ""ten""}"\n')
    assert problem_texts(page) == ["Row 2, budget.amount: Must be a number such as 12.50."]


def test_offers_say_who_pays_in_form_and_file(office: Office) -> None:
    values = {"code": "o", "name": "Coffee", "kind": "personalised", "benefit": "amount", "value": "5", **PARTY}
    assert office.post("loyalty_offer_add", **values, ledger_class="9").status_code == 302
    offer = Offer.objects.get(code="o")
    assert (offer.funding, offer.ledger_class) == (ACME, "9")
    content = export(office, "loyalty_offer")
    assert preview(office, "loyalty_offer", content).context["result"].unchanged == 1
    confirm(office, "loyalty_offer", 'code,funding\no,"[{""party"": ""Acme"", ""share"": ""50""}]"\n')
    offer.refresh_from_db()
    assert (offer.funding, offer.ledger_class) == ([{"party": "Acme", "share": "50"}], "9")


def test_a_page_from_before_who_pays_was_asked_keeps_it(office: Office) -> None:
    paid = save_promotion(office.account, code="paid", draft=True, funding=ACME)
    sent = form_values(office.client, paid)
    older = {name: value for name, value in sent.items() if not name.startswith("funding-")} | {"name": "Ice cream"}
    assert office.post("loyalty_loyaltypromotion_change", paid.pk, **older).status_code == 302
    paid.refresh_from_db()
    assert (paid.name, paid.funding) == ("Ice cream", ACME)
