"""Imports and exports that are too large for a request are done by a worker, and watched on a page."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tablib import Dataset

from consumers.admin import large_files, resources
from consumers.choices import JobState, StaffRole
from consumers.models import Consumer, Job, Site
from consumers.tasks import jobs_run
from promotions.models import PersonalizedList
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

CSV, XLSX = "0", "1"
YES = {"_form_submitted": "True"}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows are large, and a step takes two."""
    for module in (large_files, resources):
        monkeypatch.setattr(module, "LARGE_IMPORT", 2)
        monkeypatch.setattr(module, "LARGE_EXPORT", 2)
    monkeypatch.setattr(large_files, "ROWS_OF_A_STEP", 2)
    monkeypatch.setattr(large_files, "ROWS_OF_A_PIECE", 2)


@pytest.fixture
def office() -> Office:
    return make_office()


def send(office: Office, page: str, content: bytes | str, *, kind: str = CSV, **values: str) -> Any:
    given = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("rows.csv" if kind == CSV else "rows.xlsx", given)
    return office.post(f"{page}_import", import_file=file, format=kind, resource="0", **values)


def sites(count: int) -> str:
    return "number,name\n" + "".join(f"S{n:03},Site {n}\n" for n in range(1, count + 1))


def test_a_small_file_is_previewed_as_ever(office: Office) -> None:
    assert send(office, "consumers_site", sites(2)).context["confirm_form"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_large_file_is_imported_by_a_worker(office: Office, kind: str) -> None:
    rows = Dataset(*[[f"S{n:03}", f"Site {n}"] for n in range(1, 6)], headers=["number", "name"])
    answer = send(office, "consumers_site", rows.export("csv" if kind == CSV else "xlsx"), kind=kind)
    job = Job.objects.get()
    assert answer.url == f"/admin/consumers/job/{job.pk}/change/"
    assert (job.state, job.asked_by, Site.objects.count()) == (JobState.WAITING, office.user, 0)
    jobs_run()
    job.refresh_from_db()
    assert (job.state, job.phase, job.done, job.total, job.error) == (JobState.DONE, "imported", 5, 5, "")
    assert Site.objects.filter(account=office.account).count() == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (sites(4) + f"S9,{'n' * 301}\n", "Row 5, name: "),
        (sites(4) + "S001,again\n", "in the file twice: S001"),
        ("name\na\nb\nc\n", "no column number"),
    ],
)
def test_one_bad_row_anywhere_and_nothing_is_imported(office: Office, text: str, words: str) -> None:
    send(office, "consumers_site", text)
    jobs_run()
    job = Job.objects.get()
    assert job.state == JobState.FAILED
    assert words in job.error
    assert words in office.page("consumers_job_change", job.pk).content.decode()
    assert not Site.objects.exists()


def test_what_the_service_refuses_names_the_row_of_the_file(office: Office) -> None:
    send(office, "consumers_consumer", "consumer_id,groups\nc-1,\nc-2,\nc-3,\nc-4,nope\n")
    jobs_run()
    assert Job.objects.get().error == "Row 4, groups.0: There is no group nope."
    assert not Consumer.objects.exists()


def test_a_large_assignment_of_lists_keeps_what_the_form_said(office: Office) -> None:
    fill(office.account, rows=4)
    Job.objects.all().delete()
    PersonalizedList.objects.filter(consumer__consumer_id="acme-c1").update(locked=True, selected=["acme-p1"])
    rows = "backend_id,consumer_id,products,selected\n"
    rows += "".join(f"acme-pp1,acme-c{n},acme-p2,\n" for n in range(1, 5))
    send(office, "promotions_personalizedlist", rows, keep_locked="on")
    jobs_run()
    assert Job.objects.get().state == JobState.DONE, Job.objects.get().error
    lists = PersonalizedList.objects.filter(promotion__backend_id="acme-pp1").order_by("consumer__consumer_id")
    assert [one.products for one in lists] == [["acme-p1"], ["acme-p2"], ["acme-p2"], ["acme-p2"]]


def test_a_large_export_is_a_file_to_download(office: Office) -> None:
    fill(office.account, rows=5)
    Job.objects.all().delete()
    answer = office.post("consumers_site_export", format=XLSX, resource="0", query="?o=-1")
    job = Job.objects.get()
    assert answer.url == f"/admin/consumers/job/{job.pk}/change/"
    assert office.page("consumers_job_download", job.pk).status_code == 404
    jobs_run()
    page = office.page("consumers_job_change", job.pk).content.decode()
    assert f"/admin/consumers/job/{job.pk}/download/" in page
    file = office.page("consumers_job_download", job.pk)
    rows = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode())))
    assert [row["number"] for row in rows] == [site.number for site in Site.objects.order_by("-number")]


def test_a_job_is_cancelled_by_a_question(office: Office) -> None:
    send(office, "consumers_site", sites(5))
    job = Job.objects.get()
    page = office.page("consumers_job_change", job.pk)
    assert [action["title"] for action in page.context["actions_detail"]] == ["Cancel"]
    assert 'hx-trigger="every 2s"' in page.content.decode()
    office.page("consumers_job_cancel", job.pk)
    job.refresh_from_db()
    assert job.state == JobState.WAITING
    office.post("consumers_job_cancel", job.pk, **YES)
    jobs_run()
    job.refresh_from_db()
    assert (job.state, Site.objects.count()) == (JobState.CANCELLED, 0)
    page = office.page("consumers_job_change", job.pk)
    assert page.context["actions_detail"] == []
    assert 'hx-trigger="every' not in page.content.decode()


def test_each_sees_their_own_jobs_and_administrators_all(office: Office) -> None:
    marketer = office.login(StaffRole.MARKETER)
    send(office, "consumers_site", sites(5))
    job = Job.objects.get()
    assert marketer.page("consumers_job_change", job.pk).status_code == 302
    assert marketer.post("consumers_job_cancel", job.pk, **YES).status_code == 404
    assert marketer.page("consumers_job_download", job.pk).status_code == 404
    Job.objects.update(asked_by=marketer.user)
    assert marketer.page("consumers_job_change", job.pk).status_code == 200
    assert office.page("consumers_job_change", job.pk).status_code == 200
    other = make_office("other")
    assert other.page("consumers_job_change", job.pk).status_code == 302
    assert other.page("consumers_job_download", job.pk).status_code == 404


def test_who_may_not_import_asks_for_no_job(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    assert send(viewer, "consumers_site", sites(5)).status_code == 403
    assert not Job.objects.exists()


def test_a_file_that_would_fill_the_memory_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "MAXIMUM_BYTES", 20)
    answer = send(office, "consumers_site", sites(5))
    assert "Import it in parts" in answer.context["form"].errors["import_file"][0]


def test_a_file_that_is_none_is_refused(office: Office) -> None:
    answer = send(office, "consumers_site", b"\x00\x01nonsense", kind=XLSX)
    assert "import_file" in answer.context["form"].errors
    assert not Job.objects.exists()
