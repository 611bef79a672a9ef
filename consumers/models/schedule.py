"""What workers do on a schedule, for all accounts."""

from django.db import models


class ScheduledTask(models.Model):
    """How a task of the schedule fared: one row for each, written by the task itself, in the database's time.

    ``started_at`` is also its lock: two schedules, or a backlog of messages, start it once in a period. ``error`` is
    the kind of the last failure; the rest of it is in the log. ``result`` counts what the last run did.
    """

    key = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)
    result = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key
