"""Import and export: within the account, by the services, without formulas."""

import io
import json
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from consumers.admin.files.reading import file_read
from consumers.admin.files.upload import CachedFile
from consumers.choices import StaffRole
from consumers.models import Consumer, ConsumerGroup, Site
from consumers.services.staff import staff_member_add
from promotions.models import PersonalizedList, Product
from tests.consumers.admin.files.builders import (
    KINDS,
    confirm,
    differences,
    export,
    file_of,
    number_of,
    preview,
    problem_texts,
    rows_of,
)
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def test_products_are_added_and_changed(office: Office) -> None:
    fill(office.account)
    answer = confirm(
        office,
        "promotions_product",
        'sku,name,labels,retail_price\nacme-p1,New name,"organic, new",4.50\nX1,Other,,\n',
    )
    assert answer.status_code == 302
    changed, created = Product.objects.get(sku="acme-p1"), Product.objects.get(sku="X1")
    assert (changed.name, changed.labels, str(changed.retail_price)) == ("New name", ["organic", "new"], "4.5000")
    assert changed.category == "Tea", "a column that is not in the file leaves what is stored"
    assert (created.account, created.retail_price) == (office.account, None)


def test_a_preview_writes_nothing(office: Office) -> None:
    preview(office, "promotions_product", "sku,name\nX1,Other\n")
    assert not Product.objects.exists()


def test_an_import_cannot_reach_another_accounts_rows(office: Office) -> None:
    other = make_office("other")
    fill(other.account)
    confirm(office, "promotions_product", "sku,name\nother-p1,Mine\n")
    assert Product.objects.get(account=other.account).name == "Product of other"
    assert Product.objects.get(account=office.account).name == "Mine"
    assert "other-p1" not in [
        row["sku"] for row in rows_of(export(other, "promotions_product")) if row["name"] == "Mine"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name\nOther\n", "no column sku"),
        ("sku,name\nX1,a\n\nX1,b\n", "Row 4, sku: X1 is in the file twice: rows 2 and 4. Keep one of them."),
        ("sku,retail_price\nX1,cheap\n", "Must be a number"),
        ("sku,retail_price\nX1,-1\n", "greater than or equal to 0"),
        ("sku,archived\nX1,perhaps\n", "yes or no"),
        (f"sku,name\nX1,{'n' * 301}\n", "at most 300"),
        ("sku,name\n,Nameless\n", "blank"),
    ],
)
def test_an_invalid_file_is_refused_as_a_whole_with_the_reason(office: Office, text: str, words: str) -> None:
    answer = preview(office, "promotions_product", text)
    assert answer.context.get("confirm_form") is None
    assert words in " ".join(problem_texts(answer))
    assert "Traceback" not in answer.content.decode()


def test_a_refusal_of_the_service_names_the_row(office: Office) -> None:
    answer = preview(office, "consumers_consumer", "consumer_id,groups\nc-1,\nc-2,nope\n")
    assert problem_texts(answer) == ["Row 3, groups.0: There is no group nope."]
    assert not Consumer.objects.exists()


def test_consumers_come_with_membership_cards_and_groups(office: Office) -> None:
    fill(office.account)
    confirm(
        office,
        "consumers_consumer",
        "consumer_id,kind,last_name,home_site,groups,loyalty_status,enrolled_on,cards\n"
        'c-9,customer,Lind,acme-001,acme-g1,active,2025-02-01,"111, 222"\n',
    )
    consumer = Consumer.objects.get(consumer_id="c-9")
    assert consumer.home_site is not None
    assert [group.code for group in consumer.groups.all()] == ["acme-g1"]
    assert sorted(card.number for card in consumer.membership.cards.all()) == ["111", "222"]


def test_a_file_without_their_columns_keeps_membership_cards_and_groups(office: Office) -> None:
    fill(office.account)
    confirm(office, "consumers_consumer", "consumer_id,first_name\nacme-c1,Olive\n")
    consumer = Consumer.objects.get()
    assert consumer.first_name == "Olive"
    assert consumer.membership.cards.get().number == "acme-card-1"
    assert [group.code for group in consumer.groups.all()] == ["acme-g1"]
    assert consumer.home_site is not None


PAGES = [
    ("promotions_product", "0"),
    ("consumers_site", "0"),
    ("consumers_consumergroup", "0"),
    ("consumers_consumer", "0"),
    ("consumers_consumergroup", "1"),
    ("promotions_personalizedpromotion", "0"),
    ("promotions_personalizedlist", "0"),
]
"""Every page that has files, each with which of its rows; those that others name come first."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_imported_into_an_empty_account_gives_the_same_rows(office: Office, kind: str) -> None:
    fill(office.account, rows=3)
    Product.objects.filter(sku="acme-p2").update(labels=["a,b", "-5"], name="=1+1", cost_price="2.30")
    PersonalizedList.objects.filter(consumer__consumer_id="acme-c1").update(selected=["acme-p1"])
    twin = make_office("twin")
    for page, resource in PAGES:
        file = export(office, page, kind, resource=resource)
        assert len(rows_of(file, kind)) == 3
        answer = preview(twin, page, file, kind, resource=resource)
        if (page, resource) == ("consumers_consumergroup", "1"):
            assert differences(answer) == {}, "the consumers' file has made them members"
        else:
            assert len(differences(answer)) == 3
            confirm(twin, page, file, kind, resource=resource)
        assert rows_of(export(twin, page, kind, resource=resource), kind) == rows_of(file, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("page", "resource"), PAGES)
def test_importing_an_export_changes_nothing(office: Office, page: str, resource: str, kind: str) -> None:
    fill(office.account, rows=2)
    answer = preview(office, page, export(office, page, kind, resource=resource), kind, resource=resource)
    assert differences(answer) == {}
    assert answer.context["result"].unchanged == 2


def test_a_preview_shows_the_changes_by_column(office: Office) -> None:
    fill(office.account, rows=2)
    text = "sku,name,labels,retail_price\nacme-p1,New name,organic,3\nacme-p2,Product of acme,,\nX1,Other,,\n"
    answer = preview(office, "promotions_product", text)
    assert differences(answer) == {
        "acme-p1": {"Name": ("Product of acme", "New name"), "Labels": ("–", "organic")},
        "acme-p2": {"Retail price": ("3.00", "–")},
        "X1": {
            "Name": ("–", "Other"),
            "Sold by": ("–", "unit"),
            "No discount": ("–", "no"),
            "No points": ("–", "no"),
            "Archived": ("–", "no"),
        },
    }
    page = answer.content.decode()
    assert "style=" not in page.partition("<main")[2], "the policy of the pages drops inline styles"
    assert [word for word in ("<del>3.00</del>", "<ins>New name</ins>") if word not in page] == []


def test_unknown_fields_of_a_json_file_are_refused_by_name(office: Office) -> None:
    text = json.dumps([{"sku": "X1", "retail prise": 3}])
    [words] = problem_texts(preview(office, "promotions_product", text, "json"))
    assert words.startswith("The file has unknown columns: retail prise. Use only these: sku, name,")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"sku": "X1", "name": 5}, "Row 1, name: Must be text."),
        ({"sku": 5}, "Row 1, sku: Must be text."),
        ({"sku": "X1", "labels": "a, b", "retail_price": [1]}, "Row 1, retail_price: Must be a number such as 12.50."),
        ({"sku": "X1", "labels": [{}]}, "Row 1, labels: Must be a list of text values."),
        (
            {"sku": "X1", "labels": ["a\x00"]},
            "Row 1, labels: This contains a character that cannot be stored. Remove it.",
        ),
        ({"sku": "\ud800"}, "Row 1, sku: This contains a character that cannot be stored. Remove it."),
        ({"sku": "X1", "archived": {}}, "Row 1, archived: Must be yes or no."),
    ],
)
def test_a_json_value_of_the_wrong_type_is_refused(office: Office, row: dict[str, Any], words: str) -> None:
    answer = preview(office, "promotions_product", json.dumps([row]), "json")
    assert problem_texts(answer)[0].startswith(words)
    assert not Product.objects.exists()


def test_json_objects_leave_absent_fields_unchanged(office: Office) -> None:
    fill(office.account, rows=2)
    rows = [{"sku": "acme-p1", "name": "New"}, {"category": "Cake", "sku": "acme-p2"}]
    confirm(office, "promotions_product", json.dumps(rows), "json")
    products = Product.objects.order_by("sku").values_list("sku", "name", "category")
    assert list(products) == [("acme-p1", "New", "Tea"), ("acme-p2", "Product of acme", "Cake")]


def test_a_file_adds_and_removes_members_and_others_stay(office: Office) -> None:
    fill(office.account, rows=3)
    text = "group,consumer_id,member\nacme-g1,acme-c1,no\nacme-g2,acme-c2,yes\nacme-g1,acme-c3,\n"
    answer = preview(office, "consumers_consumergroup", text, resource="1")
    assert differences(answer) == {
        "acme-g1 · acme-c1": {"Member": ("yes", "no")},
        "acme-g2 · acme-c2": {"Member": ("–", "yes")},
    }
    confirm(office, "consumers_consumergroup", text, resource="1")
    rows = rows_of(export(office, "consumers_consumergroup", resource="1"))
    assert [(row["group"], row["consumer_id"]) for row in rows] == [
        ("acme-g1", "acme-c2"),
        ("acme-g1", "acme-c3"),
        ("acme-g2", "acme-c2"),
    ]


def test_members_of_the_groups_that_the_list_shows_are_exported(office: Office) -> None:
    fill(office.account, rows=2)
    confirm(office, "consumers_consumergroup", "group,consumer_id\nacme-g2,acme-c2\n", resource="1")
    answer = office.post("consumers_consumergroup_export", query="?q=g2", format=number_of("csv"), resource="1")
    assert 'filename="members-of-groups-20' in answer.headers["Content-Disposition"]
    rows = rows_of(answer.content)
    assert rows == [{"group": "acme-g2", "consumer_id": "acme-c2", "member": "yes"}]


def test_unknown_groups_and_consumers_are_reported_by_row_and_column(office: Office) -> None:
    fill(office.account)
    other = make_office("other")
    fill(other.account)
    text = "group,consumer_id\nacme-g1,acme-c1\nother-g1,acme-c1\nacme-g1,other-c1\n"
    assert problem_texts(preview(office, "consumers_consumergroup", text, resource="1")) == [
        "Row 3, group: There is no group other-g1.",
        "Row 4, consumer_id: There is no consumer other-c1.",
    ]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"])
def test_no_cell_of_an_export_is_a_formula(office: Office, kind: str, text: str) -> None:
    Product.objects.create(account=office.account, sku="x", name=text, labels=[text.strip()], category=text)
    content = export(office, "promotions_product", kind)
    if kind == "xlsx":
        [_, cells] = load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
    else:
        cells = tuple(content.decode().splitlines()[1].split(","))
    for cell in cells:
        assert not str(cell or "").startswith(("=", "+", "-", "@", "\t")), cell
    assert rows_of(content, kind)[0]["name"] == text


def test_a_text_that_looks_like_a_formula_survives_export_and_import(office: Office) -> None:
    Product.objects.create(account=office.account, sku="x", name="-5% deal")
    [row] = rows_of(export(office, "promotions_product"))
    assert row["name"] == "-5% deal"
    confirm(office, "promotions_product", file_of([{"sku": "x", "name": "'=-6% deal"}]))
    assert Product.objects.get().name == "'=-6% deal"


def test_blanks_around_a_typed_text_are_removed(office: Office) -> None:
    confirm(office, "promotions_product", "sku,name\n x1 , Tea \n")
    assert Product.objects.get().name == "Tea"


def test_confirming_an_imported_file_asks_for_it_again(office: Office) -> None:
    answer = preview(office, "promotions_product", "sku,name\nX1,Tea\n")
    sent = answer.context["confirm_form"].initial
    assert office.post("promotions_product_process_import", **sent).url == "/admin/promotions/product/"
    again = office.post("promotions_product_process_import", **sent)
    assert again.url == "/admin/promotions/product/import/"
    assert "The file is no longer available" in office.page("promotions_product_import").content.decode()


@pytest.mark.parametrize("file", ["../../etc/passwd", "", "\x00", "x.csv"])
def test_a_confirmation_that_no_page_sends_imports_nothing(office: Office, file: str) -> None:
    preview(office, "promotions_product", "sku,name\nX1,Tea\n")
    values = {"import_file_name": file}
    assert office.post("promotions_product_process_import", **values).url == "/admin/promotions/product/import/"
    assert not Product.objects.exists()


def test_a_row_that_became_invalid_since_the_preview_is_reported_and_nothing_is_imported(office: Office) -> None:
    fill(office.account)
    answer = preview(office, "consumers_consumer", "consumer_id,groups\nc-1,\nc-2,acme-g1\n")
    Consumer.objects.get().groups.clear()
    ConsumerGroup.objects.all().delete()
    answer = office.post("consumers_consumer_process_import", **answer.context["confirm_form"].initial)
    assert problem_texts(answer) == ["Row 3, groups.0: There is no group acme-g1."]
    assert "Nothing was imported" in answer.content.decode()
    assert not Consumer.objects.filter(consumer_id__startswith="c-").exists()


def test_an_export_holds_the_accounts_rows(office: Office) -> None:
    other = make_office("other")
    for each in (office, other):
        fill(each.account)
    assert [row["number"] for row in rows_of(export(office, "consumers_site"))] == ["acme-001"]


def test_selected_rows_of_the_account_are_exported(office: Office) -> None:
    other = make_office("other")
    for each in (office, other):
        fill(each.account, rows=2)
    keys = ",".join(str(site.pk) for site in Site.objects.filter(number__endswith="002"))
    assert [row["number"] for row in rows_of(export(office, "consumers_site", chosen=keys))] == ["acme-002"]
    assert rows_of(export(office, "consumers_site", "json", chosen="x, ,-1"), "json") == []


@pytest.mark.parametrize(("role", "status"), [(StaffRole.VIEWER, 403), (StaffRole.CUSTOMER_SERVICE, 403)])
def test_a_viewer_cannot_import(office: Office, role: StaffRole, status: int) -> None:
    looker = office.login(role)
    assert looker.page("promotions_product_import").status_code == status
    file = SimpleUploadedFile("rows.csv", b"sku\nX1\n", content_type="text/csv")
    assert looker.post("promotions_product_import", import_file=file, format=number_of("csv")).status_code == status
    assert (
        looker.post("promotions_product_process_import", import_file_name="x", format=number_of("csv")).status_code
        == status
    )
    assert looker.page("promotions_product_export").status_code == 200


def test_a_marketer_who_may_not_change_sites_imports_none(office: Office) -> None:
    marketer = office.login(StaffRole.MARKETER)
    assert marketer.page("consumers_site_import").status_code == 403
    assert not Site.objects.exists()


def confirmed(office: Office, answer: Any, **changed: str) -> Any:
    """The answer to a yes to a preview, with the hidden values of its form as they are or changed."""
    sent = {name: value for name, value in answer.context["confirm_form"].initial.items() if value is not False}
    return office.client.post("/admin/consumers/site/process_import/", {**sent, **changed}, follow=True)


LOOK_AGAIN = "The file is no longer available: it was already imported, or it has expired. Upload it again."


def test_confirming_a_file_twice_imports_it_once(office: Office) -> None:
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    assert LOOK_AGAIN not in confirmed(office, answer).content.decode()
    again = confirmed(office, answer)
    assert (again.status_code, LOOK_AGAIN in again.content.decode()) == (200, True)
    assert Site.objects.count() == 1


def test_confirming_a_file_while_it_is_imported_asks_for_it_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    texts: list[str] = []

    def read_while_confirmed_again(*args: Any) -> Any:
        monkeypatch.undo()
        texts.append(confirmed(office.for_a_test(), answer).content.decode())
        return file_read(*args)

    monkeypatch.setattr("consumers.admin.files.pages.file_read", read_while_confirmed_again)
    assert "Imported: 1 new" in confirmed(office, answer).content.decode()
    assert [LOOK_AGAIN in text for text in texts] == [True]


def test_an_expired_preview_asks_for_the_file_again(office: Office) -> None:
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    page: Any = admin.site.get_model_admin(Site)
    page.get_tmp_storage_class()(name=answer.context["confirm_form"].initial["import_file_name"]).remove()
    again = confirmed(office, answer)
    assert (again.status_code, LOOK_AGAIN in again.content.decode()) == (200, True)
    assert Site.objects.count() == 0


def test_a_file_with_problems_cannot_be_confirmed(office: Office) -> None:
    preview(office, "consumers_site", "number,name\n1,One\n1,Again\n")
    [upload] = office.client.session["import_uploads"]
    answer = office.client.post(
        "/admin/consumers/site/process_import/", {"import_file_name": upload["file"]}, follow=True
    )
    assert (answer.status_code, LOOK_AGAIN in answer.content.decode()) == (200, True)
    assert Site.objects.count() == 0


def test_no_other_file_of_the_folder_is_read_or_removed(office: Office) -> None:
    with NamedTemporaryFile("w", suffix=".csv") as other:
        other.write("number,name\n1,One\n")
        other.flush()
        confirmed(office, preview(office, "consumers_site", "number,name\n2,Two\n"), import_file_name=other.name)
        assert Path(other.name).exists()
    assert Site.objects.count() == 0


def test_a_file_previewed_in_one_account_cannot_be_imported_into_another(office: Office) -> None:
    other = make_office("other")
    staff_member_add(account_id=other.account.pk, username=office.user.username, role=StaffRole.ADMINISTRATOR)
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    office.client.post("/admin/switch-account/", {"account": "other"})
    assert LOOK_AGAIN in confirmed(office, answer).content.decode()
    assert Site.objects.count() == 0


def test_reading_or_removing_a_file_that_the_cache_dropped_raises_an_error() -> None:
    waiting = CachedFile()
    waiting.save("number,name")
    assert waiting.read() == "number,name"
    waiting.remove()
    with pytest.raises(FileNotFoundError):
        waiting.read()
    with pytest.raises(FileNotFoundError):
        waiting.remove()


def test_birthdays_come_without_their_year_and_follow_the_date_of_birth_of_a_file(office: Office) -> None:
    page = "consumers_consumer"
    confirm(office, page, "consumer_id,birthday\nc-1,03-03\nc-2,02-29\nc-3,\n")

    def birthdays() -> dict[str, tuple[str, str]]:
        rows = {row["consumer_id"]: row for row in rows_of(export(office, page))}
        return {key: (rows[key]["date_of_birth"], rows[key]["birthday"]) for key in ("c-1", "c-2", "c-3")}

    assert birthdays() == {"c-1": ("", "03-03"), "c-2": ("", "02-29"), "c-3": ("", "")}
    confirm(office, page, "consumer_id,first_name\nc-1,Ada\n")
    assert birthdays()["c-1"] == ("", "03-03")
    confirm(office, page, "consumer_id,date_of_birth\nc-1,1990-04-04\n")
    assert birthdays()["c-1"] == ("1990-04-04", "04-04")
    for wrong in ("consumer_id,birthday\nc-1,03-03\n", "consumer_id,birthday\nc-3,33-33\n"):
        answer = preview(office, page, wrong)
        assert answer.context.get("confirm_form") is None
        assert problem_texts(answer)
    assert birthdays()["c-1"] == ("1990-04-04", "04-04")
