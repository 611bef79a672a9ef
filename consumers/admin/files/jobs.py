"""Imports and exports that are too large for a request: asked for by a page, done step by step by a worker.

A large import is checked as a whole first, and nothing is written unless all of it is right; then it is written in
steps. A large export is a CSV or JSON file of the rows that the page showed when it was asked for.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from tablib import Dataset

from consumers.admin.files.formats import FORMATS, FileFormat, Unreadable
from consumers.admin.files.results import SHOWN_PROBLEMS, FileResult
from consumers.author import IMPORT_LABEL, Author
from consumers.choices import JobFile
from consumers.exceptions import JobFailed, Problem
from consumers.models import Account, Job, JobPart
from consumers.services.job import Step, job_ask, job_kind_register

LARGE_IMPORT = 2_000
"""An import of more rows is done by a worker."""

LARGE_EXPORT = 5_000
"""An export of more rows is done by a worker."""

ROWS_OF_A_STEP = 200
"""Rows that are imported in one transaction: on SQLite, tills wait for it."""

ROWS_OF_A_PIECE = 1_000
"""Rows that are exported in one step."""


class JobResource(Protocol):
    """What a job asks of the resource that reads or writes its rows; see ``AccountResource``."""

    __name__: str
    rows_before: int

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

    def get_queryset(self) -> QuerySet[Any]:
        """Return the account's rows."""
        ...

    def export(self, queryset: Any) -> Dataset:
        """Return rows as a table."""
        ...


# --- asking ---------------------------------------------------------------------------------------------------------


def import_ask(
    *,
    account: Account,
    model: Any,
    resource: type[JobResource],
    file_format: FileFormat,
    given: bytes,
    options: dict[str, Any],
    author: Author,
    name: str,
) -> Job:
    """Let a worker import a file; ``resource`` is one of those of the model's page, ``options`` are its own."""
    return job_ask(
        account_id=account.pk,
        kind="import",
        title=f"Import of {resource.get_display_name().lower()} from {name}"[:200],
        parameters={
            "model": model._meta.label_lower,
            "resource": resource.__name__,
            "format": file_format.get_title(),
            "options": options,
        },
        given=given,
        author=author,
        at=timezone.now(),
    )


def export_ask(
    *,
    account: Account,
    model: Any,
    resource: type[JobResource],
    file_format: FileFormat,
    rows: QuerySet[Any],
    author: Author,
    name: str,
) -> Job:
    """Let a worker export the rows that a page shows now, in its order."""
    keys = list(rows.values_list("pk", flat=True))
    return job_ask(
        account_id=account.pk,
        kind="export",
        title=f"Export of {len(keys):,} {resource.get_display_name().lower()}",
        parameters={
            "model": model._meta.label_lower,
            "resource": resource.__name__,
            "format": file_format.get_title(),
        },
        given=json.dumps(keys).encode(),
        author=author,
        at=timezone.now(),
        total=len(keys),
        result_name=name,
    )


# --- doing ----------------------------------------------------------------------------------------------------------


def import_steps(job: Job) -> Iterator[Step]:
    """Check every row, then write every row; see ``consumers.services.job.Steps``."""
    try:
        rows = FORMATS[job.parameters["format"]]().create_dataset(_given(job))
        _resource(job).check_file(rows)
    except Unreadable as error:
        raise _failed([f"{error} Was the right format chosen?"]) from error
    except ValidationError as error:
        raise _failed(error.messages) from error
    return _import_steps(job, rows)


def _import_steps(job: Job, rows: Dataset) -> Iterator[Step]:
    total = len(rows)
    phases = {"checked": True, "imported": False}
    begun = job.phase or "checked"
    for phase, dry_run in phases.items():
        if phase == "checked" and begun == "imported":
            continue
        for start in range(job.done if phase == begun else 0, total, ROWS_OF_A_STEP):
            some = Dataset(*rows[start : start + ROWS_OF_A_STEP], headers=rows.headers)
            resource = _resource(job)
            resource.rows_before = start
            problems = resource.import_data(some, dry_run=dry_run, raise_errors=False).problems
            if problems:
                words = [problem.words for problem in problems[:SHOWN_PROBLEMS]]
                raise _failed([*words, *([f"The first {start:,} rows are imported."] if start and not dry_run else [])])
            yield Step(phase=phase, done=min(start + ROWS_OF_A_STEP, total), total=total)


def export_steps(job: Job) -> Iterator[Step]:
    """Write every row to the result; see ``consumers.services.job.Steps``."""
    keys: list[int] = json.loads(_given(job))
    written = FORMATS[job.parameters.get("format", "csv")]()
    # Rows that were deleted since are left out, so that the first may come late; headings come at once.
    parts = JobPart.objects.filter(job=job, file=JobFile.RESULT).values_list("content", flat=True)
    first = all(bytes(content) == written.begun() for content in parts[:2])
    for start in range(job.done, len(keys), ROWS_OF_A_PIECE):
        resource = _resource(job)
        some = keys[start : start + ROWS_OF_A_PIECE]
        found = {row.pk: row for row in resource.get_queryset().filter(pk__in=some)}
        piece = resource.export(queryset=[found[key] for key in some if key in found])
        done = start + len(some)
        result = b"".join(
            [
                written.begun() if not start else b"",
                written.piece(piece, first=first),
                written.ended() if done == len(keys) else b"",
            ]
        )
        first = first and not len(piece) and bool(written.begun())
        yield Step(phase="exported", done=done, total=len(keys), result=result)


def _given(job: Job) -> bytes:
    return bytes(JobPart.objects.get(job=job, file=JobFile.INPUT).content)


def _resource(job: Job) -> JobResource:
    page: Any = admin.site.get_model_admin(apps.get_model(job.parameters["model"]))
    named = {one.__name__: one for one in page.resource_classes}
    kind = named.get(job.parameters.get("resource", ""), page.resource_classes[0])
    author = Author(user=job.asked_by, label=IMPORT_LABEL)
    resource: JobResource = kind(account=job.account, author=author, **job.parameters.get("options", {}))
    return resource


def _failed(words: Sequence[str]) -> JobFailed:
    shown = [Problem(code=JobFailed.code, detail=str(one)) for one in words[:SHOWN_PROBLEMS]]
    return JobFailed(problems=shown)


job_kind_register("import", import_steps)
job_kind_register("export", export_steps)
