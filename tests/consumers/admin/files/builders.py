"""Export and import files as a member of staff does."""

import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from tablib import Dataset

from consumers.admin.files.formats import CSV, FORMATS, JSON, XLSX
from tests.consumers.admin.office import Office

KINDS = tuple(FORMATS)


def export(office: Office, page: str, kind: str = "csv", *, query: str = "", **values: str) -> bytes:
    """Return the file that a page exports."""
    answer = office.post(f"{page}_export", query=query, format=number_of(kind), **{"resource": "0", **values})
    assert answer.status_code == 200, answer.status_code
    assert answer.headers["Content-Disposition"].endswith(f'.{kind}"'), answer.content.decode()[:3000]
    return bytes(answer.content)


def rows_of(content: bytes, kind: str = "csv") -> list[dict[str, Any]]:
    """Return the rows of a file: texts of cells, or JSON objects."""
    if kind == "json":
        return list(json.loads(content))
    return [dict(row) for row in FORMATS[kind]().create_dataset(content).dict]


def file_of(rows: list[dict[str, Any]], kind: str = "csv") -> bytes:
    """Return a file of rows with the same columns."""
    if kind == "json":
        return json.dumps(rows).encode()
    headers = list(rows[0])
    return FORMATS[kind]().export_data(Dataset(*[[row[name] for name in headers] for row in rows], headers=headers))


def preview(office: Office, page: str, content: bytes | str, kind: str = "csv", **values: str) -> Any:
    """Upload a file for a preview; return the response."""
    encoded = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(f"rows.{kind}", encoded)
    return office.post(f"{page}_import", import_file=file, format=number_of(kind), **{"resource": "0", **values})


def confirm(office: Office, page: str, content: bytes | str, kind: str = "csv", **values: str) -> Any:
    """Preview and confirm a file; return the response."""
    answer = preview(office, page, content, kind, **values)
    form = answer.context.get("confirm_form")
    assert form is not None, problem_texts(answer)
    sent = {name: value for name, value in form.initial.items() if value is not False}
    return office.post(f"{page}_process_import", **sent)


def problem_texts(answer: Any) -> list[str]:
    """Return the problems of an import, as texts."""
    if answer.context.get("result") is None:
        return [str(error) for error in answer.context["form"].errors.get("import_file", [])]
    return [problem.message for problem in answer.context["result"].problems]


def differences(answer: Any) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the changes of a preview: by row, before and after by label."""
    assert answer.context.get("confirm_form") is not None, problem_texts(answer)
    return {
        row.diff.title: {change.label: (change.before, change.after) for change in row.diff.changes}
        for row in answer.context["result"].shown_rows
    }


def number_of(kind: str) -> str:
    """Return the form's value of a format."""
    return str([CSV, XLSX, JSON].index(FORMATS[kind]))
