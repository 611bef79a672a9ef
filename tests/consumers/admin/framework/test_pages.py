"""The pages of account, sites, groups, consumers, staff and keys: forms over services."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from consumers.admin.site import SiteAdmin
from consumers.choices import KeyRole, StaffRole
from consumers.models import Account, ApiKey, Consumer, ConsumerGroup, Site, StaffMembership, User
from consumers.selectors import api_key_verified
from consumers.services.site import SiteValues, sites_save
from tests.consumers.admin.office import Office, fill, make_office, save_promotion

pytestmark = pytest.mark.django_db

NO_CARDS = {"cards-TOTAL_FORMS": "0", "cards-INITIAL_FORMS": "0"}
NO_RATES = {"earn_rates-TOTAL_FORMS": "0", "earn_rates-INITIAL_FORMS": "0"}


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def errors_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.status_code
    return dict(answer.context["adminform"].form.errors)


# --- sites and groups -----------------------------------------------------------------------------------------------


def test_a_site_is_added_and_changed_but_its_number_stays(office: Office) -> None:
    answer = office.post("consumers_site_add", number="001", name="Leeds", town="Leeds", time_zone="")
    assert answer.status_code == 302
    site = Site.objects.get(account=office.account)
    office.post("consumers_site_change", site.pk, number="999", name="Leeds 2", time_zone="Europe/Paris")
    site.refresh_from_db()
    assert (site.number, site.name, site.time_zone) == ("001", "Leeds 2", "Europe/Paris")


def test_adding_a_site_with_an_existing_number_does_not_overwrite_it(office: Office) -> None:
    office.post("consumers_site_add", number="001", name="Leeds")
    answer = office.post("consumers_site_add", number="001", name="York")
    assert "number" in errors_of(answer)
    assert Site.objects.get().name == "Leeds"


def test_a_row_that_somebody_else_adds_or_deletes_after_the_form_was_checked_is_not_replaced_or_brought_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites_save(account_id=office.account.pk, rows=[SiteValues(number="001", name="Leeds")])
    site, save_model = Site.objects.get(), SiteAdmin.save_model

    def save_late(page: SiteAdmin, request: Any, obj: Site, form: Any, change: Any) -> None:
        if change:
            Site.objects.filter(number=obj.number).delete()
        else:
            sites_save(account_id=office.account.pk, rows=[SiteValues(number=obj.number, name="First")])
        save_model(page, request, obj, form, change)

    monkeypatch.setattr(SiteAdmin, "save_model", save_late)
    added = office.post("consumers_site_add", number="002", name="Second")
    assert errors_of(added) == {"number": ["Somebody has just added 002."]}
    changed = office.post("consumers_site_change", site.pk, name="York")
    assert errors_of(changed) == {"__all__": ["Somebody has deleted it meanwhile."]}


def test_a_zone_that_does_not_exist_is_refused(office: Office) -> None:
    assert "time_zone" in errors_of(office.post("consumers_site_add", number="1", time_zone="Mars/Base"))


def test_a_change_of_a_site_reaches_the_tills(office: Office) -> None:
    before = office.account.rulebook_version
    office.post("consumers_site_add", number="001", name="Leeds")
    office.account.refresh_from_db()
    assert office.account.rulebook_version > before


def test_a_site_that_history_needs_is_not_deleted(office: Office) -> None:
    fill(office.account)
    site = Site.objects.get()
    answer = office.client.post(f"/admin/consumers/site/{site.pk}/delete/", {"post": "yes"}, follow=True)
    assert "is in use and cannot be deleted" in answer.content.decode()
    assert Site.objects.filter(pk=site.pk).exists()


def test_an_add_form_has_no_archived_field(office: Office) -> None:
    sites_save(account_id=office.account.pk, rows=[SiteValues(number="1", name="Shop")])
    assert 'name="archived"' not in office.page("consumers_site_add").content.decode()
    assert 'name="archived"' in office.page("consumers_site_change", Site.objects.get().pk).content.decode()


def test_the_buttons_of_filters_are_written_as_all_others(office: Office) -> None:
    words = office.page("consumers_site_changelist", query="?archived=yes").content.decode()
    assert "Apply filters" in words
    assert "Clear all filters" in words


def test_archived_sites_are_hidden_by_default(office: Office) -> None:
    sites_save(account_id=office.account.pk, rows=[SiteValues(number="1", name="Closed shop", archived=True)])
    assert "Closed shop" not in office.page("consumers_site_changelist").content.decode()
    assert "Closed shop" in office.page("consumers_site_changelist", query="?archived=yes").content.decode()


def test_a_group_that_a_promotion_names_is_not_deleted(office: Office) -> None:
    office.post("consumers_consumergroup_add", code="vip", name="VIP")
    group = ConsumerGroup.objects.get()
    rules = {"match": "all", "rules": [{"attribute": "groups", "operator": "is", "value": "vip"}]}
    save_promotion(office.account, eligibility={"customer_rules": rules})
    office.post("consumers_consumergroup_delete", group.pk, post="yes")
    assert ConsumerGroup.objects.filter(pk=group.pk).exists()


def test_a_group_without_use_is_deleted(office: Office) -> None:
    office.post("consumers_consumergroup_add", code="vip", name="VIP")
    office.post("consumers_consumergroup_delete", ConsumerGroup.objects.get().pk, post="yes")
    assert not ConsumerGroup.objects.exists()


def test_a_group_added_from_a_promotion_returns_its_code(office: Office) -> None:
    query = "?_to_field=code&_popup=1"
    answer = office.post(
        "consumers_consumergroup_add", query=query, code="vip", name="VIP", _to_field="code", _popup="1"
    )
    assert answer.status_code == 200
    assert "vip" in answer.context["popup_response_data"]


# --- consumers ------------------------------------------------------------------------------------------------------


def test_a_consumer_is_enrolled_with_cards(office: Office) -> None:
    answer = office.post(
        "consumers_consumer_add",
        consumer_id="c-1",
        kind="customer",
        first_name="Olive",
        member_status="active",
        enrolled_on="2025-03-01",
        **{
            "cards-TOTAL_FORMS": "2",
            "cards-INITIAL_FORMS": "0",
            "cards-0-number": "111",
            "cards-0-type": "gold",
            "cards-1-number": "222",
        },
    )
    assert answer.status_code == 302, errors_of(answer)
    membership = Consumer.objects.get().membership
    assert membership.status == "active"
    assert list(membership.cards.values_list("number", "type")) == [("111", "gold"), ("222", "")]


def test_a_card_of_another_consumer_is_refused_at_its_row(office: Office) -> None:
    fill(office.account, rows=2)
    consumer = Consumer.objects.get(consumer_id="acme-c1")
    answer = office.post(
        "consumers_consumer_change",
        consumer.pk,
        kind="customer",
        member_status="active",
        enrolled_on="2025-03-01",
        **{"cards-TOTAL_FORMS": "1", "cards-INITIAL_FORMS": "1", "cards-0-number": "acme-card-2"},
    )
    assert set(errors_of(answer)) == {"cards"}
    assert "belongs to another consumer" in answer.content.decode()


def test_cards_need_a_membership(office: Office) -> None:
    answer = office.post(
        "consumers_consumer_add",
        consumer_id="c-1",
        kind="customer",
        **{"cards-TOTAL_FORMS": "1", "cards-INITIAL_FORMS": "0", "cards-0-number": "111"},
    )
    assert set(errors_of(answer)) == {"member_status"}


def test_a_birthday_is_entered_without_its_year_and_shown_on_the_loyalty_tab(office: Office) -> None:
    member = {"kind": "customer", "member_status": "active", "enrolled_on": "2025-03-01", **NO_CARDS}
    answer = office.post("consumers_consumer_add", consumer_id="c-1", birthday="02-29", **member)
    assert answer.status_code == 302, errors_of(answer)
    consumer = Consumer.objects.get()
    assert (consumer.date_of_birth, consumer.birthday) == (None, "02-29")
    page = office.page("consumers_consumer_change", consumer.pk).content.decode()
    assert 'value="02-29"' in page
    assert "29 February" in page
    for wrong in ({"birthday": "31-12"}, {"birthday": "02-29", "date_of_birth": "1990-03-03"}):
        answer = office.post("consumers_consumer_change", consumer.pk, **member, **wrong)
        assert set(errors_of(answer)) == {"birthday"}
    office.post("consumers_consumer_change", consumer.pk, date_of_birth="1990-03-03", **member)
    assert Consumer.objects.get().birthday == "03-03"


def test_the_loyalty_tab_draws_every_registered_section(office: Office) -> None:
    fill(office.account)
    page = office.page("consumers_consumer_change", Consumer.objects.get().pk)
    assert [tab.name for tab in page.context["form_tabs"]] == ["General", "Loyalty"]
    words = page.content.decode()
    for heading in ("Membership", "Points balance", "Loyalty activity", "Vouchers", "Redemptions"):
        assert heading in words
    for fact in ("acme-card-1", "53", "acme-T1", "Offer of acme", "Voucher of acme"):
        assert fact in words


def test_a_new_consumer_has_no_loyalty_tab_yet(office: Office) -> None:
    page = office.page("consumers_consumer_add")
    assert [tab.name for tab in page.context["form_tabs"]] == ["General"]


def test_consumers_can_be_searched_by_card(office: Office) -> None:
    fill(office.account, rows=3)
    page = office.page("consumers_consumer_changelist", query="?q=acme-card-2")
    assert [consumer.consumer_id for consumer in page.context["cl"].result_list] == ["acme-c2"]


@pytest.mark.parametrize(
    ("query", "number"), [("membership=active", 2), ("membership=none", 1), ("kind=employee", 0), ("q=nobody", 0)]
)
def test_consumers_are_filtered(office: Office, query: str, number: int) -> None:
    fill(office.account, rows=2)
    office.post("consumers_consumer_add", consumer_id="plain", kind="customer", **NO_CARDS)
    page = office.page("consumers_consumer_changelist", query=f"?{query}")
    assert len(page.context["cl"].result_list) == number


# --- account --------------------------------------------------------------------------------------------------------


def test_the_account_settings_are_one_page(office: Office) -> None:
    answer = office.page("consumers_account_changelist")
    assert answer["Location"] == f"/admin/consumers/account/{office.account.pk}/change/"
    assert office.page("consumers_account_add").status_code == 403


def test_the_accounts_settings_are_saved(office: Office) -> None:
    answer = office.post(
        "consumers_account_change",
        office.account.pk,
        name="Tea Company",
        currency="GBP",
        time_zone="Europe/Paris",
        points_per_currency_unit="2.5",
        point_value="0.02",
        expected_redemption="100",
        late_transaction_days="10",
        holdout_percentage="2.5",
        holdout_starts_on="2027-01-01",
        **{
            "earn_rates-TOTAL_FORMS": "1",
            "earn_rates-INITIAL_FORMS": "0",
            "earn_rates-0-currency": "EUR",
            "earn_rates-0-rate": "1.5",
        },
    )
    assert answer.status_code == 302, errors_of(answer)
    account = Account.objects.get(pk=office.account.pk)
    assert (account.name, account.time_zone, account.catalogue_enabled) == ("Tea Company", "Europe/Paris", False)
    assert account.points_per_currency_unit == Decimal("2.5")
    holdout = (account.holdout_percentage, account.holdout_starts_on, account.holdout_ends_on)
    assert holdout == (Decimal("2.5"), date(2027, 1, 1), None)
    assert account.other_earn_rates == {"EUR": "1.5"}


def test_the_currency_stays_once_there_are_amounts(office: Office) -> None:
    fill(office.account)
    answer = office.post(
        "consumers_account_change",
        office.account.pk,
        name="acme",
        currency="EUR",
        time_zone="Europe/London",
        points_per_currency_unit="1",
        point_value="0.01",
        expected_redemption="100",
        late_transaction_days="30",
        **NO_RATES,
    )
    assert errors_of(answer)
    assert Account.objects.get(pk=office.account.pk).currency == "GBP"


def test_stored_decimals_are_shown_without_needless_zeros(office: Office) -> None:
    page = office.page("consumers_account_change", office.account.pk).content.decode()
    assert 'value="1.0000"' not in page
    assert 'value="0.01"' in page


def test_only_an_administrator_changes_the_account(office: Office) -> None:
    marketer = office.login(StaffRole.MARKETER)
    assert marketer.page("consumers_account_change", office.account.pk).status_code == 200
    assert marketer.post("consumers_account_change", office.account.pk, name="Mine").status_code == 403


# --- staff ----------------------------------------------------------------------------------------------------------


def test_a_member_of_staff_is_added_and_can_log_in(office: Office) -> None:
    answer = office.post(
        "consumers_staffmembership_add",
        username="mary",
        email="mary@example.com",
        password="a-good-long-one-7",
        staff_role=StaffRole.MARKETER,
    )
    assert answer.status_code == 302, errors_of(answer)
    assert StaffMembership.objects.get(user__username="mary").role.name == StaffRole.MARKETER
    assert User.objects.get(username="mary").check_password("a-good-long-one-7")


@pytest.mark.parametrize(
    ("values", "field"),
    [({"password": "123"}, "password"), ({"username": "staff-acme"}, "username"), ({"username": "a b"}, "username")],
)
def test_errors_of_a_new_member_are_shown_at_their_fields(office: Office, values: dict[str, str], field: str) -> None:
    sent = {"username": "mary", "password": "a-good-long-one-7", "staff_role": StaffRole.VIEWER, **values}
    assert set(errors_of(office.post("consumers_staffmembership_add", **sent))) == {field}


def test_a_role_is_changed_and_nothing_else(office: Office) -> None:
    mary = office.login(StaffRole.VIEWER, "mary")
    membership = StaffMembership.objects.get(user=mary.user)
    office.post(
        "consumers_staffmembership_change", membership.pk, staff_role=StaffRole.MARKETER, username="x", password="y"
    )
    membership.refresh_from_db()
    assert membership.role.name == StaffRole.MARKETER
    assert User.objects.get(pk=mary.user.pk).username == "mary"


def test_the_last_administrator_stays(office: Office) -> None:
    membership = StaffMembership.objects.get(user=office.user)
    answer = office.post("consumers_staffmembership_change", membership.pk, staff_role=StaffRole.VIEWER)
    assert errors_of(answer)
    office.post("consumers_staffmembership_delete", membership.pk, post="yes")
    membership.refresh_from_db()
    assert membership.role.name == StaffRole.ADMINISTRATOR


@pytest.mark.parametrize("role", [StaffRole.MARKETER, StaffRole.CUSTOMER_SERVICE, StaffRole.VIEWER])
def test_only_administrators_see_staff_and_keys(office: Office, role: StaffRole) -> None:
    other = office.login(role)
    for page in ("consumers_staffmembership_changelist", "consumers_apikey_changelist", "consumers_apikey_add"):
        assert other.page(page).status_code == 403


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_works(office: Office) -> None:
    answer = office.client.post("/admin/consumers/apikey/add/", {"name": "Till 1", "role": KeyRole.TILL}, follow=True)
    key = ApiKey.objects.get(name="Till 1")
    [message] = answer.context["messages"]
    secret = str(message).split(">")[1].split("<")[0]
    usable = api_key_verified(key=secret)
    assert usable is not None
    assert usable.pk == key.pk
    again = office.page("consumers_apikey_change", key.pk).content.decode()
    assert secret not in again
    assert key.prefix in again


def test_a_revoked_key_opens_nothing(office: Office) -> None:
    fill(office.account)
    key = ApiKey.objects.get(name="Key 1 of acme")
    assert office.page("consumers_apikey_revoke", key.pk).status_code == 200
    assert not ApiKey.objects.get(pk=key.pk).revoked
    office.post("consumers_apikey_revoke", key.pk, _form_submitted="True")
    assert ApiKey.objects.get(pk=key.pk).revoked
    assert "Revoked" in office.page("consumers_apikey_changelist").content.decode()


def test_a_key_is_neither_edited_nor_deleted(office: Office) -> None:
    fill(office.account)
    key = ApiKey.objects.get(name="Key 1 of acme")
    assert office.post("consumers_apikey_change", key.pk, name="Other", role="manager").status_code == 403
    assert office.post("consumers_apikey_delete", key.pk, post="yes").status_code == 403


def test_unchanged_settings_have_an_empty_history(office: Office) -> None:
    assert office.page("conflicts_conflictsettings_history", office.account.pk).status_code == 200


def test_the_history_shows_changed_earn_rates(office: Office) -> None:
    for rate in ("2", "3"):
        office.account.other_earn_rates = {"EUR": rate}
        office.account.save()
    page = office.page("consumers_account_history", office.account.pk)
    assert page.status_code == 200
    assert "EUR: 3" in page.content.decode()


# --- what pages are called ------------------------------------------------------------------------------------------


def title_of(html: str) -> str:
    """What a page's window is called."""
    return html.partition("<title>")[2].partition("</title>")[0].strip()


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("consumers_account", "Account settings"),
        ("conflicts_conflictsettings", "Conflict management"),
        ("loyalty_adjustmentlimits", "Points adjustments"),
    ],
)
def test_a_settings_page_has_its_sidebar_name_and_no_link_to_a_list(office: Office, page: str, name: str) -> None:
    answer = office.page(f"{page}_change", office.account.pk)
    html = answer.content.decode()
    assert title_of(html) == f"{name} | Promotions"
    assert f">{name}</span>" in html
    assert "arrow_back" not in html


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("loyalty_ledgerentry", "Points ledger"),
        ("loyalty_loyaltypromotion", "Loyalty promotions"),
        ("consumers_apikey", "API keys"),
    ],
)
def test_the_title_of_a_list_is_its_name(office: Office, page: str, name: str) -> None:
    assert title_of(office.page(f"{page}_changelist").content.decode()) == f"{name} | Promotions"


def test_the_heading_of_an_add_form_says_add(office: Office) -> None:
    assert ">Add consumer</span>" in office.page("consumers_consumer_add").content.decode()


def test_closing_settings_without_change_permission_leads_to_the_overview(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    html = viewer.page("conflicts_conflictsettings_change", office.account.pk).content.decode()
    close = next(part for part in html.split("<a ") if "Close" in part.split("</a>")[0])
    assert f'href="{reverse("admin:index")}"' in close


def test_the_delete_confirmation_names_the_row_and_says_it_cannot_be_undone(office: Office) -> None:
    office.post("consumers_site_add", number="001", name="Leeds")
    html = office.page("consumers_site_delete", Site.objects.get(number="001").pk).content.decode()
    assert "Delete “001 · Leeds”?" in html
    assert "You cannot undo this." in html
    assert "related items" not in html
