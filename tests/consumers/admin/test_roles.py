"""The pages of roles: what they show, what they refuse, and what holders may do from the next page on."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consumers.admin.role_table import pages_seen
from consumers.choices import StaffRole
from consumers.functionalities import capabilities, template_grants
from consumers.models import ApiKey, Consumer, Role, StaffMembership
from consumers.services.password import password_link_make
from consumers.services.staff import staff_member_add
from tests.consumers.admin.office import Office, fill, log_in, make_office, save_discount
from tests.consumers.builders import make_role

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def with_role(office: Office, *grants: str, name: str = "bob", **values: Any) -> Office:
    """Return the office with a logged-in member whose role has these grants."""
    role = make_role(office.account, *grants, title=f"Role of {name}", **values)
    return log_in(office.account, role=role.title, username=name)


def role_of(office: Office) -> Role:
    return office.user.staff_memberships.get().role


def errors_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return {name: list(messages) for name, messages in answer.context["adminform"].form.errors.items()}


def sidebar_of(office: Office) -> list[str]:
    """Return the titles of the pages that the sidebar shows."""
    groups = office.page("index").context["sidebar_navigation"]
    return [str(item["title"]) for group in groups for item in group["items"] if item["has_permission"]]


def test_a_new_role_leads_to_the_form_of_a_member_who_gets_it(office: Office) -> None:
    office.post("consumers_role_add", title="Buyers & co", description="", grants=["Products.see"])
    address = f"{reverse('admin:consumers_staffmembership_add')}?staff_role=Buyers+%26+co"
    assert f'href="{address}"' in office.page("consumers_role_changelist").content.decode()
    form = office.client.get(address).context["adminform"].form
    assert (form["staff_role"].value(), form["username"].label) == ("Buyers & co", "User name")


def test_the_list_of_roles_spells_abbreviations_as_the_staff_form_does(office: Office) -> None:
    words = office.page("consumers_role_changelist").content.decode()
    assert "Everything in this account, including staff and API keys" in words


# --- making one -------------------------------------------------------------------------------------------------------


def test_an_administrator_makes_a_role_and_gives_it(office: Office) -> None:
    grants = ["PersonalizedPromotions.see", "ConsumersLists.see"]
    answer = office.post("consumers_role_add", title="Promo planner", description="Plans", grants=grants)
    assert answer.status_code == 302
    role = Role.objects.get(title="Promo planner")
    assert (role.account, set(role.grants)) == (office.account, set(grants))
    sent: dict[str, Any] = {"username": "sam", "password": "a-good-long-one-7", "staff_role": "Promo planner"}
    assert office.post("consumers_staffmembership_add", **sent).status_code == 302
    assert StaffMembership.objects.get(user__username="sam").role == role


def test_a_role_is_changed_and_its_history_says_what_came_and_went(office: Office) -> None:
    role = make_role(office.account, "Sites.see", "Sites.add")
    values: dict[str, Any] = {"title": "Own", "grants": ["Sites.see", "Products.see"]}
    assert office.post("consumers_role_change", role.pk, **values).status_code == 302
    values["grants"] = ["Sites.see"]
    assert office.post("consumers_role_change", role.pk, **values).status_code == 302
    page = office.page("consumers_role_history", role.pk).content.decode()
    assert "Products: see" in page


def test_the_form_ticks_what_the_role_has_and_offers_what_its_maker_has(office: Office) -> None:
    bob = with_role(office, "Staff.see", "Staff.add", "Sites.see")
    page = bob.page("consumers_role_add").content.decode()
    boxes = dict(re.findall(r'value="(\w+\.\w+)"[^>]*?data-needs="[^"]*"([^>]*)>', page))
    assert {grant for grant, rest in boxes.items() if "disabled" not in rest} == {"Staff.see", "Staff.add", "Sites.see"}
    assert not [grant for grant, rest in boxes.items() if "checked" in rest]


def test_a_functionality_that_one_has_not_is_named_nowhere(office: Office) -> None:
    bob = with_role(office, "Staff.see", "Staff.add", "Sites.see")
    more = make_role(office.account, "Sites.see", "Products.see", "Offers.see", title="More")
    more.grants = ["Sites.see", "Sites.add", "Offers.see", "Offers.add"]
    more.save()
    page = bob.page("consumers_role_change", more.pk).content.decode()
    assert set(re.findall(r'value="(\w+)\.\w+"', page)) == {"Staff", "Sites"}
    assert "This role also has permissions that you do not have." in page
    assert "2 of 4 pages" in page
    history = bob.page("consumers_role_history", more.pk).content.decode()
    assert "Sites: add" in history
    assert "permissions that you do not have" in history
    listed = bob.page("consumers_role_changelist").content.decode()
    assert "Sites and 1 more" in listed
    for text in (page, history, listed):
        assert not re.search(r"Offers|Products", text)
    assert "permissions that you do not have" not in office.page("consumers_role_change", more.pk).content.decode()


def test_a_copy_has_what_its_maker_may_give(office: Office) -> None:
    bob = with_role(office, "Staff.see", "Staff.add", "Sites.see")
    viewer = Role.objects.get(account=None, name=StaffRole.VIEWER)
    answer = bob.page("consumers_role_copy", viewer.pk)
    assert answer.status_code == 302
    form = bob.client.get(answer["Location"]).context["adminform"].form
    assert (form.initial["title"], form.initial["grants"]) == ("Copy of Viewer", ["Sites.see"])


@pytest.mark.parametrize("copied", ["x", "0", "-1", "9" * 30, "\x00", ""])
def test_a_copy_of_nothing_is_an_empty_form(office: Office, copied: str) -> None:
    answer = office.client.get("/admin/consumers/role/add/", {"copy": copied})
    assert (answer.status_code, answer.context["adminform"].form.initial.get("title")) == (200, None)


def test_a_copy_of_another_accounts_role_is_an_empty_form(office: Office) -> None:
    theirs = make_role(make_office("other").account, "Sites.see", title="Theirs")
    answer = office.page("consumers_role_add", query=f"?copy={theirs.pk}")
    assert "Theirs" not in answer.content.decode()


# --- what its holder sees ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", StaffRole)
def test_the_pages_named_are_those_of_the_sidebar(office: Office, role: StaffRole) -> None:
    assert sidebar_of(office.login(role)) == pages_seen(template_grants(role))


@pytest.mark.parametrize("grant", [grant for grant in capabilities() if grant.endswith(".see")])
def test_the_pages_named_of_a_grant_are_those_of_the_sidebar(office: Office, grant: str) -> None:
    holder = with_role(office, grant)
    assert sidebar_of(holder) == pages_seen({grant})


# --- nobody gives what they do not have -------------------------------------------------------------------------------


def test_a_crafted_form_gives_nothing_more(office: Office) -> None:
    bob = with_role(office, "Staff.see", "Staff.add", "Staff.change", "Sites.see")
    before = Role.objects.count()
    added = bob.post("consumers_role_add", title="Mine", grants=["Staff.see", "AccountSettings.see"])
    assert errors_of(added)["grants"] == [
        "You can only give permissions that you have yourself. You do not have: “Account settings: see”."
    ]
    own = role_of(bob)
    changed = bob.post("consumers_role_change", own.pk, title=own.title, grants=[*own.grants, "Sites.add"])
    assert errors_of(changed)["grants"] == [
        "You can only give permissions that you have yourself. You do not have: “Sites: add”."
    ]
    unknown = bob.post("consumers_role_add", title="Mine", grants=["Nothing.see"])
    assert errors_of(unknown)["grants"] == ["No functionality has this name: Nothing.see."]
    own.refresh_from_db()
    assert (Role.objects.count(), len(own.grants)) == (before, 4)


def test_a_crafted_form_gives_no_role_that_may_do_more(office: Office) -> None:
    bob = with_role(office, "Staff.see", "Staff.add", "Staff.change")
    sent: dict[str, Any] = {"username": "new", "password": "a-good-long-one-7"}
    for role in (StaffRole.ADMINISTRATOR, StaffRole.VIEWER, "Nothing"):
        assert "staff_role" in errors_of(bob.post("consumers_staffmembership_add", **sent, staff_role=role))
        own = bob.user.staff_memberships.get()
        assert "staff_role" in errors_of(bob.post("consumers_staffmembership_change", own.pk, staff_role=role))
    administrator = office.user.staff_memberships.get()
    assert bob.page("consumers_staffmembership_change", administrator.pk).status_code == 200
    answer = bob.post("consumers_staffmembership_change", administrator.pk, staff_role="Role of bob")
    assert answer.status_code == 403
    assert StaffMembership.objects.count() == 2


def test_a_role_that_may_do_more_and_a_template_are_read_only(office: Office) -> None:
    bob = with_role(office, "Staff.see", "Staff.add", "Staff.change", "Staff.delete")
    more = make_role(office.account, "Sites.see", title="More")
    template = Role.objects.get(account=None, name=StaffRole.MARKETER)
    for member, role in ((bob, more), (bob, template), (office, template)):
        assert member.page("consumers_role_change", role.pk).status_code == 200
        assert member.post("consumers_role_change", role.pk, title="Mine", grants=[]).status_code == 403
        assert member.post("consumers_role_delete", role.pk, post="yes").status_code == 403
    assert set(Role.objects.filter(pk__in=[more.pk, template.pk]).values_list("title", flat=True)) == {
        "More",
        "Marketer",
    }


def test_another_accounts_role_is_not_there(office: Office) -> None:
    other = make_office("other")
    theirs = make_role(other.account, "Sites.see", title="Theirs")
    for name in ("change", "history", "delete"):
        answer = office.page(f"consumers_role_{name}", theirs.pk)
        # Django leads back to the overview where there is no such row.
        assert answer.status_code in (302, 404), name
        assert "Theirs" not in answer.content.decode()
    office.post("consumers_role_change", theirs.pk, title="Mine", grants=["Sites.see"])
    office.post("consumers_role_delete", theirs.pk, post="yes")
    sent: dict[str, Any] = {"username": "new", "password": "a-good-long-one-7", "staff_role": "Theirs"}
    assert "staff_role" in errors_of(office.post("consumers_staffmembership_add", **sent))
    theirs.refresh_from_db()
    assert theirs.title == "Theirs"
    assert "Theirs" not in office.page("consumers_role_changelist").content.decode()


def test_a_managers_key_is_made_by_who_may_do_it_all(office: Office) -> None:
    bob = with_role(office, "ApiKeys.see", "ApiKeys.add")
    answer = bob.post("consumers_apikey_add", name="Mine", role="manager")
    assert errors_of(answer) == {"role": ["A manager’s key can do more than you. Create a key for a till instead."]}
    assert bob.post("consumers_apikey_add", name="Till", role="till").status_code == 302
    assert office.post("consumers_apikey_add", name="Manager", role="manager").status_code == 302
    assert set(ApiKey.objects.values_list("name", flat=True)) >= {"Till", "Manager"}
    assert not ApiKey.objects.filter(name="Mine").exists()


def test_a_role_limits_the_points_that_its_holders_adjust(office: Office) -> None:
    fill(office.account)
    grants = ("Consumers.see", "PointsAdjustments.see", "PointsAdjustments.add")
    bob = with_role(office, *grants, points_at_once=20, points_per_day=30)
    consumer = Consumer.objects.get(account=office.account).pk

    def adjust(points: int) -> Any:
        sent: dict[str, Any] = {"direction": "add", "points": points, "reason": "Sorry", "reference": uuid4()}
        return bob.post("loyalty_ledgerentry_adjust", consumer, **sent, _form_submitted="True")

    assert "up to 20 points at once" in adjust(21).content.decode()
    assert adjust(20).status_code == 302
    assert "10 of today" in adjust(11).content.decode()


# --- publishing -------------------------------------------------------------------------------------------------------

DRAFTER = ("Discounts.see", "Discounts.add", "Discounts.change", "Discounts.delete", "Products.see")


def test_without_publishing_a_published_promotion_is_read_only(office: Office) -> None:
    fill(office.account)
    live = save_discount(office.account, code="live", name="Live")
    drafter = with_role(office, *DRAFTER)
    assert drafter.page("promotions_discount_change", live.pk).status_code == 200
    assert drafter.post("promotions_discount_change", live.pk, name="Mine").status_code == 403
    assert drafter.post("promotions_discount_delete", live.pk, post="yes").status_code == 403
    for step in ("stop", "archive"):
        answer = drafter.post(f"promotions_discount_{step}", live.pk, _form_submitted="True")
        assert answer.status_code == 403, step
    live.refresh_from_db()
    assert (live.name, live.stopped_at, live.archived) == ("Live", None, False)


def test_without_publishing_a_form_publishes_nothing(office: Office) -> None:
    fill(office.account)
    draft = save_discount(office.account, code="draft", name="Draft", draft=True)
    drafter = with_role(office, *DRAFTER)
    page = drafter.page("promotions_discount_change", draft.pk).content.decode()
    assert 'name="_publish"' not in page
    assert 'name="_draft"' in page
    for answer in ("1", "confirmed"):
        assert drafter.post("promotions_discount_change", draft.pk, _publish=answer).status_code == 403
        assert drafter.post("promotions_discount_add", query="?type=amount", _publish=answer).status_code == 403
    draft.refresh_from_db()
    assert draft.draft


def test_each_family_is_shown_to_who_may_see_it(office: Office) -> None:
    fill(office.account)
    holder = with_role(office, "Discounts.see")
    for address in ("/admin/calendar/", "/admin/promotions/promotionversion/"):
        page = holder.client.get(address).content.decode()
        assert "acme-fixed" not in page
        assert "loyaltypromotion" not in page


# --- what holders may do from the next page on ------------------------------------------------------------------------


def test_a_role_that_changes_while_its_holder_is_logged_in_holds_at_once(office: Office) -> None:
    bob = with_role(office, "Sites.see", "Sites.add")
    assert bob.page("consumers_site_add").status_code == 200
    values: dict[str, Any] = {"title": "Role of bob", "grants": ["Products.see"]}
    assert office.post("consumers_role_change", role_of(bob).pk, **values).status_code == 302
    assert bob.page("consumers_site_add").status_code == 403
    assert bob.post("consumers_site_add", number="1", name="Mine").status_code == 403
    assert bob.page("consumers_site_changelist").status_code == 403
    assert bob.page("promotions_product_changelist").status_code == 200


def test_a_link_for_a_new_password_ends_with_a_change_of_the_role(office: Office) -> None:
    bob = with_role(office, "Sites.see")
    link = password_link_make(account_id=office.account.pk, username="bob", asked_by=office.user)
    address = reverse("password_set", args=[link.user_code, link.token])
    assert Client().get(address).status_code == 302
    values: dict[str, Any] = {"title": "Role of bob", "grants": ["Sites.see", "Sites.add"]}
    office.post("consumers_role_change", role_of(bob).pk, **values)
    assert Client().get(address).status_code == 200


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_a_role_that_somebody_has_is_kept_and_its_holders_are_linked(office: Office) -> None:
    bob = with_role(office, "Sites.see")
    role, membership = role_of(bob), bob.user.staff_memberships.get()
    answer = office.post("consumers_role_delete", role.pk, post="yes")
    page = office.client.get(answer["Location"]).content.decode()
    link = f'<a class="text-link" href="/admin/consumers/staffmembership/{membership.pk}/change/">bob · acme</a>'
    assert "“Role of bob” is in use and cannot be deleted" in page
    assert link in page
    assert Role.objects.filter(pk=role.pk).exists()
    staff_member_add(account_id=office.account.pk, username="eve", role=role.title)
    office.post("consumers_staffmembership_change", membership.pk, staff_role=StaffRole.VIEWER)
    office.post("consumers_role_delete", role.pk, post="yes")
    assert Role.objects.filter(pk=role.pk).exists()
    office.post("consumers_staffmembership_delete", StaffMembership.objects.get(user__username="eve").pk, post="yes")
    assert office.post("consumers_role_delete", role.pk, post="yes").status_code == 302
    assert not Role.objects.filter(pk=role.pk).exists()


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_permission_checks_cost_no_statement(office: Office) -> None:
    """The same page costs the same, whatever the role has: the role is read with the membership."""
    counted = []
    for name, grants in (("few", ("Sites.see",)), ("all", tuple(capabilities()))):
        holder = with_role(office, *grants, name=name)
        with CaptureQueriesContext(connection) as queries:
            assert holder.page("consumers_site_changelist").status_code == 200
        counted.append(len(queries))
        assert not [query for query in queries if "auth_permission" in query["sql"]]
    assert counted[0] == counted[1]
