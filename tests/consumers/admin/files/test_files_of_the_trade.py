"""Files as shops have them go in without being edited, or are refused with what to do."""

import codecs
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from consumers.models import FileColumnChoice
from loyalty.models import LoyaltyPromotion
from promotions.models import Product
from tests.consumers.admin.files.builders import confirm, export, preview, problem_texts, rows_of
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

PRODUCTS, PROMOTIONS = "promotions_product", "loyalty_loyaltypromotion"

SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,"
    "Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,"
    "Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,"
    "Variant Barcode,Image Src,Cost per item,Status\n"
    'linen-shirt,Linen shirt,"<p>Light, cool</p>",Northsea,Apparel,Shirts,"summer, linen",true,Size,S,LS-S,200,shopify,'
    "4,deny,manual,49.00,,true,true,,https://cdn.example/1.jpg,18.20,active\n"
    "linen-shirt,,,,,,,,,M,LS-M,200,shopify,4,deny,manual,49.00,59.00,true,true,,https://cdn.example/2.jpg,18.20,\n"
    "linen-shirt,,,,,,,,,,,,,,,,,,,,,https://cdn.example/3.jpg,,\n"
    "wool-hat,Wool hat,,Northsea,Apparel,Hats,winter,true,Title,Default Title,WH-1,90,shopify,2,deny,manual,19.50,,"
    "true,true,,,6.00,draft\n"
)


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office(time_zone="Europe/Berlin", currency="EUR")


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def prices() -> dict[str, tuple[str, Decimal | None]]:
    products = Product.objects.order_by("sku").values_list("sku", "name", "retail_price")
    return {sku: (name, price) for sku, name, price in products}


@pytest.mark.parametrize(
    ("content", "products", "note"),
    [
        (
            "sku;name;retail_price\nA1;Käse am Stück;12,50\nA2;Brötchen;0,45\n".encode(),
            {"A1": ("Käse am Stück", Decimal("12.5")), "A2": ("Brötchen", Decimal("0.45"))},
            "Numbers are read with a decimal comma.",
        ),
        (b"sep=;\nsku;name\nC1;Tea\nC2;Coffee\n", {"C1": ("Tea", None), "C2": ("Coffee", None)}, "semicolons"),
        (b"sku,name\nD1,Tea\n\n,,\nD2,Coffee\n", {"D1": ("Tea", None), "D2": ("Coffee", None)}, "Read as UTF-8"),
        (
            "sku,name,retail_price\nE1,Crème brûlée – small,3.50\nE2,Ærø smør,4.20\n".encode("cp1252"),
            {"E1": ("Crème brûlée – small", Decimal("3.5")), "E2": ("Ærø smør", Decimal("4.2"))},
            "Read as Windows-1252",
        ),
        (
            "sku\tname\nF1\tŻurek\nF2\tČaj\n".encode("utf-16"),
            {"F1": ("Żurek", None), "F2": ("Čaj", None)},
            "Read as UTF-16, with tabs between the cells.",
        ),
        (
            "sku\tname\nF1\tŻurek\n".encode("utf-16-be"),
            {"F1": ("Żurek", None)},
            "Read as UTF-16",
        ),
        (codecs.BOM_UTF8 + b"sku\nG1\n", {"G1": ("", None)}, "Read as UTF-8"),
        (b'"name","sku"\r\n"Tea; green, loose","H1"\r\n', {"H1": ("Tea; green, loose", None)}, "commas"),
    ],
)
def test_products_go_in_as_spreadsheets_save_them(
    office: Office, content: bytes, products: dict[str, Any], note: str
) -> None:
    assert note in preview(office, PRODUCTS, content).content.decode()
    confirm(office, PRODUCTS, content)
    assert prices() == products


def test_an_encoding_that_a_person_chooses_is_taken(office: Office) -> None:
    content = "sku,name\nA,Żurek\n".encode("cp1250")
    assert "Żurek" not in preview(office, PRODUCTS, content).content.decode()
    answer = preview(office, PRODUCTS, content, encoding="cp1250")
    assert "Read as Windows-1250" in answer.content.decode()
    confirm(office, PRODUCTS, content, encoding="cp1250")
    assert prices() == {"A": ("Żurek", None)}
    assert "another encoding" in problem_texts(preview(office, PRODUCTS, content, encoding="utf-8"))[0]


@pytest.mark.parametrize(
    ("text", "decimal", "price"),
    [
        ("1.299,00", ",", "1299.00"),
        ("1 299,5", ",", "1299.5"),
        ("1\u202f299,5", ",", "1299.5"),
        ("1'299.50", ".", "1299.50"),
        ("1,299.00", ".", "1299.00"),
        ("1.299", ",", "1299"),
        ("1.299", ".", "1.299"),
        ("12,50", "", "12.50"),
        ("12.50", "", "12.50"),
        ("0,450", "", "0.450"),
    ],
)
def test_a_price_is_read_with_the_decimal_sign_of_its_file(office: Office, text: str, decimal: str, price: str) -> None:
    confirm(office, PRODUCTS, f"sku;retail_price\nB1;{text}\n", decimal=decimal)
    assert prices() == {"B1": ("", Decimal(price))}


@pytest.mark.parametrize(
    ("rows", "decimal", "problem"),
    [
        (
            "B1;1.299,00",
            "",
            "Row 2, retail_price: 1.299,00 has a thousands separator. Remove it, or choose Decimal sign: Comma.",
        ),
        (
            "B1;1,299.00",
            "",
            "Row 2, retail_price: 1,299.00 has a thousands separator. Remove it, or choose Decimal sign: Point.",
        ),
        (
            "B1;1.299",
            "",
            "Row 2, retail_price: 1.299 may be 1299 or 1.299. Choose the decimal sign and upload the file again.",
        ),
        (
            "B1;1,299",
            "",
            "Row 2, retail_price: 1,299 may be 1299 or 1.299. Choose the decimal sign and upload the file again.",
        ),
        (
            "B1;12.50\n\nB2;0,45",
            "",
            (
                "Row 4, retail_price: 0,45 has a decimal comma, other numbers a decimal point. "
                "Use one of them, or choose the decimal sign."
            ),
        ),
        ("B1;12.50", ",", "Row 2, retail_price: 12.50 does not have the decimal comma that you chose."),
        ("B1;1.29.9", ",", "Row 2, retail_price: Must be a number such as 12.50."),
        ("B1;1.2e3", "", "Row 2, retail_price: Must be a number such as 12.50."),
    ],
)
def test_a_number_that_can_be_read_two_ways_is_refused_with_what_to_do(
    office: Office, rows: str, decimal: str, problem: str
) -> None:
    assert problem_texts(preview(office, PRODUCTS, f"sku;retail_price\n{rows}\n", decimal=decimal)) == [problem]
    assert not Product.objects.exists()


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_number_of_a_workbook_is_one_whatever_its_texts_have(office: Office) -> None:
    content = workbook(["sku", "retail_price"], ["A", 12.5], ["B", "0,45"], ["C", 1299])
    confirm(office, PRODUCTS, content, "xlsx")
    assert {sku: price for sku, (_, price) in prices().items()} == {
        "A": Decimal("12.5"),
        "B": Decimal("0.45"),
        "C": Decimal(1299),
    }
    confirm(office, PRODUCTS, workbook(["sku", "retail_price"], ["A", 13.5], ["B", "1.299,00"]), "xlsx", decimal=",")
    assert (prices()["A"][1], prices()["B"][1]) == (Decimal("13.5"), Decimal(1299))


HEAD = "code,type,name,currency,starts_at,ends_at,outcome.points\n"


def periods() -> dict[str, tuple[datetime, datetime | None]]:
    rows = LoyaltyPromotion.objects.values_list("code", "starts_at", "ends_at")
    return {code: (starts_at, ends_at) for code, starts_at, ends_at in rows}


MARCH = (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
EIGHTH = (datetime(2026, 3, 7, 23, tzinfo=UTC), datetime(2026, 3, 8, 23, tzinfo=UTC))


def test_a_day_begins_at_its_midnight_and_an_end_is_the_whole_last_day(office: Office) -> None:
    rows = "march,fixed_points,March points,EUR,2026-03-01,2026-03-31,50\n"
    confirm(office, PROMOTIONS, f"{HEAD}{rows}oneday,fixed_points,One day,EUR,2026-03-08,2026-03-08,50\n")
    assert periods() == {"march": MARCH, "oneday": EIGHTH}
    again = preview(office, PROMOTIONS, f"{HEAD}{rows}")
    assert again.context["result"].unchanged == 1
    exported = {row["code"]: row for row in rows_of(export(office, PROMOTIONS))}
    assert exported["march"]["ends_at"] == "2026-04-01T00:00:00+02:00"


def test_a_cell_with_a_day_in_a_workbook_is_the_day(office: Office) -> None:
    midnight = datetime(2026, 3, 31)  # noqa: DTZ001 - a workbook's times have no zone
    content = workbook(
        HEAD.strip().split(","),
        ["march", "fixed_points", "March", "EUR", date(2026, 3, 1), date(2026, 3, 31), 50],
        ["until", "fixed_points", "Until", "EUR", date(2026, 3, 1), midnight, 50],
    )
    confirm(office, PROMOTIONS, content, "xlsx")
    assert periods()["march"] == MARCH
    assert periods()["until"] == (MARCH[0], datetime(2026, 3, 30, 22, tzinfo=UTC)), "a time is a time"


def test_a_day_whose_midnight_the_clocks_skip_begins_when_they_go_on() -> None:
    office = make_office("santiago", time_zone="America/Santiago", currency="CLP")
    confirm(office, PROMOTIONS, f"{HEAD}gap,fixed_points,Gap,CLP,2026-09-06,2026-09-06,50\n")
    assert periods() == {"gap": (datetime(2026, 9, 6, 4, tzinfo=UTC), datetime(2026, 9, 7, 3, tzinfo=UTC))}


def test_a_clock_time_that_is_skipped_or_repeated_is_refused_with_both_readings(office: Office) -> None:
    rows = (
        "gap,fixed_points,Gap,EUR,2026-03-29 02:30,2026-04-30,10\n"
        "twice,fixed_points,Twice,EUR,2026-10-25 02:30,2026-11-30,10\n"
    )
    assert problem_texts(preview(office, PROMOTIONS, f"{HEAD}{rows}")) == [
        (
            "Row 2, starts_at: Daylight saving: clocks in Europe/Berlin skip 02:30 on 29 March 2026. "
            "Write 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00."
        ),
        (
            "Row 3, starts_at: Daylight saving: clocks in Europe/Berlin show 02:30 on 25 October 2026 twice. "
            "Write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00."
        ),
    ]
    assert not LoyaltyPromotion.objects.exists()


def test_numbers_of_promotions_have_the_decimal_sign_of_their_file(office: Office) -> None:
    text = "code;type;name;starts_at;outcome.multiplier\nx;points_multiplier;X;2030-01-01;1,5\n"
    confirm(office, PROMOTIONS, text)
    assert LoyaltyPromotion.objects.get().outcome["multiplier"] == "1.5"


def test_an_export_is_a_csv_file_unless_another_format_is_chosen(office: Office) -> None:
    field = office.page(f"{PRODUCTS}_export").context["form"].fields["format"]
    assert [label for _, label in field.choices] == ["CSV", "XLSX", "JSON"]


def test_an_export_opens_in_a_spreadsheet_with_its_letters(office: Office) -> None:
    fill(office.account)
    Product.objects.update(name="Käse")
    content = export(office, PRODUCTS)
    assert content.startswith(codecs.BOM_UTF8)
    assert content.count(codecs.BOM_UTF8) == 1
    assert rows_of(content)[0]["name"] == "Käse"


# --- columns ----------------------------------------------------------------------------------------------------------


def mapped(office: Office, content: str | bytes, *, kind: str = "csv", **chosen: str) -> Any:
    """Upload a file with other headings, and send its columns as they are guessed or chosen; return the response."""
    form = preview(office, PRODUCTS, content, kind).context["columns_form"]
    sent = {field.html_name: chosen.get(column.heading, field.value()) for column, field in form.rows}
    [upload] = [each for each in office.client.session["import_uploads"] if not each["is_previewed"]][-1:]
    return office.client.post(f"/admin/promotions/product/import/?columns={upload['file']}", sent)


def confirmed(office: Office, answer: Any) -> None:
    assert answer.context.get("confirm_form") is not None, problem_texts(answer)
    assert office.post(f"{PRODUCTS}_process_import", **answer.context["confirm_form"].initial).status_code == 302


def test_a_shopify_export_goes_in_as_it_is(office: Office) -> None:
    form = preview(office, PRODUCTS, SHOPIFY).context["columns_form"]
    guessed = {column.heading: field.value() for column, field in form.rows if field.value()}
    assert guessed == {
        "Handle": ":same",
        "Title": "name",
        "Vendor": "product_brand",
        "Type": "category",
        "Tags": "labels",
        "Variant SKU": "sku",
        "Variant Price": "retail_price",
        "Cost per item": "cost_price",
    }
    answer = mapped(office, SHOPIFY)
    assert "1 row has no SKU and will not be imported." in answer.content.decode()
    confirmed(office, answer)
    fields = ("name", "product_brand", "category", "labels", "retail_price", "cost_price")
    shirt = ("Linen shirt", "Northsea", "Shirts", ["summer", "linen"], Decimal(49), Decimal("18.2"))
    assert {product.sku: tuple(getattr(product, name) for name in fields) for product in Product.objects.all()} == {
        "LS-S": shirt,
        "LS-M": shirt,
        "WH-1": ("Wool hat", "Northsea", "Hats", ["winter"], Decimal("19.5"), Decimal(6)),
    }


def test_a_variant_with_a_price_and_without_a_sku_is_refused(office: Office) -> None:
    text = "Handle,Title,Variant SKU,Variant Price\nhat,Hat,WH-1,5\nhat,,,6\n"
    assert problem_texts(mapped(office, text)) == ["Row 3, sku: This cannot be blank: it identifies the row."]


def test_rows_of_one_key_are_refused_with_their_numbers(office: Office) -> None:
    text = "Handle,Title,Variant SKU\nshirt,Shirt,LS-S\nshirt,,LS-M\nhat,Hat,WH-1\nhat,,WH-1\n"
    assert problem_texts(mapped(office, text)) == [
        "Row 5, sku: WH-1 is in the file twice: rows 4 and 5. Keep one of them."
    ]
    assert FileColumnChoice.objects.get(heading="variantsku").column == "sku", "remembered though it was refused"


def test_chosen_columns_are_remembered_by_account_and_kind(office: Office) -> None:
    text = "Ref,What,Colour\nX1,Tea,green\n"
    confirmed(office, mapped(office, text, Ref="sku", What="name", Colour="category"))
    assert prices() == {"X1": ("Tea", None)}

    def guesses(someone: Office, page: str = PRODUCTS) -> list[str]:
        return [field.value() for _, field in preview(someone, page, text).context["columns_form"].rows]

    assert guesses(office) == ["sku", "name", "category"]
    assert guesses(office, "consumers_site") == ["", "", ""]
    assert guesses(make_office("other")) == ["", "", ""]
    mapped(office, text, Ref="sku", What="name", Colour="")
    assert guesses(office) == ["sku", "name", ""], "the last choice counts"


@pytest.mark.parametrize(
    ("chosen", "errors"),
    [
        (
            {"Ref": "sku", "What": "sku"},
            {"column_1": ["“Ref” is already used for SKU. Choose one of the two columns."]},
        ),
        ({"Ref": "", "What": "name"}, {"__all__": ["Choose the column of SKU: it identifies each row."]}),
    ],
)
def test_columns_that_cannot_be_read_are_refused(office: Office, chosen: Any, errors: Any) -> None:
    answer = mapped(office, "Ref,What\nX1,Tea\n", **chosen)
    assert answer.context["columns_form"].errors == errors
    assert not FileColumnChoice.objects.exists()


def test_a_misspelt_heading_is_guessed(office: Office) -> None:
    rows = preview(office, PRODUCTS, "SKU,Retail prise,wherever\nX1,3,y\n").context["columns_form"].rows
    assert [field.value() for _, field in rows] == ["sku", "retail_price", ""]


def test_columns_are_changed_from_the_preview(office: Office) -> None:
    answer = preview(office, PRODUCTS, "sku,name,category\nX1,Tea,Drinks\n")
    file = answer.context["confirm_form"].initial["import_file_name"]
    address = f"/admin/promotions/product/import/?columns={file}"
    assert "columns=" in answer.content.decode()
    assert [field.value() for _, field in office.client.get(address).context["columns_form"].rows] == [
        "sku",
        "name",
        "category",
    ]
    confirmed(office, office.client.post(address, {"column_0": "sku", "column_1": "category", "column_2": "name"}))
    assert Product.objects.values_list("name", "category").get() == ("Drinks", "Tea")
    assert office.client.get(address).status_code == 302, "it is imported"


def test_columns_of_a_file_of_somebody_else_are_not_shown(office: Office) -> None:
    preview(office, PRODUCTS, "Ref\nX1\n")
    [upload] = office.client.session["import_uploads"]
    other = make_office("other")
    address = f"/admin/promotions/product/import/?columns={upload['file']}"
    assert other.client.get(address).status_code == 302
    assert office.client.get(address.replace("promotions/product", "consumers/site")).status_code == 302


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_template_has_the_columns_of_its_kind(office: Office, kind: str) -> None:
    for page, resource, first in [
        (PRODUCTS, 0, "sku"),
        ("consumers_consumergroup", 1, "group"),
        (PROMOTIONS, 0, "code"),
    ]:
        answer = office.page(f"{page}_import", query=f"?template={kind}&resource={resource}")
        assert answer.headers["Content-Disposition"].endswith(f'-template.{kind}"')
        if kind == "xlsx":
            [headings] = load_workbook(io.BytesIO(answer.content)).worksheets[0].iter_rows(values_only=True)
        else:
            headings = tuple(answer.content.decode("utf-8-sig").strip().split(","))
        assert headings[0] == first
        assert not {"status", "version"} & set(headings)
    assert office.page(f"{PRODUCTS}_import", query="?template=exe").status_code == 404
    assert office.page(f"{PRODUCTS}_import", query="?template=csv&resource=9").status_code == 404
