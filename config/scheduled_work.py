"""The page of scheduled work."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from consumers.models import ScheduledTask
from consumers.services import schedule


@dataclass(frozen=True, kw_only=True)
class TaskStatus:
    """A scheduled task with its last runs, and whether it is late."""

    work: schedule.ScheduledWork
    row: ScheduledTask
    at: datetime

    @property
    def lag(self) -> timedelta | None:
        """Return how far the last success is behind the period; None if it never succeeded."""
        if self.row.succeeded_at is None:
            return None
        return max(timedelta(), self.at - self.row.succeeded_at - self.work.every)

    @property
    def is_late(self) -> bool:
        """Return whether it has not succeeded for several periods."""
        return self.row.succeeded_at is None or self.at - self.row.succeeded_at > self.work.late_after

    @property
    def has_failed(self) -> bool:
        """Return whether its last run failed."""
        failed, succeeded = self.row.failed_at, self.row.succeeded_at
        return failed is not None and (succeeded is None or failed > succeeded)


def task_statuses(*, at: datetime) -> list[TaskStatus]:
    """Return the status of every scheduled task."""
    rows = {row.key: row for row in ScheduledTask.objects.all()}
    works = schedule.scheduled_work_all()
    return [TaskStatus(work=work, row=rows.get(work.key) or ScheduledTask(key=work.key), at=at) for work in works]


def scheduled_work(request: HttpRequest) -> HttpResponse:
    """Show each task with its last run, its lag and its last failure."""
    if not request.user.has_perm("consumers.view_scheduledtask"):
        raise PermissionDenied
    tasks = task_statuses(at=schedule.database_now())
    context = {
        **admin.site.each_context(request),
        "title": "Scheduled work",
        "tasks": tasks,
        "late": [task.work.title for task in tasks if task.is_late],
    }
    return TemplateResponse(request, "admin/scheduled_work.html", context)
