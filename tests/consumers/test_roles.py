"""Roles that an account makes of functionalities: who may give what, and what stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from consumers.choices import KeyRole, StaffRole
from consumers.exceptions import ConsumersError, GrantDenied, LastAdministrator, NotFound, Refused, RoleInUse
from consumers.functionalities import (
    NO_LIMIT,
    Allowance,
    capabilities,
    functionalities,
    missing_needs,
    permissions_of,
    template_grants,
)
from consumers.models import Account, Role, StaffMembership, User
from consumers.services.account import account_create
from consumers.services.role import (
    Authority,
    RoleValues,
    api_key_create_by_staff,
    authority_of,
    role_delete,
    role_save,
)
from consumers.services.staff import staff_member_add, staff_member_remove, staff_role_set
from tests.consumers.builders import make_role, make_staff

pytestmark = pytest.mark.django_db

ADJUSTS = ("Consumers.see", "PointsAdjustments.see", "PointsAdjustments.add")


@pytest.fixture
def account() -> Account:
    return account_create(code="acme", currency="GBP", time_zone="Europe/London").account


@pytest.fixture
def ann(account: Account) -> User:
    """Return the account's administrator."""
    return make_staff(account, "ann", StaffRole.ADMINISTRATOR).user


def member(account: Account, *grants: str, username: str = "bob", **values: int) -> User:
    """Return a member with a role of these grants."""
    role = make_role(account, *grants, title=f"Role of {username}", **values)
    return staff_member_add(account_id=account.pk, username=username, role=role.title).user


def save(account: Account, by: User | None, *grants: str, title: str = "New", **values: object) -> Role:
    return role_save(
        account_id=account.pk,
        values=RoleValues(title=title, grants=grants, **values),  # type: ignore[arg-type]
        given_by=by,
    )


def problems_of(call: Callable[[], object]) -> dict[str | None, str]:
    """Return the details of a refusal by field."""
    with pytest.raises(Refused) as refused:
        call()
    return {problem.attr: problem.detail for problem in refused.value.problems}


# --- what a role is made of -------------------------------------------------------------------------------------------


def test_a_role_allows_what_its_grants_allow_and_nothing_else(account: Account, ann: User) -> None:
    role = save(account, ann, "Sites.see", "Sites.add")
    assert role.permission_names == {"consumers.view_site", "consumers.add_site"}


def test_a_grant_allows_nothing_without_what_it_needs() -> None:
    assert permissions_of(frozenset({"ConsumersLists.see", "ConsumersLists.change"})) == frozenset()
    assert permissions_of(frozenset({"Sites.change"})) == frozenset()
    assert permissions_of(frozenset({"Nothing.see"})) == frozenset()


def test_no_template_lacks_what_it_needs() -> None:
    assert [role for role in StaffRole if missing_needs(template_grants(role))] == []


def test_an_administrator_has_every_functionality() -> None:
    assert template_grants(StaffRole.ADMINISTRATOR) == set(capabilities())


def test_what_a_grant_needs_exists() -> None:
    needs = {need for each in functionalities().values() for action in each.actions for need in each.needs(action)}
    assert needs <= set(capabilities())


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 61}, "title"),
        ({"title": "viewer"}, "title"),
        ({"title": "Taken"}, "title"),
        ({"title": "taken "}, "title"),
        ({"title": "a\u200bb"}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"description": "x" * 201}, "description"),
        ({"grants": ["Nothing.see"]}, "grants"),
        ({"grants": ["Sites.change"]}, "grants"),
        ({"grants": ["PersonalizedPromotions.add", "ConsumersLists.see"]}, "grants"),
        ({"grants": ADJUSTS, "points_at_once": 0}, "points_at_once"),
        ({"grants": ADJUSTS, "points_per_day": -1}, "points_per_day"),
    ],
)
def test_a_role_that_is_wrong_is_refused_at_its_field(
    account: Account, ann: User, values: dict[str, object], attr: str
) -> None:
    make_role(account, title="Taken")
    before = Role.objects.count()
    values = {"title": "New", "grants": [], **values}
    problems = problems_of(
        lambda: role_save(account_id=account.pk, values=RoleValues(**values), given_by=ann)  # type: ignore[arg-type]
    )
    assert set(problems) == {attr}
    assert Role.objects.count() == before


def test_two_accounts_may_call_a_role_the_same(account: Account) -> None:
    other = account_create(code="other", currency="GBP", time_zone="Europe/London").account
    assert save(account, None, title="Same").pk != save(other, None, title="Same").pk


def test_points_belong_to_the_grant_that_adjusts(account: Account, ann: User) -> None:
    assert save(account, ann, *ADJUSTS, points_at_once=5, title="One").own_allowance == (5, None)
    assert save(account, ann, "Sites.see", points_at_once=5, title="Two").own_allowance == NO_LIMIT


@pytest.mark.parametrize(
    ("own", "asked", "covers"),
    [
        ((None, None), (None, None), True),
        ((5, 10), (5, 10), True),
        ((5, 10), (6, 10), False),
        ((5, 10), (5, None), False),
        ((None, 10), (7, 10), True),
    ],
)
def test_an_allowance_covers_no_wider_one(
    own: tuple[int | None, int | None], asked: tuple[int | None, int | None], covers: bool
) -> None:
    assert Allowance(*own).covers(Allowance(*asked)) is covers


# --- nobody gives what they do not have -------------------------------------------------------------------------------


def test_nobody_makes_a_role_with_more_than_they_have(account: Account) -> None:
    bob = member(account, "Staff.see", "Staff.add", "Sites.see")
    assert save(account, bob, "Sites.see", "Staff.see").pk
    problems = problems_of(lambda: save(account, bob, "Sites.see", "Sites.add", title="More"))
    assert problems == {
        "grants": "You can only give permissions that you have yourself. You do not have: “Sites: add”."
    }


def test_nobody_gives_more_points_than_they_may_adjust(account: Account) -> None:
    bob = member(account, *ADJUSTS, "Staff.see", "Staff.add", points_at_once=100)
    assert save(account, bob, *ADJUSTS, points_at_once=100, title="Same").pk
    for points in (101, None):
        problems = problems_of(lambda points=points: save(account, bob, *ADJUSTS, points_at_once=points))  # type: ignore[misc]
        assert problems == {"points_at_once": "You may give up to 100: your own limit."}


def test_the_limits_of_a_template_bind_who_gives(account: Account) -> None:
    carl = staff_member_add(account_id=account.pk, username="carl", role=StaffRole.CUSTOMER_SERVICE).user
    authority = authority_of(account_id=account.pk, user=carl)
    assert authority.allowance == (1_000, 5_000)
    assert not authority.covers(Authority(grants=frozenset(ADJUSTS), allowance=NO_LIMIT))


def test_nobody_changes_or_deletes_a_role_that_may_do_more(account: Account) -> None:
    bob = member(account, "Staff.see", "Staff.change", "Staff.delete")
    more = make_role(account, "Sites.see", title="More")
    values = RoleValues(title="Mine", grants=[])
    with pytest.raises(GrantDenied):
        role_save(account_id=account.pk, values=values, given_by=bob, role_id=more.pk)
    with pytest.raises(GrantDenied):
        role_delete(account_id=account.pk, role_id=more.pk, given_by=bob)
    more.refresh_from_db()
    assert (more.title, more.grants) == ("More", ["Sites.see"])


def test_nobody_raises_their_own_role(account: Account) -> None:
    bob = member(account, "Staff.see", "Staff.change")
    role = bob.staff_memberships.get().role
    values = RoleValues(title=role.title, grants=["Staff.see", "Staff.change", "Staff.add"])
    with pytest.raises(ConsumersError, match="only give permissions that you have yourself"):
        role_save(account_id=account.pk, values=values, given_by=bob, role_id=role.pk)


def test_nobody_gives_a_role_that_may_do_more(account: Account, ann: User) -> None:
    bob = member(account, "Staff.see", "Staff.add", "Staff.change")
    make_role(account, "Sites.see", title="More")
    for role in ("More", StaffRole.ADMINISTRATOR, StaffRole.VIEWER):
        with pytest.raises(GrantDenied):
            staff_member_add(account_id=account.pk, username="new", role=role, given_by=bob)
        with pytest.raises(GrantDenied):
            staff_role_set(account_id=account.pk, username="bob", role=role, given_by=bob)
    assert not User.objects.filter(username="new").exists()


def test_nobody_touches_a_member_who_may_do_more(account: Account, ann: User) -> None:
    bob = member(account, "Staff.see", "Staff.change", "Staff.delete")
    staff_member_add(account_id=account.pk, username="second", role=StaffRole.ADMINISTRATOR)
    with pytest.raises(GrantDenied):
        staff_role_set(account_id=account.pk, username="ann", role="Role of bob", given_by=bob)
    with pytest.raises(GrantDenied):
        staff_member_remove(account_id=account.pk, username="ann", given_by=bob)


def test_a_role_of_another_account_is_not_there(account: Account, ann: User) -> None:
    other = account_create(code="other", currency="GBP", time_zone="Europe/London").account
    theirs = make_role(other, title="Theirs")
    with pytest.raises(NotFound):
        role_save(account_id=account.pk, values=RoleValues(title="Mine"), given_by=ann, role_id=theirs.pk)
    with pytest.raises(NotFound):
        role_delete(account_id=account.pk, role_id=theirs.pk, given_by=ann)
    with pytest.raises(ConsumersError, match="does not have this role"):
        staff_member_add(account_id=account.pk, username="new", role="Theirs", given_by=ann)


def test_who_is_no_member_gives_nothing(account: Account) -> None:
    other = account_create(code="other", currency="GBP", time_zone="Europe/London").account
    stranger = make_staff(other, "zoe", StaffRole.ADMINISTRATOR).user
    assert authority_of(account_id=account.pk, user=stranger).grants == frozenset()
    with pytest.raises(ConsumersError, match="only give permissions that you have yourself"):
        save(account, stranger, "Sites.see")


def test_a_superuser_gives_everything(account: Account) -> None:
    root = User.objects.create_superuser("root", password="correct-horse-7")
    assert save(account, root, *capabilities()).held_grants == set(capabilities())


def test_only_who_may_do_it_all_makes_a_managers_key(account: Account, ann: User) -> None:
    bob = member(account, "ApiKeys.see", "ApiKeys.add")
    with pytest.raises(GrantDenied, match="can do more than you"):
        api_key_create_by_staff(account_id=account.pk, name="x", role=KeyRole.MANAGER, given_by=bob)
    assert api_key_create_by_staff(account_id=account.pk, name="x", role=KeyRole.TILL, given_by=bob)
    assert api_key_create_by_staff(account_id=account.pk, name="x", role=KeyRole.MANAGER, given_by=ann)


# --- what stays -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", StaffRole)
def test_a_template_is_neither_changed_nor_deleted(account: Account, ann: User, role: StaffRole) -> None:
    template = Role.objects.get(account=None, name=role)
    with pytest.raises(NotFound):
        role_save(account_id=account.pk, values=RoleValues(title="Mine"), given_by=ann, role_id=template.pk)
    with pytest.raises(NotFound):
        role_delete(account_id=account.pk, role_id=template.pk, given_by=ann)


def test_a_role_that_somebody_has_is_not_deleted(account: Account, ann: User) -> None:
    bob = member(account, "Sites.see")
    role = bob.staff_memberships.get().role
    with pytest.raises(RoleInUse) as refused:
        role_delete(account_id=account.pk, role_id=role.pk, given_by=ann)
    assert [holder.user for holder in refused.value.holders] == [bob]
    staff_role_set(account_id=account.pk, username="bob", role=StaffRole.VIEWER, given_by=ann)
    role_delete(account_id=account.pk, role_id=role.pk, given_by=ann)
    assert not Role.objects.filter(pk=role.pk).exists()


def test_a_role_that_has_everything_does_not_replace_the_administrator(account: Account, ann: User) -> None:
    member(account, *capabilities(), username="owner")
    with pytest.raises(LastAdministrator):
        staff_role_set(account_id=account.pk, username="ann", role=StaffRole.VIEWER, given_by=ann)
    with pytest.raises(LastAdministrator):
        staff_member_remove(account_id=account.pk, username="ann", given_by=ann)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leave", ["role", "removal"])
def test_of_two_administrators_who_leave_at_once_one_stays(leave: str) -> None:
    account = account_create(code="acme", currency="GBP", time_zone="Europe/London").account
    names = ("ann", "bob")
    users = {name: make_staff(account, name, StaffRole.ADMINISTRATOR).user for name in names}
    start = Barrier(len(names))

    def step_down(name: str) -> bool:
        start.wait()
        given = {"account_id": account.pk, "username": name, "given_by": users[name]}
        try:
            if leave == "role":
                staff_role_set(**given, role=StaffRole.VIEWER)  # type: ignore[arg-type]
            else:
                staff_member_remove(**given)  # type: ignore[arg-type]
        except LastAdministrator:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        assert sorted(pool.map(step_down, names)) == [False, True]
    assert StaffMembership.objects.filter(account=account, role__name=StaffRole.ADMINISTRATOR).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_role_is_not_deleted_while_it_is_given() -> None:
    account = account_create(code="acme", currency="GBP", time_zone="Europe/London").account
    role = make_role(account, "Sites.see", title="Wanted")
    start = Barrier(2)

    def give() -> bool:
        start.wait()
        try:
            staff_member_add(account_id=account.pk, username="new", role="Wanted")
        except ConsumersError:
            return False
        finally:
            connection.close()
        return True

    def delete() -> bool:
        start.wait()
        try:
            role_delete(account_id=account.pk, role_id=role.pk, given_by=None)
        except RoleInUse:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=2) as pool:
        given, deleted = pool.submit(give), pool.submit(delete)
        assert given.result() is not deleted.result()
    assert Role.objects.filter(title="Wanted").exists() is given.result()
