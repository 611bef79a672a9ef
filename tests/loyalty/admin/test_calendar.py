"""The calendar: every family by day, in the account's zone."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from loyalty.admin.calendar import KIND_LABELS, MAX_OPEN_BARS, MAX_PROMOTIONS, describe_days, monday_of
from loyalty.choices import PromotionType
from promotions.choices import Family
from promotions.models import Promotion
from tests.consumers.admin.office import Office, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office("acme", time_zone="Europe/London")


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def calendar(office: Office, **parameters: str) -> Any:
    """Return the page around 15 June 2026, unless the parameters name another day."""
    response = office.client.get(reverse("promotion_calendar"), {"day": "2026-06-15", **parameters})
    assert response.status_code == 200
    return response


def bar_names(response: Any) -> list[str]:
    return [bar.name for bar in response.context["bars"]]


def create_promotions(office: Office, count: int) -> None:
    """Create promotions that run in June 2026, without the services: they are slower."""
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


def test_the_calendar_shows_promotions_of_every_family_that_run_in_the_period(office: Office) -> None:
    for name, start, end in (
        ("Before", at(2026, 1, 1), at(2026, 6, 7, 23)),
        ("Reaches in", at(2026, 1, 1), at(2026, 6, 9)),
        ("Within", at(2026, 6, 20), at(2026, 6, 22)),
        ("After", at(2026, 9, 1), None),
    ):
        save_promotion(office.account, code=name, name=name, starts_at=start, ends_at=end)
    save_discount(office.account, name="Half price", starts_at=at(2026, 6, 25))
    assert bar_names(calendar(office)) == ["Reaches in", "Within", "Half price"]


def test_a_bar_covers_the_days_of_the_accounts_zone(office: Office) -> None:
    # 23:30 in UTC is the next day in London's summer; an end at midnight there ends the day before.
    save_promotion(office.account, starts_at=at(2026, 6, 9, 23, 30), ends_at=at(2026, 6, 12, 23))
    (bar,) = calendar(office).context["bars"]
    assert bar.dates == "10 Jun – 12 Jun 2026"
    assert (bar.column, bar.past) == (3, 6)


def test_a_stopped_promotion_ends_at_its_stop_and_is_not_shown_if_it_never_ran(office: Office) -> None:
    for code, stopped in (("ran", at(2026, 6, 11)), ("never", at(2026, 6, 1))):
        promotion = save_promotion(office.account, code=code, name=code, starts_at=at(2026, 6, 10))
        Promotion.objects.filter(pk=promotion.pk).update(stopped_at=stopped)
    (bar,) = calendar(office).context["bars"]
    assert (bar.name, bar.past - bar.column) == ("ran", 2)


def test_a_promotion_without_an_end_runs_to_the_last_day(office: Office) -> None:
    save_promotion(office.account, starts_at=at(2026, 6, 10))
    (bar,) = calendar(office).context["bars"]
    assert (bar.past, bar.dates) == (43, "from 10 Jun 2026, no end date")


@pytest.mark.parametrize(
    ("parameters", "shown"),
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
def test_filters_narrow_and_invalid_values_are_ignored(
    office: Office, parameters: dict[str, str], shown: list[str]
) -> None:
    save_promotion(office.account, name="Fifty", starts_at=at(2026, 6, 1))
    save_promotion(office.account, code="draft", name="Draft", draft=True, starts_at=at(2026, 6, 2))
    save_discount(office.account, name="Tenth", starts_at=at(2026, 6, 3))
    assert bar_names(calendar(office, **parameters)) == shown


def test_every_bar_links_to_its_promotion_and_shows_its_status(office: Office) -> None:
    promotion = save_promotion(office.account, name="Fifty", starts_at=at(2026, 6, 1), ends_at=at(2026, 6, 20))
    discount = save_discount(office.account, name="Tenth", draft=True, starts_at=at(2026, 6, 3))
    for view in ("timeline", "month"):
        page = calendar(office, view=view).content.decode()
        for url in (
            reverse("admin:loyalty_loyaltypromotion_change", args=[promotion.pk]),
            reverse("admin:promotions_discount_change", args=[discount.pk]),
        ):
            assert f'href="{url}"' in page
        assert "Draft" in page
        assert 'style="' not in page.split('id="content"')[1].split("</main>")[0]


def test_a_month_shows_its_weeks_and_folds_bars_beyond_the_limit(office: Office) -> None:
    create_promotions(office, MAX_OPEN_BARS + 5)
    context = calendar(office, view="month").context
    assert [week.days[0].date for week in context["weeks"]] == [date(2026, 6, day) for day in (1, 8, 15, 22, 29)]
    last = context["weeks"][-1]
    assert (len(last.bars), len(last.more)) == (MAX_OPEN_BARS, 5)
    assert {(bar.column, bar.past) for bar in last.bars} == {(1, 4)}


def save_lives(office: Office) -> None:
    """Save promotions that start or end in June 2026, and older ones that run through all of it."""
    for name, start, end in (
        ("Endless", at(2025, 1, 1), None),
        ("All summer", at(2026, 4, 1), at(2026, 9, 1)),
        ("Ends first", at(2026, 5, 1), at(2026, 6, 12)),
        ("Starts", at(2026, 6, 10), None),
        ("Short", at(2026, 6, 19), at(2026, 6, 21)),
    ):
        save_promotion(office.account, code=name, name=name, starts_at=start, ends_at=end)


@pytest.mark.parametrize(
    ("sort", "shown"),
    [
        ("", ["Ends first", "Starts", "Short", "Endless", "All summer"]),
        ("start", ["Ends first", "Starts", "Short", "Endless", "All summer"]),
        ("end", ["Ends first", "Short", "Starts", "All summer", "Endless"]),
    ],
)
def test_what_runs_throughout_comes_after_what_starts_or_ends(office: Office, sort: str, shown: list[str]) -> None:
    save_lives(office)
    page = calendar(office, sort=sort)
    assert bar_names(page) == shown
    assert [bar.name for bar in page.context["constant"]] == shown[3:]
    assert "Running throughout (2)" in page.content.decode()


def test_a_stopped_promotion_is_sorted_by_its_stop(office: Office) -> None:
    save_lives(office)
    Promotion.objects.filter(code="Starts").update(stopped_at=at(2026, 6, 11))
    assert bar_names(calendar(office, sort="end"))[:3] == ["Starts", "Ends first", "Short"]


def test_a_month_names_what_runs_throughout_once_and_puts_a_weeks_changes_first(office: Office) -> None:
    save_lives(office)
    page = calendar(office, view="month")
    assert page.content.decode().count('<span class="month-bar-name">Endless</span>') == 1
    weeks = page.context["weeks"]
    assert [[bar.name for bar in week.bars] for week in weeks] == [
        ["Ends first"],
        ["Ends first", "Starts"],
        ["Short", "Starts"],
        ["Starts"],
        ["Starts"],
    ]


def test_a_full_calendar_leaves_out_what_runs_throughout_before_what_changes(office: Office) -> None:
    save_promotion(office.account, code="old", name="Old", starts_at=at(2025, 1, 1))
    create_promotions(office, MAX_PROMOTIONS)
    assert "Old" not in bar_names(calendar(office))


def test_bars_are_coloured_by_kind_with_a_legend_of_those_shown(office: Office) -> None:
    save_promotion(office.account, name="Fifty", starts_at=at(2026, 6, 1), ends_at=at(2026, 6, 20))
    save_discount(office.account, name="Tenth", draft=True, starts_at=at(2026, 6, 10))
    for view in ("timeline", "month"):
        page = calendar(office, view=view)
        assert page.context["kinds"] == [("fixed_points", "Fixed points"), ("percentage", "Percentage off")]
        assert "Fifty: Fixed points, " in page.content.decode()
        assert "-bar kind-percentage is-draft" in page.content.decode()


def test_every_kind_has_a_colour() -> None:
    styles = (settings.BASE_DIR / "static/css/calendar.css").read_text()
    assert [kind for kind in KIND_LABELS if f".kind-{kind} " not in styles] == []


def test_the_label_of_a_short_bar_is_beside_it(office: Office) -> None:
    for name, start, end in (
        ("Long", at(2026, 6, 9), at(2026, 7, 1)),
        ("Early", at(2026, 6, 10), at(2026, 6, 11)),
        ("Late", at(2026, 7, 17), at(2026, 7, 18)),
    ):
        save_promotion(office.account, code=name, name=name, starts_at=start, ends_at=end)
    places = {bar.name: bar.label_place for bar in calendar(office).context["bars"]}
    assert places == {"Long": "inside", "Early": "after", "Late": "before"}


def test_archived_promotions_and_those_of_other_accounts_are_not_shown(office: Office) -> None:
    save_promotion(office.account, code="old", archived=True, starts_at=at(2026, 6, 1))
    save_promotion(make_office("theirs").account, starts_at=at(2026, 6, 1))
    assert bar_names(calendar(office)) == []


def test_five_hundred_promotions_take_one_query_and_a_page_of_bounded_size(office: Office) -> None:
    def queries(**parameters: str) -> int:
        with CaptureQueriesContext(connection) as counted:
            calendar(office, **parameters)
        return len(counted)

    few = queries()
    create_promotions(office, 500)
    # Session, user, membership with its role, accounts to switch to; the campaigns to filter by; the promotions.
    assert (few, queries(), queries(view="month")) == (6, 6, 6)
    page = calendar(office)
    assert len(page.context["bars"]) == 500
    assert len(page.content) < 500_000


def test_the_page_says_when_there_are_more_promotions_than_it_shows(office: Office) -> None:
    create_promotions(office, MAX_PROMOTIONS + 1)
    page = calendar(office)
    assert len(page.context["bars"]) == MAX_PROMOTIONS
    assert "Only the first 1,000 are shown" in page.content.decode()


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("view", ["timeline", "month"])
def test_the_first_and_last_possible_days_cause_no_error(office: Office, day: str, view: str) -> None:
    calendar(office, day=day, view=view)


def test_today_is_marked(office: Office) -> None:
    save_promotion(office.account)
    days = calendar(office, day="").context["days"]
    assert [day.date for day in days if day.is_today] == [timezone.localdate()]
    assert days[0].date == monday_of(days[0].date)


def test_days_are_described_as_briefly_as_possible() -> None:
    assert describe_days(date(2026, 6, 1), date(2026, 6, 1)) == "1 Jun 2026"
    assert describe_days(date(2025, 12, 30), date(2026, 1, 2)) == "30 Dec 2025 – 2 Jan 2026"
