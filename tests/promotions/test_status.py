"""Statuses follow the dates, and every change is logged once with its true moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from config.celery import app
from consumers.author import Author
from loyalty.services.promotion import loyalty_promotion_save
from promotions.choices import Family, Status
from promotions.engine.rulebook.life import life_reason
from promotions.models import Promotion, StatusEvent
from promotions.selectors.life import (
    promotions_between,
    promotions_live,
    promotions_out_of_date,
    promotions_with_status,
)
from promotions.services import status as status_module
from promotions.services.promotion.life import promotion_stop
from promotions.services.status import statuses_sync
from tests.promotions.builders import NOW, day, make_account, make_promotion, make_values

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"author": Author(label="test")}


def events_of(promotion: Promotion) -> list[tuple[str, datetime]]:
    return list(promotion.status_events.order_by("effective_at", "id").values_list("status", "effective_at"))


@pytest.fixture
def lives() -> list[Promotion]:
    """A promotion for every way in which the dates can lie about NOW."""
    account = make_account()
    rows = [
        {"draft": draft, "starts_at": start, "ends_at": end, "stopped_at": stop}
        for draft in (False, True)
        for start in (day(1), NOW, day(20))
        for end in (None, NOW, day(25))
        for stop in (None, NOW, day(12), day(1, 2))
        if end is None or end > start
    ]
    return Promotion.objects.bulk_create(
        Promotion(account=account, family=Family.LOYALTY, code=str(n), type="fixed_points", currency="GBP", **row)
        for n, row in enumerate(rows)
    )


@pytest.mark.parametrize("status", list(Status))
def test_a_query_for_a_status_agrees_with_the_dates(lives: list[Promotion], status: Status) -> None:
    expected = {promotion.pk for promotion in lives if promotion.status_at(NOW) == status}
    found = promotions_with_status(Promotion.objects.all(), statuses=[status], at=NOW)
    assert expected
    assert set(found.values_list("pk", flat=True)) == expected


def test_live_is_active_and_not_archived(lives: list[Promotion]) -> None:
    active = [promotion for promotion in lives if promotion.status_at(NOW) == Status.ACTIVE]
    Promotion.objects.filter(pk=active[0].pk).update(archived=True)
    found = promotions_live(Promotion.objects.all(), at=NOW)
    assert set(found.values_list("pk", flat=True)) == {promotion.pk for promotion in active[1:]}


def test_a_query_for_a_period_agrees_with_the_engine_at_the_first_moment_that_could_be_in_force(
    lives: list[Promotion],
) -> None:
    Promotion.objects.filter(pk=lives[0].pk).update(archived=True)
    for start, end in [(day(1), day(2)), (day(5), NOW), (NOW, day(12)), (day(12), day(21)), (day(25), day(30))]:
        expected = {
            promotion.pk
            for promotion in lives[1:]
            if (first := max(start, promotion.starts_at)) < end
            # A draft is shown where it would be in force if it were published.
            and life_reason(_published(promotion), first) is None
        }
        between = promotions_between(Promotion.objects.all(), start=start, end=end)
        assert set(between.values_list("pk", flat=True)) == expected, (start, end)


def _published(promotion: Promotion) -> Promotion:
    published = copy(promotion)
    published.draft = False
    return published


def test_a_sweep_sets_every_status_right_and_a_second_changes_nothing(lives: list[Promotion]) -> None:
    assert statuses_sync(at=NOW) == len(lives)
    assert not promotions_out_of_date(at=NOW).exists()
    assert statuses_sync(at=NOW) == 0
    for promotion in Promotion.objects.all():
        assert promotion.status == promotion.status_at(NOW)


def test_a_change_that_the_clock_made_carries_its_date() -> None:
    promotion = make_promotion(make_account(), starts_at=day(12), ends_at=day(20))
    assert statuses_sync(at=day(13)) == 1
    assert statuses_sync(at=day(21)) == 1
    assert events_of(promotion) == [("scheduled", NOW), ("active", day(12)), ("ended", day(20))]
    assert StatusEvent.objects.get(status="ended").recorded_at == day(21)


def test_after_an_outage_every_missed_change_is_logged() -> None:
    promotion = make_promotion(make_account(), starts_at=day(12), ends_at=day(20))
    assert statuses_sync(at=day(30)) == 1
    assert events_of(promotion) == [("scheduled", NOW), ("active", day(12)), ("ended", day(20))]
    promotion.refresh_from_db()
    assert promotion.status == Status.ENDED


def test_an_edit_first_logs_the_transitions_that_time_brought() -> None:
    account = make_account()
    promotion = make_promotion(account, starts_at=day(12), ends_at=day(20))
    values = make_values(starts_at=day(12), ends_at=day(30))
    saved, _ = loyalty_promotion_save(account=account, values=values, at=day(22), **BY)
    assert saved.status == Status.ACTIVE
    assert events_of(promotion) == [
        ("scheduled", NOW),
        ("active", day(12)),
        ("ended", day(20)),
        ("active", day(22)),
    ]


def test_a_stop_is_logged_with_its_moment() -> None:
    promotion = make_promotion(make_account(), starts_at=day(9))
    promotion_stop(promotion=promotion, at=day(11), **BY)
    assert events_of(promotion) == [("active", NOW), ("stopped", day(11))]
    assert statuses_sync(at=day(12)) == 0


def test_a_start_at_this_very_moment_is_active_and_an_end_at_it_has_ended() -> None:
    account = make_account()
    make_promotion(account, code="starts", starts_at=day(12))
    make_promotion(account, code="ends", starts_at=day(1), ends_at=day(12))
    statuses_sync(at=day(12))
    assert dict(Promotion.objects.values_list("code", "status")) == {"starts": "active", "ends": "ended"}


def test_the_sweep_works_in_chunks_and_over_all_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "MAX_ROWS_PER_TRANSACTION", 3)
    for code in ("a", "b"):
        account = make_account(code)
        for n in range(5):
            make_promotion(account, code=f"p{n}", starts_at=day(12))
    assert statuses_sync(at=day(13)) == 10
    assert Promotion.objects.filter(status="active").count() == 10


def test_a_sweep_needs_a_fixed_number_of_statements_for_each_chunk(django_assert_max_num_queries: Any) -> None:
    account = make_account()
    for n in range(20):
        make_promotion(account, code=f"p{n}", starts_at=day(12))
    # Select, one update for each status, the log, and the look that finds nothing more; each chunk in its transaction.
    with django_assert_max_num_queries(4 + 4):
        statuses_sync(at=day(13))


def test_ten_thousand_promotions_that_start_in_one_minute_are_swept_in_five_seconds() -> None:
    account = make_account()
    Promotion.objects.bulk_create(
        [
            Promotion(
                account=account,
                family=Family.LOYALTY,
                code=str(n),
                type="fixed_points",
                currency="GBP",
                starts_at=day(12),
                status=Status.SCHEDULED,
            )
            for n in range(10_000)
        ],
        batch_size=1_000,
    )
    # The processor's time, which other work on the machine does not lengthen.
    before = time.process_time()
    assert statuses_sync(at=day(12)) == 10_000
    assert time.process_time() - before < 5
    assert StatusEvent.objects.filter(status="active", effective_at=day(12)).count() == 10_000


def test_a_sweep_leaves_definitions_versions_and_rulebooks_alone() -> None:
    account = make_account()
    before = make_promotion(account, starts_at=day(12))
    account.refresh_from_db()
    version = account.rulebook_version
    statuses_sync(at=day(13))
    account.refresh_from_db()
    after = Promotion.objects.get(pk=before.pk)
    assert account.rulebook_version == version
    assert (after.version, after.revision, after.history.count()) == (before.version, before.revision, 1)


@pytest.mark.django_db(transaction=True)
def test_three_sweeps_at_once_change_every_promotion_exactly_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "MAX_ROWS_PER_TRANSACTION", 10)
    account = make_account()
    Promotion.objects.bulk_create(
        Promotion(
            account=account,
            family=Family.LOYALTY,
            code=str(n),
            type="fixed_points",
            currency="GBP",
            starts_at=day(11),
            ends_at=day(12),
            status=Status.SCHEDULED,
        )
        for n in range(100)
    )

    def sweep() -> int:
        try:
            return statuses_sync(at=day(13))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        counts = [done.result() for done in [pool.submit(sweep) for _ in range(3)]]
    assert sum(counts) == 100
    assert StatusEvent.objects.filter(status="ended").count() == 100
    assert StatusEvent.objects.filter(status="active").count() == 100


def test_the_command_prints_how_many_changed() -> None:
    make_promotion(make_account(), starts_at=day(12))
    out = StringIO()
    with time_machine.travel(day(12) + timedelta(seconds=1)):
        call_command("statuses_sync", stdout=out)
        call_command("statuses_sync", stdout=out)
    assert out.getvalue().splitlines() == ["1 changed", "0 changed"]


def test_the_scheduled_task_sweeps() -> None:
    promotion = make_promotion(make_account(), starts_at=day(12))
    name = app.conf.beat_schedule["statuses_sync"]["task"]
    app.loader.import_default_modules()
    with time_machine.travel(day(13)):
        app.tasks[name].delay()
    promotion.refresh_from_db()
    assert promotion.status == Status.ACTIVE
