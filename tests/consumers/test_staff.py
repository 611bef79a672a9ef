"""Staff: members of accounts, with a role in each."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consumers.access import CurrentAccountMiddleware
from consumers.choices import StaffRole
from consumers.exceptions import AlreadyExists, ConsumersError, LastAdministrator, NotFound
from consumers.functionalities import capabilities, permissions_of, template_grants
from consumers.models import Account, Role, StaffMembership, User
from consumers.selectors import accounts_of_staff, staff_membership_current
from consumers.services.account import account_create
from consumers.services.staff import staff_member_add, staff_member_remove, staff_role_set
from tests.consumers.builders import PASSWORD, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return account_create(code="acme", currency="GBP", time_zone="Europe/London").account


@pytest.fixture
def other() -> Account:
    return account_create(code="other", currency="JPY", time_zone="Asia/Tokyo").account


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="consumers.access.MembershipBackend")
    return client


def staff_user(client: Client) -> User:
    """The user as a page sees them."""
    user = client.get("/healthz").wsgi_request.user
    assert isinstance(user, User)
    return user


def switch(client: Client, code: str) -> int:
    return client.post("/admin/switch-account/", {"account": code}).status_code


# --- who is a member ------------------------------------------------------------------------------------------------


def test_a_new_member_can_log_in(account: Account, client: Client) -> None:
    make_staff(account)
    answer = client.post("/admin/login/?next=/healthz", {"username": "sam", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/healthz")
    assert staff_user(client).username == "sam"


def test_a_member_without_a_password_cannot_log_in(account: Account, client: Client) -> None:
    staff_member_add(account_id=account.pk, username="sam", role=StaffRole.VIEWER)
    assert not User.objects.get().has_usable_password()


def test_an_existing_user_keeps_their_password(account: Account, other: Account) -> None:
    make_staff(account)
    stored = User.objects.get().password
    staff_member_add(account_id=other.pk, username="sam", role=StaffRole.ADMINISTRATOR, password="another-one-1234")
    assert User.objects.get().password == stored
    assert StaffMembership.objects.count() == 2


def test_a_user_cannot_be_added_twice(account: Account) -> None:
    make_staff(account)
    with pytest.raises(AlreadyExists):
        make_staff(account, role=StaffRole.ADMINISTRATOR)
    assert StaffMembership.objects.get().role.name == "Marketer"


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"email": "nonsense"}, "email"),
        ({"password": "12345"}, "password"),
        ({"password": "password"}, "password"),
    ],
)
def test_invalid_values_are_named_and_create_no_user(account: Account, fields: dict[str, str], attr: str) -> None:
    values: dict[str, Any] = {"username": "sam", "role": StaffRole.VIEWER, "password": PASSWORD, **fields}
    with pytest.raises(ConsumersError) as refused:
        staff_member_add(account_id=account.pk, **values)
    assert {problem.attr for problem in refused.value.problems} == {attr}
    assert not User.objects.exists()


def test_an_account_keeps_an_administrator(account: Account, other: Account) -> None:
    make_staff(account, "ann", StaffRole.ADMINISTRATOR)
    make_staff(other, "zoe", StaffRole.ADMINISTRATOR)
    with pytest.raises(LastAdministrator):
        staff_role_set(account_id=account.pk, username="ann", role=StaffRole.VIEWER)
    with pytest.raises(LastAdministrator):
        staff_member_remove(account_id=account.pk, username="ann")
    make_staff(account, "bob", StaffRole.ADMINISTRATOR)
    assert staff_role_set(account_id=account.pk, username="ann", role=StaffRole.VIEWER).role.name == "Viewer"
    staff_member_remove(account_id=account.pk, username="ann")
    assert User.objects.filter(username="ann").exists()


def test_a_member_of_another_account_is_not_found(account: Account, other: Account) -> None:
    make_staff(other)
    with pytest.raises(NotFound):
        staff_role_set(account_id=account.pk, username="sam", role=StaffRole.ADMINISTRATOR)
    with pytest.raises(NotFound):
        staff_member_remove(account_id=account.pk, username="sam")


# --- what they may do -----------------------------------------------------------------------------------------------


def test_a_role_may_do_exactly_what_its_table_says(account: Account) -> None:
    for role in StaffRole:
        user = signed_in(make_staff(account, role.name.lower(), role).user)
        assert staff_user(user).get_all_permissions() == permissions_of(template_grants(role))


def test_every_permission_of_the_table_exists() -> None:
    known = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    assert permissions_of(frozenset(capabilities())) <= known


def test_nobody_but_administrators_manages_staff_keys_and_the_account() -> None:
    guarded = {"AccountSettings.change", "ApiKeys.add", "ApiKeys.see", "Staff.add", "Staff.see"}
    assert guarded <= template_grants(StaffRole.ADMINISTRATOR)
    assert all(not guarded & template_grants(role) for role in StaffRole if role != StaffRole.ADMINISTRATOR)


def test_nobody_changes_history() -> None:
    history = ["transaction", "appliedpromotion", "ledgerentry", "voucher", "promotionusage"]
    granted = permissions_of(frozenset(capabilities()))
    assert not granted & {f"loyalty.{action}_{model}" for action in ("change", "delete") for model in history}


def test_a_template_grants_what_the_code_says_whatever_its_row_says(account: Account) -> None:
    client = signed_in(make_staff(account, role=StaffRole.VIEWER).user)
    viewer = Role.objects.get(account=None, name=StaffRole.VIEWER)
    viewer.permissions.set(Permission.objects.all())
    Role.objects.filter(pk=viewer.pk).update(grants=["Sites.see", "Sites.delete"])
    assert not staff_user(client).has_perm("consumers.delete_site")


def test_a_migration_makes_a_template_that_is_missing() -> None:
    Role.objects.get(account=None, name=StaffRole.VIEWER).delete()
    call_command("migrate", verbosity=0)
    assert Role.objects.get(account=None, name=StaffRole.VIEWER).held_grants == template_grants(StaffRole.VIEWER)


def test_permissions_follow_the_current_account(account: Account, other: Account) -> None:
    make_staff(account, role=StaffRole.MARKETER)
    client = signed_in(make_staff(other, role=StaffRole.VIEWER).user)
    assert staff_user(client).has_perm("promotions.change_product")
    assert switch(client, "other") == 302
    assert not staff_user(client).has_perm("promotions.change_product")
    assert staff_user(client).has_perm("promotions.view_product")
    assert switch(client, "acme") == 302
    assert staff_user(client).has_perms(["promotions.change_product", "promotions.view_product"])
    assert staff_user(client).has_module_perms("promotions")


def test_permissions_and_groups_of_the_user_are_ignored(account: Account) -> None:
    user = make_staff(account, role=StaffRole.VIEWER).user
    user.user_permissions.set(Permission.objects.all())
    user.groups.set(Group.objects.all())
    assert not staff_user(signed_in(user)).has_perm("consumers.change_account")


def test_a_user_without_an_account_has_no_permissions() -> None:
    user = User.objects.create_user("sam", password=PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    current_user = staff_user(signed_in(user))
    assert current_user.current_membership is None
    assert current_user.get_all_permissions() == set()
    assert not current_user.has_module_perms("consumers")


def test_an_inactive_user_has_no_permissions(account: Account) -> None:
    membership = make_staff(account, role=StaffRole.ADMINISTRATOR)
    user = membership.user
    user.current_membership = membership
    user.is_active = False
    assert user.get_all_permissions() == set()
    assert not user.has_perm("consumers.view_site")


# --- where they do it -----------------------------------------------------------------------------------------------


def test_a_user_works_in_the_first_account_by_name_until_they_switch(account: Account, other: Account) -> None:
    make_staff(other)
    client = signed_in(make_staff(account).user)
    worked = []
    for code in ("", "other", "acme"):
        if code:
            switch(client, code)
        membership = staff_user(client).current_membership
        assert membership is not None
        worked.append(membership.account.code)
    assert worked == ["acme", "other", "acme"]


@pytest.mark.parametrize("code", ["other", "nonsense", "", "\x00"])
def test_a_user_cannot_switch_to_an_account_without_membership(account: Account, other: Account, code: str) -> None:
    client = signed_in(make_staff(account).user)
    assert switch(client, code) == 404
    membership = staff_user(client).current_membership
    assert membership is not None
    assert membership.account == account


def test_the_switch_needs_a_post(account: Account) -> None:
    assert signed_in(make_staff(account).user).get("/admin/switch-account/").status_code == 405


def test_an_anonymous_visitor_cannot_switch(account: Account, client: Client) -> None:
    assert "login" in client.post("/admin/switch-account/", {"account": "acme"}).headers["Location"]


def test_a_removed_member_loses_access_at_once(account: Account, other: Account) -> None:
    make_staff(account)
    client = signed_in(make_staff(other).user)
    switch(client, "other")
    staff_member_remove(account_id=other.pk, username="sam")
    membership = staff_user(client).current_membership
    assert membership is not None
    assert membership.account == account


def test_a_superuser_works_in_any_account_but_in_one_at_a_time(account: Account, other: Account) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    client = signed_in(root)
    worked = []
    for code in ("acme", "other"):
        assert switch(client, code) == 302
        membership = staff_user(client).current_membership
        assert membership is not None
        worked.append(membership.account.code)
    assert worked == ["acme", "other"]
    assert staff_user(client).has_perm("consumers.change_account")
    assert list(accounts_of_staff(user=root)) == [account, other]
    assert not StaffMembership.objects.exists()


def test_a_superuser_without_any_account_works_in_none() -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    assert staff_membership_current(user=root, account_id=5) is None


def test_pages_are_shown_in_the_accounts_time_zone(other: Account) -> None:
    request = RequestFactory().get("/", HTTP_COOKIE=f"{settings.SESSION_COOKIE_NAME}=x")
    request.user = make_staff(other).user
    request.session = SessionStore()
    days: list[int] = []

    def page(request: HttpRequest) -> HttpResponse:
        days.append(timezone.localtime(datetime(2026, 3, 1, 23, tzinfo=UTC)).day)
        return HttpResponse()

    CurrentAccountMiddleware(page)(request)
    page(request)
    assert days == [2, 1]


def test_a_call_without_a_session_costs_nothing(account: Account, client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get("/healthz")
    assert not queries.captured_queries
