"""Sales as other systems export them: line totals, dates and times apart, prices without tax, rows to leave out."""

import json
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from consumers.choices import KeyRole
from consumers.models import Account
from consumers.services.account import account_create, api_key_create
from loyalty.models import Transaction
from loyalty.services.sales_import.row_prices import RowPrice, StatedPrice, TotalDiffers, row_price

pytestmark = pytest.mark.django_db

ORDERS = """order,product,qty,amount,when,client,store,state
1001,A,3,10.00,2026-02-01 10:00,c1,001,Shipped
1001,B,2,5.01,2026-02-01 10:00,c1,001,Shipped
1002,A,1,3.34,2026-02-01 11:30,c2,001,Cancelled
"""
ORDER_COLUMNS: dict[str, Any] = {
    "reference": "order",
    "sku": "product",
    "quantity": "qty",
    "line_total": "amount",
    "moment": "when",
    "consumer": "client",
    "site": "store",
}
RECEIPTS = """receipt,sku,qty,unit price,tax 5%,total,date,time,branch
R1,A,7,74.69,26.1415,548.9715,1/5/2026,13:08,A
R2,B,5,15.28,3.82,80.22,3/8/2026,10:29,C
"""
RECEIPT_COLUMNS: dict[str, Any] = {
    "reference": "receipt",
    "quantity": "qty",
    "unit_price": "unit price",
    "site": "branch",
    "prices": "ex_tax",
    "date_format": "%m/%d/%Y %H:%M",
}


@pytest.fixture
def account() -> Account:
    return account_create(code="shop", name="Shop", currency="USD", time_zone="UTC").account


def run(command: str, tmp_path: Path, text: str, **options: Any) -> dict[str, Any]:
    """Run a command over a file; return its summary."""
    file, out = tmp_path / "sales.csv", StringIO()
    file.write_text(text, encoding="utf-8")
    rejects = tmp_path / "rejects.csv"
    call_command(command, file, account="shop", rejects=rejects, stdout=out, stderr=StringIO(), **options)
    summary: dict[str, Any] = json.loads(out.getvalue())
    return summary


def totals() -> dict[str, tuple[list[str], Decimal, Decimal]]:
    return {
        sale.reference: ([line["total"] for line in sale.lines], sale.total_inc_tax, sale.total_ex_tax)
        for sale in Transaction.objects.order_by("reference")
    }


@pytest.mark.usefixtures("account")
def test_a_line_total_is_kept_to_the_last_decimal(tmp_path: Path) -> None:
    summary = run("sales_import", tmp_path, ORDERS, only=["state=Shipped"], **ORDER_COLUMNS)
    assert (summary["past_sales"], summary["rows"], summary["left_out_rows"]) == (1, 2, 1)
    assert totals() == {"1001": (["10.00", "5.01"], Decimal("15.01"), Decimal("15.01"))}
    [sale] = Transaction.objects.all()
    assert [line["unit_price_inc_tax"] for line in sale.lines] == ["3.3333", "2.505"]
    again = run("sales_import", tmp_path, ORDERS, only=["state=Shipped"], **ORDER_COLUMNS)
    assert (again["already_there"], again["past_sales"]) == (1, 0)


@pytest.mark.usefixtures("account")
def test_a_line_total_that_no_unit_price_gives_is_kept(tmp_path: Path) -> None:
    run("sales_import", tmp_path, ORDERS.replace(",3,10.00,", ",7000,100.00,"), **ORDER_COLUMNS)
    assert totals()["1001"][0] == ["100.00", "5.01"], "7,000 at 0.0143 would be 100.10"


@pytest.mark.usefixtures("account")
def test_rows_are_left_out_by_any_of_several_values(tmp_path: Path) -> None:
    only = ["state=Shipped", "state=Cancelled", "store=001"]
    assert run("sales_import", tmp_path, ORDERS, only=only, **ORDER_COLUMNS)["past_sales"] == 2
    summary = run("sales_import", tmp_path, ORDERS, only=["state=Shipped", "store=002"], **ORDER_COLUMNS)
    assert (summary["rows"], summary["left_out_rows"]) == (0, 3)


@pytest.mark.usefixtures("account")
def test_a_unit_price_and_a_line_total_are_checked_against_each_other(tmp_path: Path) -> None:
    head = "reference,sku,quantity,moment,unit_price,total\n"
    text = f"{head}1,A,3,2026-02-01,3.33,10.00\n2,A,3,2026-02-01,3.33,12.00\n"
    summary = run("sales_import", tmp_path, text, line_total="total", default_site="1")
    assert summary["rejected_rows"] == {"total_differs": 1}
    assert totals() == {"1": (["10.00"], Decimal("10.00"), Decimal("10.00"))}


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("tax", [{"tax": "tax 5%"}, {"tax_rate": "5"}, {"tax": "tax 5%", "line_total": "total"}])
def test_prices_without_tax_get_it_and_dates_have_their_times(tmp_path: Path, tax: Any) -> None:
    run("sales_import", tmp_path, RECEIPTS, **RECEIPT_COLUMNS, **tax)
    assert totals() == {
        "R1": (["548.97"], Decimal("548.97"), Decimal("522.83")),
        "R2": (["80.22"], Decimal("80.22"), Decimal("76.40")),
    }
    moments = {sale.reference: sale.occurred_at.isoformat() for sale in Transaction.objects.all()}
    assert moments == {"R1": "2026-01-05T13:08:00+00:00", "R2": "2026-03-08T10:29:00+00:00"}


@pytest.mark.usefixtures("account")
def test_a_rate_may_be_a_column(tmp_path: Path) -> None:
    head = "reference,sku,quantity,date,unit_price,vat\n"
    text = f"{head}1,A,2,2026-02-01,10,20%\n2,A,1,2026-02-01,10,5\n3,A,1,2026-02-01,10,x\n"
    summary = run("sales_import", tmp_path, text, prices="ex_tax", tax_rate="vat", default_site="1")
    assert summary["rejected_rows"] == {"unreadable_tax": 1}
    assert [sale[1] for sale in totals().values()] == [Decimal("24.00"), Decimal("10.50")]


@pytest.mark.usefixtures("account")
def test_returns_have_line_totals_below_or_above_zero(tmp_path: Path) -> None:
    head = "reference,sku,quantity,date,line_total\n"
    text = f"{head}C1,A,-2,2026-02-01,-5.00\nC2,A,-2,2026-02-01,5.00\n3,A,2,2026-02-01,-5\n"
    summary = run("sales_import", tmp_path, text, return_prefix="C", default_site="1")
    assert summary["rejected_rows"] == {"negative_price": 1}
    returned = (["-5.00"], Decimal("-5.00"), Decimal("-5.00"))
    assert totals() == {"C1": returned, "C2": returned}


def test_a_past_sale_is_shown_in_the_decimals_of_its_currency(account: Account, tmp_path: Path) -> None:
    text = "reference,sku,quantity,moment,unit_price\n1,A,1,2026-02-01,2719.74\n"
    run("sales_import", tmp_path, text, default_site="1")
    _, key = api_key_create(account_id=account.pk, name="k", role=KeyRole.MANAGER)
    answer = APIClient().get("/api/v1/transactions/1", HTTP_AUTHORIZATION=f"Api-Key {key}").json()
    shown = [answer[name] for name in ("total_inc_tax", "discount_total", "net_total_inc_tax")]
    assert shown == ["2719.74", "0.00", "2719.74"]


@pytest.mark.usefixtures("account")
def test_a_replay_takes_line_totals_that_a_till_could_have_sent(tmp_path: Path) -> None:
    Account.objects.update(late_transaction_days=3_650)
    text = ORDERS.replace("1002,A,1,3.34,", "1002,A,7000,100.00,")
    summary = run("sales_replay", tmp_path, text, **ORDER_COLUMNS)
    assert (summary["posted"], summary["left_out"]) == (1, {"total_without_unit_price": 1})
    assert totals()["1001"][0] == ["10.00", "5.01"]


CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("stated", "quantity", "price"),
    [
        (StatedPrice(unit=Decimal("2.5"), total=None), 2, ("2.5", "2.5", None, None)),
        (StatedPrice(unit=None, total=Decimal(10)), 3, ("3.3333", "3.3333", "10.00", "10.00")),
        (StatedPrice(unit=Decimal("1.2"), total=None, rate=Decimal(20)), 5, ("1.2", "1.0000", "6.00", "5.00")),
        (StatedPrice(unit=Decimal("1.2"), total=None, tax=Decimal(1)), 5, ("1.2", "1.0000", "6.00", "5.00")),
        (StatedPrice(unit=Decimal(1), total=None, rate=Decimal(20), are_net=True), 5, ("1.2000", "1", "6.00", "5.00")),
        (
            StatedPrice(unit=None, total=Decimal(5), tax=Decimal(1), are_net=True),
            5,
            ("1.2000", "1.0000", "6.00", "5.00"),
        ),
        (StatedPrice(unit=None, total=Decimal("0.995")), 1, ("0.9950", "0.9950", "1.00", "1.00")),
    ],
)
def test_a_row_is_sold_for_what_it_states(stated: StatedPrice, quantity: int, price: tuple[str | None, ...]) -> None:
    inc_tax, ex_tax, total_inc_tax, total_ex_tax = (None if text is None else Decimal(text) for text in price)
    assert inc_tax is not None
    assert ex_tax is not None
    assert row_price(stated, quantity=Decimal(quantity), minor_unit=CENT) == RowPrice(
        unit_inc_tax=inc_tax, unit_ex_tax=ex_tax, total_inc_tax=total_inc_tax, total_ex_tax=total_ex_tax
    )


def test_a_total_of_neither_price_differs() -> None:
    stated = StatedPrice(unit=Decimal(1), total=Decimal("5.50"), rate=Decimal(20), are_net=True)
    with pytest.raises(TotalDiffers):
        row_price(stated, quantity=Decimal(5), minor_unit=CENT)
