"""Staff adjust points on the Loyalty tab, within the limits of their role."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from consumers.author import Author
from consumers.choices import StaffRole
from consumers.models import Consumer, Role
from loyalty.exceptions import AdjustmentLimit, LoyaltyError
from loyalty.models import AdjustmentLimits, LedgerEntry, StaffAdjustment
from loyalty.selectors.verification import ledger_differences
from loyalty.services.points.staff_adjustment import LimitValues, adjustment_limits_save, staff_points_adjust
from tests.consumers.admin.office import Office, fill, log_in, make_office
from tests.consumers.builders import make_role


@pytest.fixture
def office(db: None) -> Office:
    office = make_office(role=StaffRole.CUSTOMER_SERVICE)
    fill(office.account)
    return office


def member() -> Consumer:
    return Consumer.objects.select_related("membership").get(consumer_id="acme-c1")


def customer_service() -> Role:
    return Role.objects.get(account=None, name=StaffRole.CUSTOMER_SERVICE)


def address() -> str:
    return reverse("admin:loyalty_ledgerentry_adjust", args=[member().pk])


def adjust(office: Office, points: Any, *, direction: str = "add", reason: str = "Sorry", reference: Any = None) -> Any:
    values = {"direction": direction, "points": points, "reason": reason, "reference": reference or uuid4()}
    return office.client.post(address(), {**values, "_form_submitted": "True"})


def set_limits(office: Office, **values: Any) -> None:
    adjustment_limits_save(account_id=office.account.pk, values=LimitValues(**values))


def errors_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return {name: list(messages) for name, messages in answer.context["form"].errors.items()}


def test_points_are_added_and_taken_away_with_a_reason_and_a_name(office: Office) -> None:
    before = member().points_balance
    assert adjust(office, 30, reason="A cold coffee").status_code == 302
    assert adjust(office, 50, direction="take", reason="Given twice").status_code == 302
    assert member().points_balance == before - 20
    adjustments = StaffAdjustment.objects.select_related("entry").order_by("pk")
    recorded = [
        (adjustment.entry.points, adjustment.entry.description, adjustment.made_by) for adjustment in adjustments
    ]
    assert recorded == [(30, "A cold coffee", office.user), (-50, "Given twice", office.user)]
    assert list(ledger_differences()) == []
    page = office.page("loyalty_ledgerentry_change", adjustments[0].pk).content.decode()
    assert str(office.user) in page


def test_a_form_sent_twice_adjusts_once(office: Office) -> None:
    before, reference = member().points_balance, uuid4()
    set_limits(office, customer_service_per_day=30)
    for _ in range(3):
        assert adjust(office, 30, reference=reference).status_code == 302
    assert member().points_balance == before + 30


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"points": "0"}, "points"),
        ({"points": "-5"}, "points"),
        ({"points": "1.5"}, "points"),
        ({"points": ""}, "points"),
        ({"points": "9" * 30}, "points"),
        ({"points": "5", "reason": " "}, "reason"),
        ({"points": "5", "reason": "x" * 1001}, "reason"),
        ({"points": "5", "reason": "\x00"}, "reason"),
        ({"points": "5", "direction": "sideways"}, "direction"),
        ({"points": "5", "reference": "again"}, "reference"),
    ],
)
def test_errors_are_shown_at_their_fields_and_nothing_changes(
    office: Office, fields: dict[str, Any], wrong: str
) -> None:
    entries = LedgerEntry.objects.count()
    assert wrong in errors_of(adjust(office, **fields))
    assert LedgerEntry.objects.count() == entries


def test_the_tab_offers_adjustments_of_members_to_permitted_staff_only(office: Office) -> None:
    page = ("consumers_consumer_change", member().pk)
    assert address() in office.page(*page).content.decode()
    for role in (StaffRole.MARKETER, StaffRole.VIEWER):
        other = office.login(role)
        assert address() not in other.page(*page).content.decode()
        assert other.client.get(address()).status_code == 403
        assert adjust(other, 5).status_code == 403
    theirs = make_office("theirs")
    assert theirs.client.get(address()).status_code == 404
    assert adjust(theirs, 5).status_code == 404
    Consumer.objects.get().membership.delete()
    assert address() not in office.page(*page).content.decode()
    assert "Only loyalty members" in errors_of(adjust(office, 5))["__all__"][0]


def test_an_adjustment_above_the_limit_of_the_role_is_refused(office: Office) -> None:
    before = member().points_balance
    assert "1,000 points at once" in errors_of(adjust(office, 1_001))["points"][0]
    assert "1,000 points at once" in errors_of(adjust(office, 1_001, direction="take"))["points"][0]
    assert member().points_balance == before
    assert adjust(office, 1_000).status_code == 302
    assert adjust(office.login(StaffRole.ADMINISTRATOR), 1_000_000).status_code == 302


def test_the_daily_limit_counts_points_added_and_points_taken(office: Office) -> None:
    set_limits(office, customer_service_per_day=100)
    assert adjust(office, 60).status_code == 302
    assert adjust(office, 30, direction="take").status_code == 302
    words = errors_of(adjust(office, 11))["points"][0]
    assert words == "Your role allows 100 points a day; 10 of today's are left."
    assert adjust(office, 10).status_code == 302
    assert "0 of today's are left" in errors_of(adjust(office, 1))["points"][0]
    # A colleague has a day of their own.
    colleague = office.login(StaffRole.CUSTOMER_SERVICE, "colleague")
    assert adjust(colleague, 100).status_code == 302


def test_the_daily_limit_uses_days_of_the_accounts_zone(office: Office) -> None:
    # London's summer time is an hour ahead of UTC.
    set_limits(office, customer_service_per_day=10)

    def adjust_at(moment: datetime) -> None:
        staff_points_adjust(
            account=office.account,
            author=Author(user=office.user, reason="x"),
            role=customer_service(),
            consumer_id="acme-c1",
            reference=str(uuid4()),
            points=10,
            at=moment,
        )

    adjust_at(datetime(2026, 6, 1, 22, 59, tzinfo=UTC))
    adjust_at(datetime(2026, 6, 1, 23, 0, tzinfo=UTC))
    with pytest.raises(AdjustmentLimit):
        adjust_at(datetime(2026, 6, 2, 22, 59, tzinfo=UTC))


def test_the_dialog_shows_the_balance_and_the_remaining_limits(office: Office) -> None:
    balance = member().points_balance
    words = office.client.get(address()).content.decode()
    assert f"The balance is {balance:,} points. You may adjust up to 1,000 at once, and 5,000 more today." in words
    adjust(office, 400, direction="take")
    set_limits(office, customer_service_at_once=None)
    assert "You may adjust 4,600 more today." in office.client.get(address()).content.decode()
    set_limits(office, customer_service_per_day=None)
    assert "You may adjust up to 1,000 at once." in office.client.get(address()).content.decode()
    assert "You may" not in office.login(StaffRole.ADMINISTRATOR).client.get(address()).content.decode()


def settings_page(office: Office, **values: Any) -> Any:
    return office.post("loyalty_adjustmentlimits_change", office.account.pk, **values)


def test_administrators_set_the_limits_and_customer_service_sees_them(office: Office) -> None:
    admin = office.login(StaffRole.ADMINISTRATOR)
    values = {"customer_service_at_once": "20", "customer_service_per_day": "", "administrator_at_once": "500"}
    assert settings_page(admin, **values, administrator_per_day="").status_code == 302
    stored = AdjustmentLimits.objects.get()
    assert (stored.of_role(StaffRole.CUSTOMER_SERVICE), stored.of_role(StaffRole.ADMINISTRATOR)) == (
        (20, None),
        (500, None),
    )
    assert stored.history.count() == 1
    assert "20 points at once" in errors_of(adjust(office, 21))["points"][0]
    assert "500 points at once" in errors_of(adjust(admin, 501))["points"][0]
    assert office.page("loyalty_adjustmentlimits_change", office.account.pk).status_code == 200
    assert settings_page(office, **values).status_code == 403
    assert office.login(StaffRole.VIEWER).page("loyalty_adjustmentlimits_changelist").status_code == 403


LIMITS = {
    "customer_service_at_once": "50",
    "customer_service_per_day": "5000",
    "administrator_at_once": "700",
    "administrator_per_day": "",
}


def limits_setter(office: Office, *grants: str, **values: int) -> Office:
    """Return the office with a logged-in member who may set the limits, with a role of these grants besides."""
    held = ("Consumers.see", "PointsAdjustments.see", "PointsAdjustments.change", *grants)
    role = make_role(office.account, *held, title="Setter", **values)
    set_limits(office, customer_service_at_once=50, administrator_at_once=700)
    return log_in(office.account, role=role.title, username="setter")


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({}, {}),
        ({"customer_service_at_once": "100"}, {}),
        ({"customer_service_at_once": "20", "administrator_at_once": "600", "administrator_per_day": "900"}, {}),
        ({"customer_service_at_once": "101"}, {"customer_service_at_once": "You may give up to 100: your own limit."}),
        ({"customer_service_at_once": ""}, {"customer_service_at_once": "You may give up to 100: your own limit."}),
        ({"administrator_at_once": "701"}, {"administrator_at_once": "You may give up to 100: your own limit."}),
        ({"customer_service_per_day": "5001"}, {"customer_service_per_day": "You may give up to 300: your own limit."}),
        ({"customer_service_per_day": ""}, {"customer_service_per_day": "You may give up to 300: your own limit."}),
    ],
)
def test_nobody_raises_a_limit_above_their_own(office: Office, sent: dict[str, str], wrong: dict[str, str]) -> None:
    setter = limits_setter(office, "PointsAdjustments.add", points_at_once=100, points_per_day=300)
    before = AdjustmentLimits.objects.values().get()
    answer = settings_page(setter, **LIMITS | sent)
    if wrong:
        problems = answer.context["adminform"].form.errors
        assert {name: messages[0] for name, messages in problems.items()} == wrong
        assert AdjustmentLimits.objects.values().get() == before
    else:
        stored = AdjustmentLimits.objects.values(*LIMITS).get()
        assert stored == {name: int(value) if value else None for name, value in (LIMITS | sent).items()}


def test_who_adjusts_no_points_only_lowers_limits(office: Office) -> None:
    setter = limits_setter(office)
    answer = settings_page(setter, **LIMITS | {"customer_service_at_once": "51"})
    (message,) = answer.context["adminform"].form.errors["customer_service_at_once"]
    assert message == "You cannot adjust points yourself, so you can only lower limits."
    assert message in setter.page("loyalty_adjustmentlimits_change", office.account.pk).content.decode().replace(
        "&#x27;", "'"
    )
    assert settings_page(setter, **LIMITS | {"customer_service_at_once": "49"}).status_code == 302
    assert AdjustmentLimits.objects.get().customer_service_at_once == 49


def test_without_a_row_the_defaults_are_not_raised(office: Office) -> None:
    setter = limits_setter(office, "PointsAdjustments.add", points_at_once=2_000, points_per_day=2_000)
    AdjustmentLimits.objects.all().delete()
    with pytest.raises(LoyaltyError, match="2,000"):
        adjustment_limits_save(
            account_id=office.account.pk, values=LimitValues(customer_service_at_once=2_001), given_by=setter.user
        )
    assert not AdjustmentLimits.objects.exists()


def test_a_limit_is_raised_by_who_may_adjust_as_much_by_then(office: Office) -> None:
    setter = limits_setter(office, "PointsAdjustments.add")
    values = LimitValues(customer_service_at_once=60, administrator_at_once=700)
    adjustment_limits_save(account_id=office.account.pk, values=values, given_by=setter.user)
    # Who is no member any more gives nothing.
    setter.user.staff_memberships.all().delete()
    with pytest.raises(LoyaltyError, match="only lower"):
        adjustment_limits_save(
            account_id=office.account.pk, values=replace(values, customer_service_at_once=61), given_by=setter.user
        )
    assert AdjustmentLimits.objects.get().customer_service_at_once == 60


def test_administrators_raise_their_own_limit_again(office: Office) -> None:
    set_limits(office, administrator_at_once=5)
    admin = office.login(StaffRole.ADMINISTRATOR)
    assert settings_page(admin, **LIMITS | {"administrator_at_once": ""}).status_code == 302
    assert AdjustmentLimits.objects.get().administrator_at_once is None


@pytest.mark.parametrize("value", ["0", "-1", "x", "9" * 20])
def test_a_limit_is_at_least_one(office: Office, value: str) -> None:
    answer = settings_page(office.login(StaffRole.ADMINISTRATOR), customer_service_at_once=value)
    assert "customer_service_at_once" in answer.context["adminform"].form.errors
    assert not AdjustmentLimits.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_adjustments_by_one_person_stay_within_the_daily_limit() -> None:
    office = make_office(role=StaffRole.CUSTOMER_SERVICE)
    fill(office.account, rows=2)
    set_limits(office, customer_service_per_day=100)
    before = list(Consumer.objects.order_by("pk").values_list("points_balance", flat=True))
    start = Barrier(8)

    def adjust_at_once(number: int) -> bool:
        start.wait()
        try:
            staff_points_adjust(
                account=office.account,
                author=Author(user=office.user, reason="x"),
                role=customer_service(),
                consumer_id=f"acme-c{1 + number % 2}",
                reference=f"A{number}",
                points=40 if number < 4 else -40,
                at=timezone.now(),
            )
        except AdjustmentLimit:
            return False
        finally:
            connection.close()
        return True

    with time_machine.travel(datetime(2026, 6, 1, 12, tzinfo=UTC)), ThreadPoolExecutor(8) as pool:
        done = list(pool.map(adjust_at_once, range(8)))
    assert sum(done) == 2
    after = list(Consumer.objects.order_by("pk").values_list("points_balance", flat=True))
    moved = [sum(40 if n < 4 else -40 for n in range(8) if done[n] and n % 2 == parity) for parity in (0, 1)]
    assert after == [balance + move for balance, move in zip(before, moved, strict=True)]
    assert list(ledger_differences()) == []
