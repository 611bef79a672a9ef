"""Imports and exports that are too large for a request: asked for by a page, done step by step by a worker.

A large import is checked as a whole first, and nothing is written unless all of it is right; then it is written in
steps. A large export is a CSV file of the rows that the page showed when it was asked for.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from import_export.formats.base_formats import CSV, XLSX
from import_export.results import Result
from tablib import Dataset

from consumers.choices import JobFile
from consumers.exceptions import JobFailed, Problem
from consumers.models import Account, Job, JobPart, User
from consumers.services.job import Step, job_ask, job_kind_register

if TYPE_CHECKING:
    from consumers.admin.resources import AccountResource

LARGE_IMPORT = 2_000
"""An import of more rows is done by a worker."""

LARGE_EXPORT = 5_000
"""An export of more rows is done by a worker."""

ROWS_OF_A_STEP = 200
"""Rows that are imported in one transaction: on SQLite, tills wait for it."""

ROWS_OF_A_PIECE = 1_000
"""Rows that are exported in one step."""

SHOWN_PROBLEMS = 50

FORMATS = {"csv": CSV, "xlsx": XLSX}
ENCODING = "utf-8-sig"


# --- asking ---------------------------------------------------------------------------------------------------------


def import_ask(
    *, account: Account, model: Any, file_format: str, given: bytes, options: dict[str, Any], asked_by: User, name: str
) -> Job:
    """Let a worker import a file; ``options`` are those of the model's resource."""
    return job_ask(
        account_id=account.pk,
        kind="import",
        title=f"Import of {model._meta.verbose_name_plural} from {name}"[:200],
        parameters={"model": model._meta.label_lower, "format": file_format, "options": options},
        given=given,
        asked_by=asked_by,
        at=timezone.now(),
    )


def export_ask(*, account: Account, rows: QuerySet[Any], asked_by: User, name: str) -> Job:
    """Let a worker export the rows that a page shows now, in its order."""
    keys = list(rows.values_list("pk", flat=True))
    return job_ask(
        account_id=account.pk,
        kind="export",
        title=f"Export of {len(keys):,} {rows.model._meta.verbose_name_plural}",
        parameters={"model": rows.model._meta.label_lower},
        given=json.dumps(keys).encode(),
        asked_by=asked_by,
        at=timezone.now(),
        total=len(keys),
        result_name=name,
    )


# --- doing ----------------------------------------------------------------------------------------------------------


def import_steps(job: Job) -> Iterator[Step]:
    """Check every row, then write every row; see ``consumers.services.job.Steps``."""
    rows = file_read(FORMATS[job.parameters["format"]](encoding=ENCODING), _given(job))
    if rows is None:
        raise JobFailed("The file cannot be read. Was the right format chosen?")
    try:
        _resource(job).check_file(rows)
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
            problems = list(_problems(resource.import_data(some, dry_run=dry_run, raise_errors=False), before=start))
            if problems:
                raise _failed(
                    [*problems, *([f"The first {start:,} rows are imported."] if start and not dry_run else [])]
                )
            yield Step(phase=phase, done=min(start + ROWS_OF_A_STEP, total), total=total)


def export_steps(job: Job) -> Iterator[Step]:
    """Write every row to the result; see ``consumers.services.job.Steps``."""
    keys: list[int] = json.loads(_given(job))
    for start in range(job.done, len(keys), ROWS_OF_A_PIECE):
        resource = _resource(job)
        some = keys[start : start + ROWS_OF_A_PIECE]
        found = {row.pk: row for row in resource.get_queryset().filter(pk__in=some)}
        piece = resource.export(queryset=[found[key] for key in some if key in found])
        if start:
            piece.headers = None
        text = CSV().export_data(piece)
        yield Step(phase="exported", done=start + len(some), total=len(keys), result=text.encode())


def _given(job: Job) -> bytes:
    return bytes(JobPart.objects.get(job=job, file=JobFile.INPUT).content)


def file_read(file_format: Any, given: bytes) -> Dataset | None:
    """The rows of a CSV or XLSX file; None if it is none."""
    try:
        read: Dataset = file_format.create_dataset(given)
    except Exception:  # noqa: BLE001 - the readers raise anything for what is no such file
        return None
    return read


def _resource(job: Job) -> "AccountResource":
    page: Any = admin.site.get_model_admin(apps.get_model(job.parameters["model"]))
    resource: AccountResource = page.resource_classes[0](account=job.account, **job.parameters.get("options", {}))
    return resource


def _problems(result: Result, *, before: int) -> Iterator[str]:
    for base in result.base_errors:
        yield from getattr(base.error, "messages", None) or [str(base.error)]
    for number, errors in result.row_errors():
        yield from (f"Row {before + number}: {error.error}" for error in errors)
    for row in result.invalid_rows:
        yield from (f"Row {before + row.number}: {message}" for message in row.error.messages)


def _failed(words: Sequence[str]) -> JobFailed:
    shown = [Problem(code=JobFailed.code, detail=str(one)) for one in words[:SHOWN_PROBLEMS]]
    return JobFailed(problems=shown)


job_kind_register("import", import_steps)
job_kind_register("export", export_steps)
