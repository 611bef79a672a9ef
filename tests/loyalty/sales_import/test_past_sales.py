"""Past sales of a file are imported whole and once; unusable rows are rejected with their reason."""

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from consumers.models import Account, Consumer, Membership, Site
from loyalty.choices import TransactionKind, TransactionStatus
from loyalty.models import LedgerEntry, PromotionUsage, Transaction
from loyalty.services.sales_import import past_sales
from loyalty.services.sales_import.past_sales import category_of
from promotions.choices import Family, Status
from promotions.models import Product, Promotion

pytestmark = pytest.mark.django_db

Summary = dict[str, Any]
Rejects = list[dict[str, str]]
ImportRows = Callable[..., tuple[Summary, Rejects]]

HEADER = "reference,sku,description,quantity,moment,unit_price,consumer,site"


@pytest.fixture
def account() -> Account:
    return Account.objects.create(code="shop", name="Shop", currency="GBP", time_zone="Europe/London")


@pytest.fixture
def import_rows(tmp_path: Path, account: Account) -> ImportRows:
    """Run the command over rows; return its summary and its rejected rows."""

    def run(*rows: str, header: str = HEADER, **options: object) -> tuple[Summary, Rejects]:
        file = tmp_path / "sales.csv"
        file.write_text("\n".join([header, *rows]) + "\n")
        return run_file(file, tmp_path, **options)

    return run


def run_file(file: Path, tmp_path: Path, **options: object) -> tuple[Summary, Rejects]:
    out, rejects = StringIO(), tmp_path / "rejects.csv"
    options = {"return_prefix": "C", **options}
    call_command("sales_import", file, account="shop", rejects=rejects, stdout=out, stderr=StringIO(), **options)
    with rejects.open(newline="") as rejected:
        return json.loads(out.getvalue()), list(csv.DictReader(rejected))


def test_an_invoice_becomes_one_past_sale_with_its_lines(import_rows: ImportRows) -> None:
    summary, rejects = import_rows(
        "1001,A,BLUE METAL LANTERN,2,2026-03-01T09:00:00,2.55,c-1,Leeds",
        "1001,B,JAM POT,3,2026-03-01T09:00:00,1,c-1,Leeds",
    )
    assert (summary["past_sales"], summary["imported_rows"], rejects) == (1, 2, [])
    sale = Transaction.objects.get()
    assert (sale.reference, sale.kind, sale.status) == ("1001", TransactionKind.PAST_SALE, TransactionStatus.COMMITTED)
    assert (sale.total_inc_tax, sale.net_total_inc_tax, sale.paid) == (Decimal("8.10"),) * 3
    assert (sale.base_points, sale.promotion_points) == (0, 0)
    assert sale.site.number == "Leeds"
    assert sale.consumer == Consumer.objects.get(consumer_id="c-1")
    assert sale.occurred_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert sale.lines[0] == {
        "line_id": "1",
        "sku": "A",
        "quantity": "2",
        "unit_price_inc_tax": "2.55",
        "unit_price_ex_tax": "2.55",
        "category": "",
        "brand": "",
        "product": {
            "product_brand": "",
            "program_brand": "",
            "category": "Lantern",
            "labels": [],
            "cost_price": None,
            "retail_price": None,
        },
        "total": "5.10",
        "net": "5.10",
        "discount": "0.00",
        "base_points": 0,
    }
    assert not LedgerEntry.objects.exists()


def test_products_get_their_name_and_a_category_from_its_last_word(import_rows: ImportRows) -> None:
    import_rows("1,A,WHITE HANGING HEART T-LIGHT HOLDER,2,2026-03-01T09:00:00,2.55,,Leeds")
    product = Product.objects.get()
    assert (product.sku, product.name, product.category) == ("A", "WHITE HANGING HEART T-LIGHT HOLDER", "Holder")
    assert [category_of(name) for name in ("", "123", "SET/6 CAKE CASES ", "Tea for 2")] == ["", "", "Cases", "For"]


def test_a_product_already_in_the_catalogue_is_unchanged(import_rows: ImportRows, account: Account) -> None:
    Product.objects.create(account=account, sku="A", name="Lantern", category="Lights", labels=["metal"])
    summary, _ = import_rows("1,A,BLUE LANTERN,2,2026-03-01T09:00:00,2.55,,Leeds")
    assert Product.objects.get().name == "Lantern"
    assert Transaction.objects.get().lines[0]["product"]["category"] == "Lights"
    assert summary["created"] == {"sites": 1}


def test_a_category_column_sets_the_category(import_rows: ImportRows) -> None:
    import_rows("1,A,LAMP,2,2026-03-01T09:00,2,,L,Lights", header=HEADER + ",category")
    assert Product.objects.get().category == "Lights"
    assert Transaction.objects.get().lines[0]["category"] == "Lights"


def test_a_new_product_raises_the_rulebook_version(import_rows: ImportRows, account: Account) -> None:
    import_rows("1,A,LAMP,2,2026-03-01T09:00,2,,L")
    before = account.rulebook_version
    account.refresh_from_db()
    assert account.rulebook_version > before


def test_an_invoice_marked_as_a_return_is_imported_with_negative_totals(import_rows: ImportRows) -> None:
    summary, rejects = import_rows("C7,A,LAMP,-2,2026-03-01T09:00:00,2.50,c-1,Leeds", members=True)
    assert (summary["unlinked_returns"], summary["past_sales"], rejects) == (1, 0, [])
    row = Transaction.objects.get()
    assert (row.kind, row.total_inc_tax, row.lines[0]["quantity"]) == (
        TransactionKind.UNLINKED_RETURN,
        Decimal("-5.00"),
        "-2",
    )
    assert Consumer.objects.get().last_transaction_at is None
    assert not Membership.objects.exists()


def test_a_row_without_a_consumer_is_an_anonymous_sale(import_rows: ImportRows) -> None:
    summary, _ = import_rows("1,A,LAMP,2,2026-03-01T09:00:00,2.50,,Leeds", members=True)
    assert summary["past_sales"] == 1
    assert Transaction.objects.get().consumer is None


def test_a_stock_code_that_is_no_product_is_an_ordinary_line(import_rows: ImportRows) -> None:
    import_rows("1,POST,POSTAGE,1,2026-03-01T09:00:00,18.00,,France")
    assert Transaction.objects.get().total_inc_tax == Decimal("18.00")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9,A,LAMP,1,2026-03-01T09:00:00", "malformed_row"),
        (",A,LAMP,1,2026-03-01T09:00:00,2,c,L", "no_reference"),
        ("9,,LAMP,1,2026-03-01T09:00:00,2,c,L", "no_sku"),
        ("9,A,LAMP,1,2026-03-01T09:00:00,2,c,", "no_site"),
        ("9,A,LAMP,1,yesterday,2,c,L", "unreadable_moment"),
        ("9,A,LAMP,1,,2,c,L", "unreadable_moment"),
        ("9,A,LAMP,two,2026-03-01T09:00:00,2,c,L", "unreadable_quantity"),
        ("9,A,LAMP,1.0005,2026-03-01T09:00:00,2,c,L", "unreadable_quantity"),
        ("9,A,LAMP,,2026-03-01T09:00:00,2,c,L", "no_quantity"),
        ("9,A,LAMP,0,2026-03-01T09:00:00,2,c,L", "no_quantity"),
        ("9,A,LAMP,-4,2026-03-01T09:00:00,0,,L", "stock_correction"),
        ("C9,A,LAMP,4,2026-03-01T09:00:00,2,c,L", "return_of_positive_quantity"),
        ("9,A,LAMP,1,2026-03-01T09:00:00,NaN,c,L", "unreadable_price"),
        ("9,A,LAMP,1,2026-03-01T09:00:00,1e3,c,L", "unreadable_price"),
        ("9,A,LAMP,1,2026-03-01T09:00:00,,c,L", "no_price"),
        ("9,A,LAMP,1,2026-03-01T09:00:00,0.00,c,L", "no_price"),
        ("9,A,LAMP,1,2026-03-01T09:00:00,-3,c,L", "negative_price"),
        ("9,A,LAMP,100000000,2026-03-01T09:00:00,100000,c,L", "too_large"),
        (f"9,{'A' * 101},LAMP,1,2026-03-01T09:00:00,2,c,L", "unusable_text"),
    ],
)
def test_an_unusable_row_is_rejected_with_its_reason(import_rows: ImportRows, row: str, reason: str) -> None:
    summary, rejects = import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L", row)
    assert [(reject["line"], reject["reason"]) for reject in rejects] == [("3", reason)]
    assert rejects[0]["sku"] == (row.split(",")[1])
    assert summary["rejected_rows"] == {reason: 1}
    assert list(Transaction.objects.values_list("reference", flat=True)) == ["1"]


def test_the_clean_rows_of_an_invoice_with_an_unusable_one_are_imported(import_rows: ImportRows) -> None:
    summary, _ = import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L", "1,A,LAMP,1,2026-03-01T09:00:00,,c,L")
    assert (summary["past_sales"], summary["partly_rejected_invoices"], summary["imported_rows"]) == (1, 1, 1)


def test_an_invoice_of_more_than_500_lines_is_rejected_whole(import_rows: ImportRows) -> None:
    summary, rejects = import_rows(
        *["1,A,LAMP,1,2026-03-01T09:00:00,2,c,L"] * 501, *["2,A,LAMP,1,2026-03-01T09:00:00,2,c,L"] * 500
    )
    assert {reject["reason"] for reject in rejects} == {"over_500_lines"}
    assert summary["rejected_rows"] == {"over_500_lines": 501}
    assert (summary["past_sales"], summary["wholly_rejected_invoices"]) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        "1,B,POT,1,2026-03-01T09:00:00,2,c-2,L",
        "1,B,POT,1,2026-03-01T09:00:00,2,c-1,M",
        "1,B,POT,1,2026-03-03T09:00:00,2,c-1,L",
    ],
)
def test_a_row_that_contradicts_its_invoice_is_rejected(import_rows: ImportRows, other: str) -> None:
    summary, _ = import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c-1,L", other)
    assert (summary["rejected_rows"], summary["past_sales"]) == ({"conflicting_repeat": 1}, 1)
    assert Consumer.objects.get().consumer_id == "c-1"


def test_an_invoice_is_as_old_as_its_earliest_row_wherever_its_rows_lie(import_rows: ImportRows) -> None:
    import_rows(
        "2,A,LAMP,1,2026-03-01T10:00:00,2,c,L",
        "1,A,LAMP,1,2026-03-01T09:01:00,2,c,L",
        "2,B,POT,1,2026-03-01T10:00:00,2,c,L",
        "1,B,POT,1,2026-03-01T09:00:00,2,c,L",
    )
    assert list(Transaction.objects.order_by("id").values_list("reference", "occurred_at__minute")) == [
        ("1", 0),
        ("2", 0),
    ]
    assert [len(sale.lines) for sale in Transaction.objects.all()] == [2, 2]


def test_local_times_are_read_in_the_zone_named(import_rows: ImportRows) -> None:
    import_rows("1,A,LAMP,1,01/07/2026 20:30,2,c,L", time_zone="America/New_York", date_format="%d/%m/%Y %H:%M")
    sale = Transaction.objects.get()
    assert sale.occurred_at == datetime(2026, 7, 1, 20, 30, tzinfo=ZoneInfo("America/New_York"))
    assert sale.local_day == date(2026, 7, 2)


def test_consumers_become_members_on_the_day_of_their_first_sale(import_rows: ImportRows) -> None:
    import_rows(
        "2,A,LAMP,1,2026-03-02T10:00:00,2,c,L",
        "C1,A,LAMP,-1,2026-02-01T10:00:00,2,c,L",
        "1,A,LAMP,1,2026-03-01T10:00:00,2,c,L",
        members=True,
    )
    assert Membership.objects.get().enrolled_on == date(2026, 3, 1)
    consumer = Consumer.objects.get()
    assert (consumer.last_transaction_on, consumer.points_balance) == (date(2026, 3, 2), 0)


def test_without_the_option_no_consumer_becomes_a_member(import_rows: ImportRows) -> None:
    import_rows("1,A,LAMP,1,2026-03-01T10:00:00,2,c,L")
    assert not Membership.objects.exists()


def test_a_second_run_imports_nothing_and_reports_existing_sales(import_rows: ImportRows) -> None:
    rows = [f"{i},A,LAMP,1,2026-03-01T09:{i}:00,2,c,L" for i in range(10, 20)]
    import_rows(*rows, members=True)
    before = import_snapshot()
    summary, _ = import_rows(*rows, members=True)
    assert (summary["past_sales"], summary["already_there"], summary["created"]) == (0, 10, {})
    assert import_snapshot() == before


def test_a_reference_with_other_content_than_was_imported_is_rejected(import_rows: ImportRows) -> None:
    import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L")
    summary, rejects = import_rows("1,A,LAMP,5,2026-03-01T09:00:00,2,c,L")
    assert [reject["reason"] for reject in rejects] == ["reference_in_use"]
    assert (summary["past_sales"], summary["already_there"], summary["wholly_rejected_invoices"]) == (0, 0, 1)
    assert Transaction.objects.get().lines[0]["quantity"] == "1"


def test_an_interrupted_import_is_completed_by_the_next(
    import_rows: ImportRows, monkeypatch: pytest.MonkeyPatch, account: Account
) -> None:
    rows = [f"{i},{'AB'[i % 2]},LAMP {i % 2},{i},2026-03-01T09:{i}:00,2,c-{i % 3},{'LM'[i % 2]}" for i in range(10, 31)]
    rows.append("12,A,LAMP,0,2026-03-01T09:12:00,2,c-0,L")
    monkeypatch.setattr(past_sales, "BATCH_SIZE", 4)
    whole, whole_rejects = import_rows(*rows, members=True)
    expected = import_snapshot()
    for model in (Transaction, Membership, Consumer, Product, Site):
        model.objects.all().delete()

    original = past_sales._consumers_update
    batches = iter(range(99))

    def fail_in_the_third_batch(created: Any) -> None:
        original(created)
        if next(batches) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(past_sales, "_consumers_update", fail_in_the_third_batch)
    with pytest.raises(KeyboardInterrupt):
        import_rows(*rows, members=True)
    assert Transaction.objects.count() == 8
    monkeypatch.setattr(past_sales, "_consumers_update", original)
    rest, rest_rejects = import_rows(*rows, members=True)
    assert (rest["already_there"], rest["past_sales"]) == (8, whole["past_sales"] - 8)
    assert rest_rejects == whole_rejects
    assert import_snapshot() == expected


def import_snapshot() -> list[list[Any]]:
    """Return everything that an import writes except ids and the time of writing."""
    return [
        list(
            Transaction.objects.order_by("id").values_list(
                *(
                    "reference",
                    "fingerprint",
                    "kind",
                    "occurred_at",
                    "local_day",
                    "site__number",
                    "consumer__consumer_id",
                ),
                *("total_inc_tax", "total_ex_tax", "net_total_inc_tax", "paid", "lines"),
            )
        ),
        list(Product.objects.order_by("id").values_list("sku", "name", "category")),
        list(Site.objects.order_by("id").values_list("number", "name")),
        list(Consumer.objects.order_by("id").values_list("consumer_id", "last_transaction_at", "last_transaction_on")),
        list(Membership.objects.order_by("id").values_list("consumer__consumer_id", "enrolled_on", "status")),
    ]


def test_every_invoice_is_imported_existing_or_rejected(import_rows: ImportRows) -> None:
    import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L")
    summary, _ = import_rows(
        "1,A,LAMP,1,2026-03-01T09:00:00,2,c,L",
        "2,A,LAMP,1,2026-03-01T09:00:00,2,c,L",
        "C3,A,LAMP,-1,2026-03-01T09:00:00,2,c,L",
        "4,A,LAMP,1,never,2,c,L",
    )
    counts = ("past_sales", "unlinked_returns", "already_there", "wholly_rejected_invoices")
    assert [summary[name] for name in counts] == [1, 1, 1, 1]
    assert summary["invoices"] == sum(summary[name] for name in counts)
    assert summary["rows"] == summary["imported_rows"] + summary["already_there_rows"] + sum(
        summary["rejected_rows"].values()
    )


def test_progress_towards_application_rules_is_added_up_again(import_rows: ImportRows, account: Account) -> None:
    promotion = Promotion.objects.create(
        account=account,
        family=Family.LOYALTY,
        code="p",
        type="fixed_points",
        name="P",
        currency="GBP",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        status=Status.ACTIVE,
    )
    known, other = (Consumer.objects.create(account=account, consumer_id=name) for name in ("c", "other"))
    for consumer in (known, other):
        PromotionUsage.objects.create(promotion=promotion, consumer=consumer, progress_signature="x")
    import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L")
    assert dict(PromotionUsage.objects.values_list("consumer__consumer_id", "progress_signature")) == {
        "c": "",
        "other": "x",
    }


def test_a_later_sale_on_record_stays_the_last_one(import_rows: ImportRows, account: Account) -> None:
    later = datetime(2026, 5, 1, tzinfo=UTC)
    Consumer.objects.create(
        account=account, consumer_id="c", last_transaction_at=later, last_transaction_on=later.date()
    )
    import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L")
    assert Consumer.objects.get().last_transaction_at == later


def test_any_delimiter_decimal_mark_names_and_gzip_are_read(tmp_path: Path, account: Account) -> None:
    file = tmp_path / "kasse.csv.gz"
    file.write_bytes(
        gzip.compress("Bon;Artikel;Stück;Zeit;Preis\n1;A;1,5;2026-03-01T10:00:00+01:00;2,40\n".encode("latin-1"))
    )
    mapping = tmp_path / "kasse.toml"
    mapping.write_text(
        'reference = "Bon"\nsku = "Artikel"\nquantity = "Stück"\nmoment = "Zeit"\nunit_price = "Price"\n'
        'delimiter = ";"\ndecimal = ","\nencoding = "latin-1"\n'
    )
    run_file(file, tmp_path, mapping=mapping, unit_price="Preis", default_site="001")
    sale = Transaction.objects.get()
    assert (sale.total_inc_tax, sale.site.number, sale.lines[0]["quantity"]) == (Decimal("3.60"), "001", "1.5")
    assert sale.occurred_at == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_a_price_finer_than_the_currency_is_kept_and_a_runs_total_is_rounded_once(import_rows: ImportRows) -> None:
    import_rows(*(f"1,A,LAMP,1,2026-03-01T09:00:00,{price},c,L" for price in ("0.495", "0.495", "2", "0.495")))
    sale = Transaction.objects.get()
    assert [(line["unit_price_inc_tax"], line["total"]) for line in sale.lines] == [
        ("0.495", "0.50"),
        ("0.495", "0.50"),
        ("2.00", "2.00"),
        ("0.495", "0.49"),
    ]
    assert sale.total_inc_tax == sale.total_ex_tax == Decimal("3.49")


def test_what_came_back_is_worth_what_it_was_sold_for(import_rows: ImportRows) -> None:
    import_rows("C1,A,LAMP,-3,2026-03-01T09:00:00,0.125,c,L")
    returned = Transaction.objects.get()
    assert (returned.lines[0]["total"], returned.total_inc_tax) == ("-0.38", Decimal("-0.38"))


def test_rejected_cells_are_no_formulas(import_rows: ImportRows) -> None:
    _, rejects = import_rows('1,A,"=1+1",-2,2026-03-01T09:00:00,2,c,L')
    assert (rejects[0]["description"], rejects[0]["quantity"]) == ("'=1+1", "-2")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"reference,sku\n1,A\n", {}, "No column quantity"),
        (b"", {}, "No column reference"),
        (
            HEADER.encode() + b"\n1,A,\xff,1,2026-03-01T09:00:00,2,c,L\n",
            {},
            "not in utf-8-sig.*--encoding",
        ),
        (gzip.compress(HEADER.encode() + b"\n1,A,L,1,2026-03-01T09:00:00,2,c,L\n")[:-9], {}, "cannot be read"),
        (HEADER.encode(), {"consumer": "customer"}, "No column customer"),
        (HEADER.encode(), {"time_zone": "Mars/Olympus"}, "no time zone"),
        (HEADER.encode(), {"encoding": "klingon"}, "cannot be read"),
        (HEADER.encode(), {"delimiter": "::"}, "delimiter"),
        (HEADER.encode(), {"mapping": Path("/nowhere.toml")}, "mapping"),
        (b"reference,sku,quantity,date\n", {}, "No column unit_price or line_total"),
        (b"reference,sku,quantity,unit_price\n", {}, "No column moment or date"),
        (HEADER.encode(), {"prices": "ex_tax"}, "need --tax-rate"),
        (HEADER.encode(), {"prices": "net"}, "mapping of columns cannot be used"),
        (HEADER.encode(), {"prices": "ex_tax", "tax_rate": "VAT"}, "No column VAT"),
        (HEADER.encode(), {"only": ["state=Shipped"]}, "No column state"),
        (HEADER.encode(), {"only": ["Shipped"]}, "COLUMN=VALUE"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_and_changes_nothing(
    tmp_path: Path, account: Account, content: bytes, options: dict[str, Any], words: str
) -> None:
    file = tmp_path / "sales.csv"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=words):
        run_file(file, tmp_path, **options)
    assert not Transaction.objects.exists()
    assert not Product.objects.exists()


def test_an_unknown_account_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no account shop"):
        run_file(tmp_path / "none.csv", tmp_path)


def test_an_import_reaches_no_other_account(import_rows: ImportRows) -> None:
    other = Account.objects.create(code="other", name="Other", currency="EUR")
    Consumer.objects.create(account=other, consumer_id="c")
    import_rows("1,A,LAMP,1,2026-03-01T09:00:00,2,c,L", members=True)
    assert Transaction.objects.get().consumer == Consumer.objects.get(account__code="shop")
    assert not Product.objects.filter(account=other).exists()
