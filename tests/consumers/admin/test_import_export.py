"""Import and export: within the account, by the services, without formulas."""

import csv
import io
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tablib import Dataset

from consumers.admin.resources import CachedFile
from consumers.choices import StaffRole
from consumers.models import Consumer, Site
from consumers.services.staff import staff_member_add
from promotions.models import Product
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

CSV, XLSX = "0", "1"


@pytest.fixture
def office() -> Office:
    return make_office()


def preview(office: Office, page: str, text: str, **values: str) -> Any:
    file = SimpleUploadedFile("rows.csv", text.encode(), content_type="text/csv")
    return office.post(f"{page}_import", import_file=file, format=CSV, resource="0", **values)


def confirm(office: Office, page: str, text: str, **values: str) -> Any:
    """Import a file: preview it, then say yes."""
    answer = preview(office, page, text, **values)
    form = answer.context["confirm_form"]
    assert form is not None, told(answer)
    sent = {name: value for name, value in form.initial.items() if value is not False}
    return office.post(f"{page}_process_import", **sent)


def told(answer: Any) -> list[str]:
    """Everything that the preview finds wrong."""
    result = answer.context["result"]
    rows = [str(error.error) for _, errors in result.row_errors() for error in errors]
    invalid = [f"{row.number}: {row.error}" for row in result.invalid_rows]
    return [text for error in result.base_errors for text in error.error.messages] + rows + invalid


def export(office: Office, page: str, *, kind: str = CSV) -> list[dict[str, str]]:
    answer = office.post(f"{page}_export", format=kind, resource="0")
    assert answer.status_code == 200
    if kind == XLSX:
        return [dict(row) for row in Dataset().load(answer.content, format="xlsx").dict]
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_products_are_added_and_changed(office: Office) -> None:
    fill(office.account)
    answer = confirm(
        office,
        "promotions_product",
        'sku,name,labels,retail_price\nacme-p1,New name,"organic, new",4.50\nX1,Other,,\n',
    )
    assert answer.status_code == 302
    changed, made = Product.objects.get(sku="acme-p1"), Product.objects.get(sku="X1")
    assert (changed.name, changed.labels, str(changed.retail_price)) == ("New name", ["organic", "new"], "4.5000")
    assert changed.category == "Tea", "a column that is not in the file leaves what is stored"
    assert (made.account, made.retail_price) == (office.account, None)


def test_a_preview_writes_nothing(office: Office) -> None:
    preview(office, "promotions_product", "sku,name\nX1,Other\n")
    assert not Product.objects.exists()


def test_an_import_cannot_reach_another_accounts_rows(office: Office) -> None:
    other = make_office("other")
    fill(other.account)
    confirm(office, "promotions_product", "sku,name\nother-p1,Mine\n")
    assert Product.objects.get(account=other.account).name == "Product of other"
    assert Product.objects.get(account=office.account).name == "Mine"
    assert "other-p1" not in [row["sku"] for row in export(other, "promotions_product") if row["name"] == "Mine"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name\nOther\n", "no column sku"),
        ("sku,name\nX1,a\nX1,b\n", "twice"),
        ("sku,retail_price\nX1,cheap\n", "Expected a number"),
        ("sku,retail_price\nX1,-1\n", "greater than or equal to 0"),
        ("sku,archived\nX1,perhaps\n", "yes or no"),
        (f"sku,name\nX1,{'n' * 301}\n", "at most 300"),
        ("sku,name\n,Nameless\n", "blank"),
    ],
)
def test_a_bad_file_is_refused_whole_and_says_why(office: Office, text: str, words: str) -> None:
    answer = preview(office, "promotions_product", text)
    assert answer.context.get("confirm_form") is None
    assert words in " ".join(told(answer))
    assert "Traceback" not in answer.content.decode()


def test_what_the_service_refuses_names_the_row(office: Office) -> None:
    answer = preview(office, "consumers_consumer", "consumer_id,groups\nc-1,\nc-2,nope\n")
    assert told(answer) == ["Row 2, groups.0: There is no group nope."]
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


@pytest.mark.parametrize(
    "page", ["promotions_product", "consumers_consumer", "consumers_site", "consumers_consumergroup"]
)
def test_what_is_exported_can_be_imported_and_changes_nothing(office: Office, page: str) -> None:
    fill(office.account, rows=2)
    rows = export(office, page)
    assert len(rows) == 2
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    confirm(office, page, out.getvalue())
    assert export(office, page) == rows


@pytest.mark.parametrize("kind", [CSV, XLSX])
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"])
def test_no_cell_of_an_export_is_a_formula(office: Office, kind: str, text: str) -> None:
    Product.objects.create(account=office.account, sku="x", name=text, labels=[text.strip()], category=text)
    [row] = export(office, "promotions_product", kind=kind)
    for cell in row.values():
        assert not str(cell).startswith(("=", "+", "-", "@", "\t")), cell


def test_a_text_like_a_formula_survives_export_and_import(office: Office) -> None:
    Product.objects.create(account=office.account, sku="x", name="-5% deal")
    [row] = export(office, "promotions_product")
    confirm(office, "promotions_product", f"sku,name\nx,{row['name']}\n")
    assert Product.objects.get().name == "-5% deal"


def test_an_export_holds_the_accounts_rows(office: Office) -> None:
    other = make_office("other")
    for one in (office, other):
        fill(one.account)
    assert [row["number"] for row in export(office, "consumers_site")] == ["acme-001"]


@pytest.mark.parametrize(("role", "status"), [(StaffRole.VIEWER, 403), (StaffRole.CUSTOMER_SERVICE, 403)])
def test_one_who_may_only_look_imports_nothing(office: Office, role: StaffRole, status: int) -> None:
    looker = office.login(role)
    assert looker.page("promotions_product_import").status_code == status
    file = SimpleUploadedFile("rows.csv", b"sku\nX1\n", content_type="text/csv")
    assert looker.post("promotions_product_import", import_file=file, format=CSV).status_code == status
    assert looker.post("promotions_product_process_import", import_file_name="x", format=CSV).status_code == status
    assert looker.page("promotions_product_export").status_code == 200


def test_a_marketer_who_may_not_change_sites_imports_none(office: Office) -> None:
    marketer = office.login(StaffRole.MARKETER)
    assert marketer.page("consumers_site_import").status_code == 403
    assert not Site.objects.exists()


def confirmed(office: Office, answer: Any, **changed: str) -> Any:
    """The answer to a yes to a preview, with the hidden values of its form as they are or changed."""
    sent = {name: value for name, value in answer.context["confirm_form"].initial.items() if value is not False}
    return office.client.post("/admin/consumers/site/process_import/", {**sent, **changed}, follow=True)


LOOK_AGAIN = "Choose it again."


def test_a_file_is_imported_once_however_often_yes_is_said(office: Office) -> None:
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    assert LOOK_AGAIN not in confirmed(office, answer).content.decode()
    again = confirmed(office, answer)
    assert (again.status_code, LOOK_AGAIN in again.content.decode()) == (200, True)
    assert Site.objects.count() == 1


def test_a_file_that_has_waited_too_long_is_asked_for_again(office: Office) -> None:
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    Path(answer.context["confirm_form"].initial["import_file_name"]).unlink()
    again = confirmed(office, answer)
    assert (again.status_code, LOOK_AGAIN in again.content.decode()) == (200, True)
    assert Site.objects.count() == 0


@pytest.mark.parametrize("changed", [{"format": "x"}, {"format": "9"}, {"resource": "7"}, {"import_file_name": ""}])
def test_only_what_was_looked_at_is_imported(office: Office, changed: dict[str, str]) -> None:
    answer = confirmed(office, preview(office, "consumers_site", "number,name\n1,One\n"), **changed)
    assert (answer.status_code, LOOK_AGAIN in answer.content.decode()) == (200, True)
    assert Site.objects.count() == 0


def test_no_other_file_of_the_folder_is_read_or_removed(office: Office) -> None:
    with NamedTemporaryFile("w", suffix=".csv") as other:
        other.write("number,name\n1,One\n")
        other.flush()
        confirmed(office, preview(office, "consumers_site", "number,name\n2,Two\n"), import_file_name=other.name)
        assert Path(other.name).exists()
    assert Site.objects.count() == 0


def test_what_was_looked_at_in_one_account_is_not_imported_into_another(office: Office) -> None:
    other = make_office("other")
    staff_member_add(account_id=other.account.pk, username=office.user.username, role=StaffRole.ADMINISTRATOR)
    answer = preview(office, "consumers_site", "number,name\n1,One\n")
    office.client.post("/admin/switch-account/", {"account": "other"})
    assert LOOK_AGAIN in confirmed(office, answer).content.decode()
    assert Site.objects.count() == 0


def test_a_file_between_two_web_nodes_says_when_it_is_gone() -> None:
    waiting = CachedFile()
    waiting.save("number,name")
    assert waiting.read() == "number,name"
    waiting.remove()
    with pytest.raises(FileNotFoundError):
        waiting.read()
