"""Imports and exports that are too large for a request: jobs that a page creates and a worker runs step by step.

A large import is checked as a whole first, and nothing is written unless every row is valid; then it is written in
steps. A large export is a CSV or JSON file of the rows that the list showed when it was requested.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils import timezone
from tablib import Dataset

from consumers.admin.files.formats import FORMATS, FileFormat, UnreadableFile
from consumers.admin.files.results import MAX_SHOWN_PROBLEMS, FileResult
from consumers.author import IMPORT_LABEL, Author
from consumers.choices import JobFile
from consumers.exceptions import JobFailed, Problem
from consumers.models import Account, Job, JobPart
from consumers.services.job import Step, job_create, job_kind_register
from consumers.types import JsonObject, Rows

MAX_INLINE_IMPORT_ROWS = 2_000
"""An import of more rows becomes a job."""

MAX_INLINE_EXPORT_ROWS = 5_000
"""An export of more rows becomes a job."""

IMPORT_BATCH_ROWS = 200
"""Rows imported in one transaction. On SQLite, tills wait for it."""

EXPORT_BATCH_ROWS = 1_000
"""Rows exported in one step."""


class JobResource(Protocol):
    """What a job needs of the resource that reads or writes its rows; see ``AccountResource``."""

    __name__: str
    row_offset: int

    def __init__(self, **kwargs: Any) -> None: ...

    @classmethod
    def get_display_name(cls) -> str:
        """Return what the rows are called, capitalised."""
        ...

    def check_file(self, dataset: Dataset) -> None:
        """Raise ValidationError for a file whose columns or keys cannot be read."""
        ...

    def import_data(self, dataset: Dataset, *, dry_run: bool, raise_errors: bool) -> FileResult:
        """Import rows, or try to."""
        ...

    def get_queryset(self) -> Rows:
        """Return the account's rows."""
        ...

    def export(self, queryset: Any) -> Dataset:
        """Return rows as a table."""
        ...


# --- creating ---------------------------------------------------------------------------------------------------------


def import_job_create(
    *,
    account: Account,
    model: Any,
    resource: type[JobResource],
    file_format: FileFormat,
    content: bytes,
    options: JsonObject,
    author: Author,
    name: str,
) -> Job:
    """Create the job that imports a file; ``options`` are arguments of the resource."""
    return job_create(
        account_id=account.pk,
        kind="import",
        title=f"Import of {resource.get_display_name().lower()} from {name}"[:200],
        parameters={
            "model": model._meta.label_lower,
            "resource": resource.__name__,
            "format": file_format.get_title(),
            "options": options,
        },
        content=content,
        author=author,
        at=timezone.now(),
    )


def export_job_create(
    *,
    account: Account,
    model: Any,
    resource: type[JobResource],
    file_format: FileFormat,
    rows: Rows,
    author: Author,
    name: str,
) -> Job:
    """Create the job that exports the rows of a list, in its order."""
    keys = list(rows.values_list("pk", flat=True))
    return job_create(
        account_id=account.pk,
        kind="export",
        title=f"Export of {len(keys):,} {resource.get_display_name().lower()}",
        parameters={
            "model": model._meta.label_lower,
            "resource": resource.__name__,
            "format": file_format.get_title(),
        },
        content=json.dumps(keys).encode(),
        author=author,
        at=timezone.now(),
        total=len(keys),
        result_name=name,
    )


# --- running ----------------------------------------------------------------------------------------------------------


def import_steps(job: Job) -> Iterator[Step]:
    """Check every row, then write every row; see ``consumers.services.job.Steps``."""
    try:
        rows = FORMATS[job.parameters["format"]]().create_dataset(_input_of(job))
        _resource(job).check_file(rows)
    except UnreadableFile as error:
        raise _failed([f"{error} Was the right format chosen?"]) from error
    except ValidationError as error:
        raise _failed(error.messages) from error
    return _import_steps(job, rows)


def _import_steps(job: Job, rows: Dataset) -> Iterator[Step]:
    total = len(rows)
    phases = {"checked": True, "imported": False}
    current_phase = job.phase or "checked"
    for phase, dry_run in phases.items():
        if phase == "checked" and current_phase == "imported":
            continue
        for start in range(job.done if phase == current_phase else 0, total, IMPORT_BATCH_ROWS):
            batch = Dataset(*rows[start : start + IMPORT_BATCH_ROWS], headers=rows.headers)
            resource = _resource(job)
            resource.row_offset = start
            problems = resource.import_data(batch, dry_run=dry_run, raise_errors=False).problems
            if problems:
                messages = [problem.message for problem in problems[:MAX_SHOWN_PROBLEMS]]
                if start and not dry_run:
                    messages.append(f"The first {start:,} rows are imported.")
                raise _failed(messages)
            yield Step(phase=phase, done=min(start + IMPORT_BATCH_ROWS, total), total=total)


def export_steps(job: Job) -> Iterator[Step]:
    """Write every row to the result file; see ``consumers.services.job.Steps``."""
    keys: list[int] = json.loads(_input_of(job))
    file_format = FORMATS[job.parameters.get("format", "csv")]()
    # Rows deleted since the request are left out, so the first row may come in a later batch.
    parts = JobPart.objects.filter(job=job, file=JobFile.RESULT).values_list("content", flat=True)
    first = all(bytes(content) == file_format.file_start() for content in parts[:2])
    for start in range(job.done, len(keys), EXPORT_BATCH_ROWS):
        resource = _resource(job)
        batch = keys[start : start + EXPORT_BATCH_ROWS]
        rows = {row.pk: row for row in resource.get_queryset().filter(pk__in=batch)}
        table = resource.export(queryset=[rows[key] for key in batch if key in rows])
        done = start + len(batch)
        result = b"".join(
            [
                file_format.file_start() if not start else b"",
                file_format.chunk(table, first=first),
                file_format.file_end() if done == len(keys) else b"",
            ]
        )
        first = first and not len(table) and bool(file_format.file_start())
        yield Step(phase="exported", done=done, total=len(keys), result=result)


def _input_of(job: Job) -> bytes:
    return bytes(JobPart.objects.get(job=job, file=JobFile.INPUT).content)


def _resource(job: Job) -> JobResource:
    page: Any = admin.site.get_model_admin(apps.get_model(job.parameters["model"]))
    resources = {resource_class.__name__: resource_class for resource_class in page.resource_classes}
    resource_class = resources.get(job.parameters.get("resource", ""), page.resource_classes[0])
    author = Author(user=job.asked_by, label=IMPORT_LABEL)
    resource: JobResource = resource_class(account=job.account, author=author, **job.parameters.get("options", {}))
    return resource


def _failed(messages: Sequence[str]) -> JobFailed:
    problems = [Problem(code=JobFailed.code, detail=str(message)) for message in messages[:MAX_SHOWN_PROBLEMS]]
    return JobFailed(problems=problems)


job_kind_register("import", import_steps)
job_kind_register("export", export_steps)
