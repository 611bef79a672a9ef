"""Filters of lists are kept per person, list and account, within bounds."""

import pytest

from consumers.choices import StaffRole
from consumers.exceptions import AlreadyExists, ConsumersError, NotFound, Refused
from consumers.models import Account, SavedFilter, User
from consumers.selectors import saved_filters_of
from consumers.services import saved_filter as service
from consumers.services.account import account_create
from consumers.services.saved_filter import (
    SavedFilterChange,
    SavedFilterValues,
    saved_filter_add,
    saved_filters_change,
)
from consumers.services.staff import staff_member_add, staff_member_remove

pytestmark = pytest.mark.django_db

SITES = "consumers.site"


@pytest.fixture
def account() -> Account:
    return account_create(code="acme", name="Acme", currency="GBP", time_zone="UTC").account


def member(account: Account, username: str) -> User:
    return staff_member_add(account_id=account.pk, username=username, role=StaffRole.ADMINISTRATOR.label).user


def add(
    account: Account, user: User, name: str, list_name: str = SITES, query: str = "q=a", **more: bool
) -> SavedFilter:
    values = SavedFilterValues(name=name, **more)
    return saved_filter_add(account_id=account.pk, user=user, list_name=list_name, query=query, values=values)


def change(account: Account, user: User, **values: SavedFilterValues | None) -> tuple[int, int]:
    pks = dict(SavedFilter.objects.values_list("name", "pk"))
    changes = [SavedFilterChange(pk=pks[name], values=new) for name, new in values.items()]
    return saved_filters_change(account_id=account.pk, user=user, list_name=SITES, changes=changes)


def seen_by(account: Account, user: User) -> list[str]:
    return [saved.name for saved in saved_filters_of(account_id=account.pk, list_name=SITES, user=user)]


def test_a_filter_is_its_owners_until_it_is_shared(account: Account) -> None:
    ann, ben = member(account, "ann"), member(account, "ben")
    add(account, ann, "Mine")
    add(account, ann, "Ours", shared=True)
    other = account_create(code="other", name="Other", currency="GBP", time_zone="UTC").account
    staff_member_add(account_id=other.pk, username="ann", role=StaffRole.ADMINISTRATOR.label)
    assert (seen_by(account, ann), seen_by(account, ben), seen_by(other, ann)) == (["Mine", "Ours"], ["Ours"], [])


@pytest.mark.parametrize("name", ["Leeds", "LEEDS", "  leeds ", "Ｌeeds"])  # noqa: RUF001 - a wide letter
def test_a_name_is_once_per_person_and_list_whatever_its_case_and_width(account: Account, name: str) -> None:
    ann, ben = member(account, "ann"), member(account, "ben")
    add(account, ann, "Leeds")
    with pytest.raises(AlreadyExists) as refused:
        add(account, ann, name)
    assert refused.value.attr == "name"
    add(account, ben, name)
    add(account, ann, name, list_name="consumers.job")
    assert SavedFilter.objects.count() == 3


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", "q=a"),
        ("  ", "q=a"),
        ("x" * 61, "q=a"),
        ("a\x07", "q=a"),
        ("a\u200bb", "q=a"),
        ("a", ""),
        ("a", "q" * 2001),
    ],
)
def test_names_and_filters_out_of_bounds_are_refused(account: Account, name: str, query: str) -> None:
    with pytest.raises(ConsumersError):
        add(account, member(account, "ann"), name, query=query)
    assert not SavedFilter.objects.exists()


def test_the_number_of_filters_is_limited(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_FILTERS_OF_LIST", 2)
    monkeypatch.setattr(service, "MAX_SHARED_FILTERS_OF_LIST", 1)
    ann, ben = member(account, "ann"), member(account, "ben")
    add(account, ann, "a", shared=True)
    add(account, ann, "b")
    for user, shared in ((ann, False), (ben, True)):
        with pytest.raises(ConsumersError):
            add(account, user, "c", shared=shared)
    with pytest.raises(ConsumersError):
        change(account, ann, b=SavedFilterValues(name="b", shared=True))
    add(account, ben, "c")
    assert sorted(SavedFilter.objects.values_list("name", flat=True)) == ["a", "b", "c"]


def test_there_is_one_default_view(account: Account) -> None:
    ann, ben = member(account, "ann"), member(account, "ben")
    add(account, ben, "x", is_default=True)
    add(account, ann, "a", is_default=True)
    add(account, ann, "b", is_default=True)
    assert set(SavedFilter.objects.filter(is_default=True).values_list("name", flat=True)) == {"x", "b"}
    both = SavedFilterValues(name="a", is_default=True)
    with pytest.raises(ConsumersError):
        change(account, ann, a=both)
    change(account, ann, a=both, b=SavedFilterValues(name="b"))
    assert set(SavedFilter.objects.filter(is_default=True).values_list("name", flat=True)) == {"x", "a"}


def test_names_can_be_swapped_and_given_up_at_once(account: Account) -> None:
    ann = member(account, "ann")
    for name in "abc":
        add(account, ann, name, query=f"q={name}")
    changed = change(account, ann, a=SavedFilterValues(name="B"), b=SavedFilterValues(name="c", shared=True), c=None)
    assert changed == (2, 1)
    assert set(SavedFilter.objects.values_list("query", "name", "shared")) == {("q=a", "B", False), ("q=b", "c", True)}
    with pytest.raises(AlreadyExists):
        change(account, ann, B=SavedFilterValues(name="C"))


def test_nobody_changes_the_filters_of_others(account: Account) -> None:
    ann, ben = member(account, "ann"), member(account, "ben")
    add(account, ann, "Ours", shared=True)
    for values in (None, SavedFilterValues(name="Mine")):
        with pytest.raises(NotFound):
            change(account, ben, Ours=values)
    assert seen_by(account, ann) == ["Ours"]


def test_who_leaves_the_account_leaves_no_filters(account: Account) -> None:
    ann, ben = member(account, "ann"), member(account, "ben")
    add(account, ann, "Ours", shared=True)
    add(account, ben, "Mine")
    staff_member_remove(account_id=account.pk, username="ann")
    assert seen_by(account, ben) == ["Mine"]


def test_a_refusal_changes_nothing(account: Account) -> None:
    ann = member(account, "ann")
    add(account, ann, "a")
    add(account, ann, "b")
    with pytest.raises(Refused) as refused:
        change(account, ann, a=None, b=SavedFilterValues(name=""))
    pk = SavedFilter.objects.get(name="b").pk
    assert (refused.value.attr, seen_by(account, ann)) == (f"{pk}.name", ["a", "b"])
