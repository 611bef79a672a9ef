"""Background jobs: what they do, their progress, and their input and result files."""

from django.conf import settings
from django.db import models

from consumers.choices import JobFile, JobQuestion, JobState
from consumers.models.account import AccountOwned


class Job(AccountOwned):
    """A large import or export, run by a worker in steps.

    ``parameters`` depend on the kind. ``done`` of ``total`` rows have passed the current ``phase``. A worker holds the
    job by its ``claim`` until ``lease_until``; ``attempts`` counts claims since the last successful step. ``question``
    is what it asks while it waits for an answer, ``summary`` counts what its preview found.
    """

    kind = models.CharField(max_length=32)
    title = models.CharField(max_length=200)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs"
    )
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.WAITING)
    question = models.CharField(max_length=16, choices=JobQuestion.choices, blank=True)
    phase = models.CharField(max_length=32, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    result_name = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-asked_at", "-id")
        verbose_name = "import or export"
        verbose_name_plural = "imports and exports"
        permissions = (("view_job_of_others", "Can view the jobs that others asked for"),)
        indexes = [
            models.Index(fields=("account", "-asked_at", "-id"), name="job_by_moment"),
            models.Index(
                fields=("asked_at", "id"),
                condition=models.Q(state__in=(JobState.WAITING, JobState.RUNNING)),
                name="job_to_do",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_over(self) -> bool:
        """Return whether the job has ended."""
        return self.state not in (JobState.WAITING, JobState.RUNNING, JobState.ASKING)


class JobPart(models.Model):
    """A part of a job's file, kept in the database, where every web node and worker can read it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="parts", db_index=False)
    file = models.CharField(max_length=8, choices=JobFile.choices)
    position = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ("job", "file", "position")
        constraints = [models.UniqueConstraint(fields=("job", "file", "position"), name="job_part_once_per_position")]

    def __str__(self) -> str:
        return f"{self.job}, {self.file}, {self.position}"
