"""Scheduled tasks of all accounts."""

from django.db import models


class ScheduledTask(models.Model):
    """The last runs of a scheduled task: one row per task, written by the task, in the database's time.

    ``started_at`` is also a lock: two schedulers, or a backlog of messages, start the task once in a period. ``error``
    is the type of the last failure; its details are in the log. ``result`` counts what the last run did.
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
