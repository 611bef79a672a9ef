"""Imports and exports that are too large for a request are done by a worker, and watched on a page."""

import csv
import io
import itertools
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from tablib import Dataset

from consumers.admin.files import formats, forms, jobs, pages, preview
from consumers.admin.files.formats import FORMATS
from consumers.choices import JobFile, JobQuestion, JobState, StaffRole
from consumers.exceptions import JobOver
from consumers.models import Consumer, ConsumerGroup, Job, Site
from consumers.services.job import FILES_KEPT_FOR, job_answer
from consumers.tasks import jobs_run
from promotions.choices import Family
from promotions.models import PersonalizedList, Promotion
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

CSV, XLSX, JSON = "0", "1", "2"
NAMES = {CSV: "csv", XLSX: "xlsx", JSON: "json"}
YES = {"_form_submitted": "True"}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows are large, and a step takes two."""
    for module in (jobs, pages):
        monkeypatch.setattr(module, "MAX_INLINE_IMPORT_ROWS", 2)
        monkeypatch.setattr(module, "MAX_INLINE_EXPORT_ROWS", 2)
    monkeypatch.setattr(jobs, "IMPORT_BATCH_ROWS", 2)
    monkeypatch.setattr(jobs, "EXPORT_BATCH_ROWS", 2)


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def send(office: Office, page: str, content: bytes | str, *, kind: str = CSV, **values: str) -> Any:
    given = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(f"rows.{NAMES[kind]}", given)
    return office.post(f"{page}_import", import_file=file, format=kind, **{"resource": "0", **values})


def import_large(office: Office, page: str, content: bytes | str, **values: Any) -> Job:
    """Import a large file as a person does: upload, preview, confirm; return the job."""
    send(office, page, content, **values)
    jobs_run()
    job = Job.objects.latest("pk")
    assert (job.state, job.question) == (JobState.ASKING, JobQuestion.CONFIRM), job.error
    office.post("consumers_job_confirm", job.pk)
    jobs_run()
    job.refresh_from_db()
    return job


def sites(count: int) -> str:
    return "number,name\n" + "".join(f"S{n:03},Site {n}\n" for n in range(1, count + 1))


def test_a_small_file_is_previewed_at_once(office: Office) -> None:
    assert send(office, "consumers_site", sites(2)).context["confirm_form"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("kind", [CSV, XLSX, JSON])
def test_a_large_file_is_imported_by_a_worker(office: Office, kind: str) -> None:
    rows = Dataset(*[[f"S{n:03}", f"Site {n}"] for n in range(1, 6)], headers=["number", "name"])
    answer = send(office, "consumers_site", FORMATS[NAMES[kind]]().export_data(rows), kind=kind)
    job = Job.objects.get()
    assert answer.url == f"/admin/consumers/job/{job.pk}/change/"
    assert (job.state, job.asked_by, Site.objects.count()) == (JobState.WAITING, office.user, 0)
    jobs_run()
    job.refresh_from_db()
    assert (job.state, job.question, job.done, Site.objects.count()) == (JobState.ASKING, JobQuestion.CONFIRM, 5, 0)
    page = office.page("consumers_job_change", job.pk).content.decode()
    assert [
        text for text in ("<strong>5</strong> new", "Site 1", "Site 5", "Nothing is saved yet") if text not in page
    ] == []
    assert 'hx-trigger="every' not in page, "nothing changes until somebody answers"
    office.post("consumers_job_confirm", job.pk)
    jobs_run()
    job.refresh_from_db()
    assert (job.state, job.phase, job.done, job.total, job.error) == (JobState.DONE, "imported", 5, 5, "")
    assert Site.objects.filter(account=office.account).count() == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (sites(4) + f"S9,{'n' * 301}\n", "Row 6, name: "),
        (sites(4) + "S001,again\n", "Row 6, number: S001 is in the file twice: rows 2 and 6."),
        ("name\na\nb\nc\n", "no column number"),
    ],
)
def test_one_invalid_row_stops_the_whole_import(office: Office, text: str, words: str) -> None:
    send(office, "consumers_site", text)
    jobs_run()
    job = Job.objects.get()
    assert job.state == JobState.FAILED
    assert words in job.error
    assert words in office.page("consumers_job_change", job.pk).content.decode()
    assert not Site.objects.exists()


def test_a_refusal_of_the_service_names_the_row_of_the_file(office: Office) -> None:
    send(office, "consumers_consumer", "consumer_id,groups\nc-1,\nc-2,\nc-3,\nc-4,nope\n")
    jobs_run()
    assert Job.objects.get().error == "Row 5, groups.0: There is no group nope."
    assert not Consumer.objects.exists()


def test_a_large_assignment_of_lists_keeps_the_options_of_the_form(office: Office) -> None:
    fill(office.account, rows=4)
    Job.objects.all().delete()
    PersonalizedList.objects.filter(consumer__consumer_id="acme-c1").update(locked=True, selected=["acme-p1"])
    rows = "backend_id,consumer_id,products,selected\n"
    rows += "".join(f"acme-pp1,acme-c{n},acme-p2,\n" for n in range(1, 5))
    job = import_large(office, "promotions_personalizedlist", rows, keep_locked="on")
    assert job.state == JobState.DONE, job.error
    lists = PersonalizedList.objects.filter(promotion__backend_id="acme-pp1").order_by("consumer__consumer_id")
    assert [each.products for each in lists] == [["acme-p1"], ["acme-p2"], ["acme-p2"], ["acme-p2"]]


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
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode("utf-8-sig"))))
    assert [row["number"] for row in rows] == [site.number for site in Site.objects.order_by("-number")]


def result_of(office: Office, job: Job) -> bytes:
    return b"".join(office.page("consumers_job_download", job.pk).streaming_content)


def test_a_worker_exports_and_imports_promotions_as_json_objects(office: Office) -> None:
    fill(office.account, rows=3)
    Job.objects.all().delete()
    office.post("loyalty_loyaltypromotion_export", format=JSON, resource="0")
    jobs_run()
    job = Job.objects.get()
    assert (job.title, job.result_name[-5:], job.done) == ("Export of 6 loyalty promotions", ".json", 6)
    assert office.page("consumers_job_download", job.pk).headers["Content-Type"] == "application/json; charset=utf-8"
    rows = json.loads(result_of(office, job))
    assert len(rows) == 6
    assert rows[0]["outcome"]["activity_description"] == ""
    for row in rows:
        row["description"] = "Changed"
    job = import_large(office, "loyalty_loyaltypromotion", json.dumps(rows), kind=JSON)
    assert (job.state, job.phase, job.done, job.error) == (JobState.DONE, "imported", 6, "")
    changed = Promotion.objects.filter(family=Family.LOYALTY)
    assert {(promotion.description, promotion.version) for promotion in changed} == {("Changed", 2)}
    assert {promotion.versions.get(number=2).created_by for promotion in changed} == {office.user}, (
        "a worker writes for who asked"
    )


def test_rows_that_are_deleted_meanwhile_are_left_out(office: Office) -> None:
    fill(office.account, rows=5)
    Job.objects.all().delete()
    for kind in (CSV, JSON):
        office.post("consumers_consumergroup_export", format=kind, resource="0")
    ConsumerGroup.objects.exclude(code__in=["acme-g4", "acme-g5"]).filter(consumers=None).delete()
    Consumer.groups.through.objects.all().delete()
    ConsumerGroup.objects.filter(code="acme-g1").delete()
    jobs_run()
    text, objects = (result_of(office, job) for job in Job.objects.order_by("pk"))
    assert [row["code"] for row in csv.DictReader(io.StringIO(text.decode("utf-8-sig")))] == ["acme-g4", "acme-g5"]
    assert [row["code"] for row in json.loads(objects)] == ["acme-g4", "acme-g5"]


def test_one_invalid_promotion_stops_the_whole_import(office: Office) -> None:
    rows: list[dict[str, Any]] = [
        {"code": f"p{n}", "type": "fixed_points", "name": "P", "starts_at": "2030-01-01", "outcome": {"points": n}}
        for n in range(1, 6)
    ]
    rows[4]["eligibility"] = {"site_rules": {"match": "all", "rules": [{"attribute": "nope"}]}}
    send(office, "loyalty_loyaltypromotion", json.dumps(rows), kind=JSON)
    jobs_run()
    assert "Row 5, eligibility.site_rules.rules.0.attribute: Unknown attribute" in Job.objects.get().error
    assert not Promotion.objects.exists()


def test_a_worker_exports_and_imports_the_members_of_a_large_group(office: Office) -> None:
    fill(office.account, rows=5)
    Job.objects.all().delete()
    office.post("consumers_consumergroup_export", format=CSV, resource="1", query="?q=g1")
    jobs_run()
    job = Job.objects.get()
    assert job.title == "Export of 5 members of groups"
    file = result_of(office, job)
    Consumer.groups.through.objects.all().delete()
    job = import_large(office, "consumers_consumergroup", file, resource="1")
    assert (job.title, job.state) == ("Import of members of groups from rows.csv", JobState.DONE)
    group = ConsumerGroup.objects.get(code="acme-g1")
    assert group.consumers.count() == 5


def test_a_highly_compressed_file_becomes_a_job_without_being_parsed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Dataset(["S1", "Site 1"], headers=["number", "name"])
    content = FORMATS["xlsx"]().export_data(rows)
    monkeypatch.setattr(pages, "MAX_INLINE_UNPACKED_BYTES", 100)
    send(office, "consumers_site", content, kind=XLSX)
    assert Job.objects.get().state == JobState.WAITING
    monkeypatch.setattr(formats, "MAX_UNPACKED_BYTES", 100)
    jobs_run()
    assert Job.objects.get().error == (
        "The file is too large once unpacked. Import it in parts. Was the right format chosen?"
    )


def test_cancelling_a_job_needs_a_confirmation(office: Office) -> None:
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


def test_an_import_that_is_not_confirmed_writes_nothing(office: Office) -> None:
    send(office, "consumers_site", sites(5))
    jobs_run()
    job = Job.objects.get()
    assert office.page("consumers_job_confirm", job.pk).status_code == 405
    jobs_run()
    office.post("consumers_job_cancel", job.pk, **YES)
    office.post("consumers_job_confirm", job.pk)
    jobs_run()
    job.refresh_from_db()
    assert (job.state, Site.objects.count()) == (JobState.CANCELLED, 0)


def test_an_import_that_nobody_confirms_is_cancelled_after_a_month(office: Office) -> None:
    send(office, "consumers_site", sites(5))
    jobs_run()
    Job.objects.update(asked_at=timezone.now() - FILES_KEPT_FOR)
    jobs_run()
    job = Job.objects.get()
    assert (job.state, job.error) == (JobState.CANCELLED, "Nobody confirmed it within 30 days.")
    assert not job.parts.exists() or not job.parts.filter(file=JobFile.INPUT).exists()


def test_confirming_twice_imports_once(office: Office) -> None:
    send(office, "consumers_site", sites(5))
    jobs_run()
    job = Job.objects.get()
    stale = Job.objects.get()
    job_answer(job=job, question=JobQuestion.CONFIRM, parameters={"confirmed": True})
    with pytest.raises(JobOver):
        job_answer(job=stale, question=JobQuestion.CONFIRM, parameters={"confirmed": True})
    jobs_run()
    assert Job.objects.get().state == JobState.DONE


def test_only_who_may_import_the_rows_confirms_them(office: Office) -> None:
    send(office, "consumers_site", sites(5))
    jobs_run()
    marketer = office.login(StaffRole.MARKETER)
    Job.objects.update(asked_by=marketer.user)
    assert marketer.post("consumers_job_confirm", Job.objects.get().pk).status_code == 403
    other = make_office("other")
    assert other.post("consumers_job_confirm", Job.objects.get().pk).status_code == 404
    assert Job.objects.get().state == JobState.ASKING


def test_a_large_file_that_changes_nothing_asks_nothing(office: Office) -> None:
    import_large(office, "consumers_site", sites(5))
    send(office, "consumers_site", sites(5))
    jobs_run()
    job = Job.objects.latest("pk")
    assert job.state == JobState.DONE
    assert "There is nothing to import" in office.page("consumers_job_change", job.pk).content.decode()


def test_a_preview_counts_each_row_once_when_its_worker_is_killed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_SHOWN_ROWS", 3)
    send(office, "consumers_site", sites(5))
    job = Job.objects.get()
    calls = itertools.count(1)

    def dying(row: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return preview.row_json(row)

    monkeypatch.setattr(jobs, "row_json", dying)
    with pytest.raises(KeyboardInterrupt):
        jobs_run()
    assert Job.objects.get().done == 2
    Job.objects.update(lease_until=timezone.now())
    jobs_run()
    job.refresh_from_db()
    assert (job.state, job.summary["new"], job.summary["shown"]) == (JobState.ASKING, 5, 3)
    page = office.page("consumers_job_change", job.pk).content.decode()
    assert "And 2 more rows." in page


def test_a_large_file_with_other_headings_asks_for_its_columns(office: Office) -> None:
    rows = "Site no;Shop\n" + "".join(f"S{n:03};Shop {n}\n" for n in range(1, 6))
    send(office, "consumers_site", rows)
    jobs_run()
    job = Job.objects.get()
    assert (job.state, job.question) == (JobState.ASKING, JobQuestion.COLUMNS)
    address = f"/admin/consumers/site/import/?job={job.pk}"
    assert address in office.page("consumers_job_change", job.pk).content.decode()
    page = office.client.get(address).content.decode()
    assert [text for text in ("Site no", "S001 · S002 · S003", "Shop") if text not in page] == []
    office.client.post(address, {"column_0": "number", "column_1": "name"})
    jobs_run()
    job.refresh_from_db()
    assert (job.question, job.summary["new"]) == (JobQuestion.CONFIRM, 5)
    office.client.post(address, {"column_0": "number", "column_1": ""})
    jobs_run()
    job.refresh_from_db()
    assert (job.question, job.summary["new"]) == (JobQuestion.CONFIRM, 5), "changed again"
    assert "Shop 1" not in office.page("consumers_job_change", job.pk).content.decode()
    office.post("consumers_job_confirm", job.pk)
    jobs_run()
    assert list(Site.objects.values_list("number", "name"))[:1] == [("S001", "")]
    assert office.client.get(address).status_code == 302


def test_users_see_their_own_jobs_and_administrators_see_all(office: Office) -> None:
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


def test_a_user_without_permission_cannot_create_an_import_job(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    assert send(viewer, "consumers_site", sites(5)).status_code == 403
    assert not Job.objects.exists()


def test_a_file_that_would_fill_the_memory_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_FILE_BYTES", 20)
    answer = send(office, "consumers_site", sites(5))
    assert "Import it in parts" in answer.context["form"].errors["import_file"][0]


def test_a_file_in_another_format_is_refused(office: Office) -> None:
    answer = send(office, "consumers_site", b"\x00\x01nonsense", kind=XLSX)
    assert "import_file" in answer.context["form"].errors
    assert not Job.objects.exists()
