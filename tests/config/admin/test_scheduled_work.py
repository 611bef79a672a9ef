"""The page of scheduled work: what ran, what is late, what failed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.scheduled_work import task_statuses
from consumers.choices import StaffRole
from consumers.models import ScheduledTask
from consumers.services import schedule
from consumers.services.schedule import ScheduledWork, scheduled_task_run, scheduled_work_all
from loyalty.tasks import statuses_sync
from tests.consumers.admin.office import make_office

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
WORK = ScheduledWork(key="sweep", title="Sweep", every=MINUTE, task="sweep", queue="urgent")


def fails() -> int:
    raise ValueError("Secret of an account")


def test_a_task_that_never_ran_is_late() -> None:
    assert {task.work.key for task in task_statuses(at=timezone.now()) if task.is_late} == {
        work.key for work in scheduled_work_all()
    }


def test_a_task_that_ran_is_not_late_until_it_misses_several_periods() -> None:
    statuses_sync()
    now = timezone.now()

    def late(after: timedelta) -> set[str]:
        return {task.work.key for task in task_statuses(at=now + after) if task.is_late}

    assert "statuses_sync" not in late(timedelta())
    assert "statuses_sync" not in late(3 * MINUTE)
    assert "statuses_sync" in late(4 * MINUTE)


def test_the_lag_is_the_time_beyond_the_period() -> None:
    statuses_sync()
    succeeded = ScheduledTask.objects.get(key="statuses_sync").succeeded_at
    assert succeeded is not None
    status = next(task for task in task_statuses(at=succeeded + 3 * MINUTE) if task.work.key == "statuses_sync")
    assert status.lag == 2 * MINUTE


def test_a_failure_is_recorded_by_its_type_alone_and_raised_again() -> None:
    scheduled_task_run(work=WORK, due=True, do=lambda: 7)
    with pytest.raises(ValueError, match="Secret"):
        scheduled_task_run(work=WORK, due=False, do=fails)
    row = ScheduledTask.objects.get(key="sweep")
    assert (row.result, row.error) == (7, "ValueError")
    assert row.failed_at is not None
    assert row.succeeded_at is not None


def test_a_due_task_starts_once_per_period_however_often_it_is_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    done = 0
    for seconds in (0, 0, 1, 29, 31, 60, 61, 120):
        monkeypatch.setattr(schedule, "database_now", lambda at=now + timedelta(seconds=seconds): at)
        done += scheduled_task_run(work=WORK, due=True, do=lambda: 1)
    assert done == 4
    assert scheduled_task_run(work=WORK, due=False, do=lambda: 1) == 1, "a word from a person or a sale always counts"


def test_the_page_shows_every_task_and_warns() -> None:
    office = make_office()
    statuses_sync()
    page = office.client.get("/admin/scheduled-work/").content.decode()
    for work in scheduled_work_all():
        assert work.title in page
    assert "Late:" in page
    ScheduledTask.objects.bulk_create(
        [ScheduledTask(key=work.key) for work in scheduled_work_all()], ignore_conflicts=True
    )
    ScheduledTask.objects.update(succeeded_at=timezone.now())
    assert "Late:" not in office.client.get("/admin/scheduled-work/").content.decode()


@pytest.mark.parametrize("role", [StaffRole.MARKETER, StaffRole.CUSTOMER_SERVICE, StaffRole.VIEWER])
def test_only_administrators_see_the_page(role: StaffRole) -> None:
    office = make_office(role=role)
    assert office.client.get("/admin/scheduled-work/").status_code == 403
    assert "/admin/scheduled-work/" not in office.page("index").content.decode()
