"""Imports and exports that are too large for a request: jobs that a page creates and a worker runs step by step.

A large import is checked as a whole first, in steps whose changes become its preview. It is written, in steps again,
once every row is valid and somebody has confirmed the preview. A large export is a CSV or JSON file of the rows that
the list showed when it was requested.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from tablib import Dataset

from consumers.admin.files.columns import FileColumn, columns_of
from consumers.admin.files.formats import FORMATS, FileFormat, UnreadableFile
from consumers.admin.files.preview import PreviewSummary, StoredPreview, row_json
from consumers.admin.files.reading import ColumnsUnknown, FileOptions, ReadingResource, file_read
from consumers.admin.files.results import MAX_SHOWN_PROBLEMS, MAX_SHOWN_ROWS, FileResult
from consumers.admin.files.table import Table
from consumers.admin.framework.pages import account_of, staff_user
from consumers.author import IMPORT_LABEL, Author
from consumers.choices import JobFile, JobQuestion
from consumers.exceptions import JobFailed, Problem
from consumers.models import Account, Job, JobPart
from consumers.selectors import jobs_of
from consumers.services.job import Step, job_create, job_kind_register
from consumers.types import Rows

MAX_INLINE_IMPORT_ROWS = 2_000
"""An import of more rows becomes a job."""

MAX_INLINE_EXPORT_ROWS = 5_000
"""An export of more rows becomes a job."""

IMPORT_KIND = "import"
CHECKED, IMPORTED = "checked", "imported"
"""The phases of an import."""

IMPORT_BATCH_ROWS = 200
"""Rows imported in one transaction. On SQLite, tills wait for it."""

EXPORT_BATCH_ROWS = 1_000
"""Rows exported in one step."""


class JobResource(ReadingResource, Protocol):
    """What a job needs of the resource that reads or writes its rows; see ``AccountResource``."""

    __name__: str

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


def visible_jobs(request: HttpRequest) -> QuerySet[Job]:
    """Return the account's jobs that the user may see: their own, or all."""
    user = staff_user(request)
    sees_all = user.has_perm("consumers.view_job_of_others")
    return jobs_of(account_id=account_of(request).pk, asked_by=None if sees_all else user)


# --- creating ---------------------------------------------------------------------------------------------------------


def import_job_create(
    *,
    account: Account,
    model: Any,
    resource: type[JobResource],
    options: FileOptions,
    content: bytes,
    author: Author,
    name: str,
) -> Job:
    """Create the job that imports a file."""
    return job_create(
        account_id=account.pk,
        kind=IMPORT_KIND,
        title=f"Import of {resource.get_display_name().lower()} from {name}"[:200],
        parameters={
            "model": model._meta.label_lower,
            **options.to_json() | {"resource": resource.__name__, "options": options.resource},
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
    """Check every row, ask, then write every row; see ``consumers.services.job.Steps``."""
    resource = job_resource(job)
    try:
        table = file_read(_input_of(job), job_options(job), resource)
        resource.check_file(table)
    except ColumnsUnknown as unknown:
        return iter([_columns_question(unknown.table)])
    except UnreadableFile as error:
        raise _failed([f"{error} Was the right format chosen?"]) from error
    except ValidationError as error:
        raise _failed(error.messages) from error
    return _import_steps(job, table)


def _columns_question(table: Table) -> Step:
    columns = [vars(column) for column in columns_of(table)]
    parameters = {"file_columns": columns}
    return Step(phase="", done=0, total=len(table), question=JobQuestion.COLUMNS, parameters=parameters)


def _import_steps(job: Job, table: Table) -> Iterator[Step]:
    if job.phase != IMPORTED:
        summary = job.summary or PreviewSummary(notes=table.notes).to_json()
        for step in _check_steps(job, table, PreviewSummary.from_json(summary)):
            summary = step.summary or summary
            yield step
        if not PreviewSummary.from_json(summary).changed:
            return
        if not job.parameters.get("confirmed"):
            yield Step(phase=CHECKED, done=len(table), total=len(table), question=JobQuestion.CONFIRM)
            return
    yield from _write_steps(job, table)


def _check_steps(job: Job, table: Table, summary: "PreviewSummary") -> Iterator[Step]:
    """Try to import every row, and keep what would change as the preview; problems end the job with all of them."""
    problems: list[str] = []
    for start in range(job.done, len(table), IMPORT_BATCH_ROWS):
        result = job_resource(job).import_data(table.part(start, IMPORT_BATCH_ROWS), dry_run=True, raise_errors=False)
        problems += [problem.message for problem in result.problems[: MAX_SHOWN_PROBLEMS - len(problems)]]
        if problems:
            raise _failed(problems)
        rows = [row_json(row) for row in result.changed_rows[: MAX_SHOWN_ROWS - summary.shown]]
        summary = summary.with_result(result, shown=len(rows))
        yield Step(
            phase=CHECKED,
            done=min(start + IMPORT_BATCH_ROWS, len(table)),
            total=len(table),
            summary=summary.to_json(),
            result=json.dumps(rows).encode() if rows else b"",
            file=JobFile.PREVIEW,
        )


def _write_steps(job: Job, table: Table) -> Iterator[Step]:
    for start in range(job.done if job.phase == IMPORTED else 0, len(table), IMPORT_BATCH_ROWS):
        result = job_resource(job).import_data(table.part(start, IMPORT_BATCH_ROWS), dry_run=False, raise_errors=False)
        if result.problems:
            # Valid in the preview, but not any more.
            messages = [problem.message for problem in result.problems[:MAX_SHOWN_PROBLEMS]]
            raise _failed([*messages, f"The first {start:,} rows are imported."] if start else messages)
        yield Step(phase=IMPORTED, done=min(start + IMPORT_BATCH_ROWS, len(table)), total=len(table))


def job_options(job: Job) -> FileOptions:
    """Return how the file of an import is to be read."""
    names = ("format", "encoding", "decimal", "columns")
    values = {name: job.parameters[name] for name in names if name in job.parameters}
    return FileOptions(**values, resource=job.parameters.get("options", {}))


def job_columns(job: Job) -> list[FileColumn]:
    """Return the columns of the file of an import that asks for them."""
    columns = job.parameters.get("file_columns", ())
    return [FileColumn(heading=column["heading"], samples=tuple(column["samples"])) for column in columns]


def job_preview(job: Job) -> StoredPreview:
    """Return what an import would change, or has changed: the rows that are shown, and how many there are."""
    parts = JobPart.objects.filter(job=job, file=JobFile.PREVIEW).order_by("position")
    rows = [row for content in parts.values_list("content", flat=True) for row in json.loads(bytes(content))]
    return StoredPreview(summary=PreviewSummary.from_json(job.summary), rows=rows)


def export_steps(job: Job) -> Iterator[Step]:
    """Write every row to the result file; see ``consumers.services.job.Steps``."""
    keys: list[int] = json.loads(_input_of(job))
    file_format = FORMATS[job.parameters.get("format", "csv")]()
    # Rows deleted since the request are left out, so the first row may come in a later batch.
    parts = JobPart.objects.filter(job=job, file=JobFile.RESULT).values_list("content", flat=True)
    first = all(bytes(content) == file_format.file_start(()) for content in parts[:2])
    for start in range(job.done, len(keys), EXPORT_BATCH_ROWS):
        resource = job_resource(job)
        batch = keys[start : start + EXPORT_BATCH_ROWS]
        rows = {row.pk: row for row in resource.get_queryset().filter(pk__in=batch)}
        table = resource.export(queryset=[rows[key] for key in batch if key in rows])
        done = start + len(batch)
        result = b"".join(
            [
                file_format.file_start(table.headers) if not start else b"",
                file_format.chunk(table, first=first),
                file_format.file_end() if done == len(keys) else b"",
            ]
        )
        first = first and not len(table)
        yield Step(phase="exported", done=done, total=len(keys), result=result)


def _input_of(job: Job) -> bytes:
    return bytes(JobPart.objects.get(job=job, file=JobFile.INPUT).content)


def job_resource(job: Job) -> JobResource:
    """Return the resource that reads or writes a job's rows, for who asked for it."""
    page: Any = admin.site.get_model_admin(apps.get_model(job.parameters["model"]))
    resources = {resource_class.__name__: resource_class for resource_class in page.resource_classes}
    resource_class = resources.get(job.parameters.get("resource", ""), page.resource_classes[0])
    author = Author(user=job.asked_by, label=IMPORT_LABEL)
    resource: JobResource = resource_class(account=job.account, author=author, **job.parameters.get("options", {}))
    return resource


def _failed(messages: Sequence[str]) -> JobFailed:
    problems = [Problem(code=JobFailed.code, detail=str(message)) for message in messages[:MAX_SHOWN_PROBLEMS]]
    return JobFailed(problems=problems)


job_kind_register(IMPORT_KIND, import_steps)
job_kind_register("export", export_steps)
