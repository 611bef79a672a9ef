"""Several promotions of a list take a step at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from consumers.choices import StaffRole
from promotions.models import Promotion
from tests.consumers.admin.office import Office, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db

LIST = "loyalty_loyaltypromotion_changelist"


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    """A running promotion, another, a draft, and one of another account."""
    made = make_office()
    for code, more in (("one", {}), ("two", {}), ("draft", {"draft": True})):
        save_promotion(made.account, code=code, name=f"Named {code}", **more)
    save_promotion(make_office("other").account, code="elsewhere")
    return made


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def ask(office: Office, action: str, *codes: str, name: str = LIST, **values: Any) -> Any:
    chosen = list(Promotion.objects.filter(code__in=codes).values_list("pk", flat=True))
    return office.post(name, action=action, _selected_action=chosen, **values)


def statuses() -> dict[str, str]:
    now = timezone.now()
    return {promotion.code: promotion.status_at(now).value for promotion in Promotion.objects.all()}


def test_stopping_several_is_asked_about_first(office: Office) -> None:
    before = statuses()
    page = ask(office, "stop_chosen", "one", "two", "draft")
    assert [promotion.code for promotion in page.context["allowed"]] == ["one", "two"]
    assert [row["promotion"].code for row in page.context["skipped"]] == ["draft"]
    assert statuses() == before


def test_those_that_can_be_stopped_are_and_the_history_says_why(office: Office) -> None:
    ask(office, "stop_chosen", "one", "draft", confirmed="yes", reason="Out of coffee")
    assert statuses() == {"one": "stopped", "two": "active", "draft": "draft", "elsewhere": "active"}
    assert Promotion.history.filter(code="one", history_change_reason="Out of coffee").exists()


def test_nothing_of_another_account_is_stopped(office: Office) -> None:
    ask(office, "stop_chosen", "elsewhere", confirmed="yes")
    assert statuses()["elsewhere"] == "active"


def test_each_copy_is_a_draft_under_a_code_of_its_own(office: Office) -> None:
    for _ in range(2):
        ask(office, "duplicate_chosen", "one", "two", confirmed="yes")
    copies = Promotion.objects.filter(code__contains="-copy")
    assert sorted(copies.values_list("code", flat=True)) == [
        "one-copy",
        "one-copy-2",
        "two-copy",
        "two-copy-2",
    ]
    assert all(copy.draft for copy in copies)


def test_copies_of_several_take_the_dates_that_are_given_and_keep_the_others(office: Office) -> None:
    ends_at = timezone.now() + timedelta(days=400)
    Promotion.objects.filter(code="two").update(ends_at=ends_at)
    ask(office, "duplicate_chosen", "one", "two", confirmed="yes", starts_at="2026-12-24T09:00", ends_at="")
    copies = Promotion.objects.filter(code__contains="-copy").order_by("code")
    start = datetime(2026, 12, 24, 9, tzinfo=UTC)
    assert [(copy.starts_at, copy.ends_at) for copy in copies] == [(start, None), (start, ends_at)]


def test_an_end_in_the_past_is_refused_for_several_copies(office: Office) -> None:
    page = ask(office, "duplicate_chosen", "one", confirmed="yes", ends_at="2020-06-01T09:00")
    assert "This end is in the past." in page.content.decode()
    assert not Promotion.objects.filter(code__contains="-copy").exists()


def test_discounts_are_stopped_together_too(office: Office) -> None:
    save_discount(office.account, code="tenth")
    ask(office, "stop_chosen", "tenth", name="promotions_discount_changelist", confirmed="yes")
    assert statuses()["tenth"] == "stopped"


def test_a_reason_that_is_too_long_is_asked_for_again(office: Office) -> None:
    page = ask(office, "stop_chosen", "one", confirmed="yes", reason="x" * 101)
    assert "at most 100 characters" in page.content.decode()
    assert statuses()["one"] == "active"


@pytest.mark.parametrize("action", ["stop_chosen", "duplicate_chosen"])
@pytest.mark.parametrize("role", [StaffRole.VIEWER, StaffRole.CUSTOMER_SERVICE])
def test_who_may_only_look_takes_no_step(office: Office, role: StaffRole, action: str) -> None:
    before = statuses()
    looking = office.login(role)
    assert action not in looking.page(LIST).content.decode()
    ask(looking, action, "one", confirmed="yes")
    assert statuses() == before
