"""The calendar: every family by day, in the account's zone."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from loyalty.admin.calendar import MOST, OPEN_IN_A_WEEK, describe_days, monday_of
from loyalty.choices import PromotionType
from promotions.choices import Family
from promotions.models import Promotion
from tests.consumers.admin.office import Office, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Office:
    return make_office("acme", time_zone="Europe/London")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def calendar(office: Office, **asked: str) -> Any:
    """The page around the middle of June 2026, unless told otherwise."""
    answer = office.client.get(reverse("promotion_calendar"), {"day": "2026-06-15", **asked})
    assert answer.status_code == 200
    return answer


def names(answer: Any) -> list[str]:
    return [bar.name for bar in answer.context["bars"]]


def many(office: Office, count: int) -> None:
    """Promotions that run in June 2026, written past the services for speed."""
    Promotion.objects.bulk_create(
        Promotion(
            account=office.account,
            family=Family.LOYALTY,
            code=f"many-{n}",
            type=PromotionType.FIXED_POINTS,
            name=f"Many {n}",
            currency="GBP",
            starts_at=at(2026, 6, 1 + n % 25),
            ends_at=at(2026, 7, 1),
        )
        for n in range(count)
    )


def test_it_shows_every_family_that_runs_in_the_time(office: Office) -> None:
    for name, start, end in (
        ("Before", at(2026, 1, 1), at(2026, 6, 7, 23)),
        ("Reaches in", at(2026, 1, 1), at(2026, 6, 9)),
        ("Within", at(2026, 6, 20), at(2026, 6, 22)),
        ("After", at(2026, 9, 1), None),
    ):
        save_promotion(office.account, code=name, name=name, starts_at=start, ends_at=end)
    save_discount(office.account, name="Half price", starts_at=at(2026, 6, 25))
    assert names(calendar(office)) == ["Reaches in", "Within", "Half price"]


def test_a_bar_covers_the_days_of_the_accounts_zone(office: Office) -> None:
    # 23:30 in UTC is the next day in London's summer; an end at midnight there ends the day before.
    save_promotion(office.account, starts_at=at(2026, 6, 9, 23, 30), ends_at=at(2026, 6, 12, 23))
    (bar,) = calendar(office).context["bars"]
    assert bar.dates == "10 Jun – 12 Jun 2026"
    assert (bar.column, bar.past) == (3, 6)


def test_a_stopped_promotion_ends_where_it_was_stopped_and_not_at_all_where_it_never_ran(office: Office) -> None:
    for code, stopped in (("ran", at(2026, 6, 11)), ("never", at(2026, 6, 1))):
        made = save_promotion(office.account, code=code, name=code, starts_at=at(2026, 6, 10))
        Promotion.objects.filter(pk=made.pk).update(stopped_at=stopped)
    (bar,) = calendar(office).context["bars"]
    assert (bar.name, bar.past - bar.column) == ("ran", 2)


def test_a_promotion_without_an_end_goes_on_to_the_last_day(office: Office) -> None:
    save_promotion(office.account, starts_at=at(2026, 6, 10))
    (bar,) = calendar(office).context["bars"]
    assert (bar.past, bar.dates) == (43, "from 10 Jun 2026, no end")


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"kind": "loyalty"}, ["Fifty", "Draft"]),
        ({"kind": "discount"}, ["Tenth"]),
        ({"kind": "percentage"}, ["Tenth"]),
        ({"kind": "bonus_points"}, []),
        ({"status": "draft"}, ["Draft"]),
        ({"q": "FIFT"}, ["Fifty"]),
        ({"kind": "nonsense", "status": "x", "day": "never"}, ["Fifty", "Draft", "Tenth"]),
    ],
)
def test_it_can_be_narrowed_down(office: Office, asked: dict[str, str], shown: list[str]) -> None:
    save_promotion(office.account, name="Fifty", starts_at=at(2026, 6, 1))
    save_promotion(office.account, code="draft", name="Draft", draft=True, starts_at=at(2026, 6, 2))
    save_discount(office.account, name="Tenth", starts_at=at(2026, 6, 3))
    assert names(calendar(office, **asked)) == shown


def test_every_bar_leads_to_its_promotion_and_says_its_status(office: Office) -> None:
    promotion = save_promotion(office.account, name="Fifty", starts_at=at(2026, 6, 1), ends_at=at(2026, 6, 20))
    discount = save_discount(office.account, name="Tenth", draft=True, starts_at=at(2026, 6, 3))
    for view in ("timeline", "month"):
        page = calendar(office, view=view).content.decode()
        for address in (
            reverse("admin:loyalty_loyaltypromotion_change", args=[promotion.pk]),
            reverse("admin:promotions_discount_change", args=[discount.pk]),
        ):
            assert f'href="{address}"' in page
        assert "Draft" in page
        assert 'style="' not in page.split('id="content"')[1].split("</main>")[0]


def test_a_month_has_its_weeks_and_hides_what_is_too_much(office: Office) -> None:
    many(office, OPEN_IN_A_WEEK + 5)
    context = calendar(office, view="month").context
    assert [week.days[0].date for week in context["weeks"]] == [date(2026, 6, day) for day in (1, 8, 15, 22, 29)]
    last = context["weeks"][-1]
    assert (len(last.bars), len(last.more)) == (OPEN_IN_A_WEEK, 5)
    assert {(bar.column, bar.past) for bar in last.bars} == {(1, 4)}


def test_archived_promotions_and_those_of_other_accounts_are_not_shown(office: Office) -> None:
    save_promotion(office.account, code="old", archived=True, starts_at=at(2026, 6, 1))
    save_promotion(make_office("theirs").account, starts_at=at(2026, 6, 1))
    assert names(calendar(office)) == []


def test_five_hundred_promotions_cost_one_query_and_a_page_of_bounded_size(office: Office) -> None:
    def queries(**asked: str) -> int:
        with CaptureQueriesContext(connection) as counted:
            calendar(office, **asked)
        return len(counted)

    few = queries()
    many(office, 500)
    # Session, user, membership, permissions, accounts to switch to; the promotions.
    assert (few, queries(), queries(view="month")) == (6, 6, 6)
    page = calendar(office)
    assert len(page.context["bars"]) == 500
    assert len(page.content) < 500_000


def test_more_than_can_be_shown_is_said(office: Office) -> None:
    many(office, MOST + 1)
    page = calendar(office)
    assert len(page.context["bars"]) == MOST
    assert "There are more than 1000" in page.content.decode()


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("view", ["timeline", "month"])
def test_the_ends_of_the_calendar_are_no_error(office: Office, day: str, view: str) -> None:
    calendar(office, day=day, view=view)


def test_today_is_marked(office: Office) -> None:
    save_promotion(office.account)
    days = calendar(office, day="").context["days"]
    assert [day.date for day in days if day.is_today] == [timezone.localdate()]
    assert days[0].date == monday_of(days[0].date)


def test_days_are_said_as_short_as_they_can_be() -> None:
    assert describe_days(date(2026, 6, 1), date(2026, 6, 1)) == "1 Jun 2026"
    assert describe_days(date(2025, 12, 30), date(2026, 1, 2)) == "30 Dec 2025 – 2 Jan 2026"
