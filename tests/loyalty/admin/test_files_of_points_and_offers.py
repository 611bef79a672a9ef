"""Opening balances and offers come in by files."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from consumers.choices import StaffRole
from consumers.models import Consumer
from loyalty.models import LedgerEntry, Offer, StaffAdjustment
from loyalty.selectors.verification import ledger_differences
from tests.consumers.admin.files.builders import KINDS, confirm, differences, export, preview, problem_texts, rows_of
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

LEDGER, OFFERS = "loyalty_ledgerentry", "loyalty_offer"
BALANCES = "consumer_id,points,active_on,expires_on,description\nacme-c1,1250,,,Opening balance\nacme-c2,-40,,,Owed\n"


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account, rows=2)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def balances() -> dict[str, int]:
    assert list(ledger_differences()) == []
    return dict(Consumer.objects.values_list("consumer_id", "points_balance"))


def test_opening_balances_are_adjustments_and_come_in_once(office: Office) -> None:
    before = balances()
    confirm(office, LEDGER, BALANCES)
    assert balances() == {"acme-c1": before["acme-c1"] + 1250, "acme-c2": before["acme-c2"] - 40}
    entry = LedgerEntry.objects.get(points=1250)
    assert (entry.kind, entry.description, entry.staff_adjustment.made_by) == (
        "adjustment",
        "Opening balance",
        office.user,
    )
    again = preview(office, LEDGER, BALANCES)
    assert (differences(again), again.context["result"].unchanged) == ({}, 2)


def test_a_stored_adjustment_never_changes(office: Office) -> None:
    head = "consumer_id,reference,points\n"
    confirm(office, LEDGER, f"{head}acme-c1,opening,100\n")
    assert problem_texts(preview(office, LEDGER, f"{head}acme-c2,opening,5\nacme-c1,opening,200\n")) == [
        "Row 3, reference: Reference opening of consumer acme-c1 was used for another adjustment."
    ]
    assert LedgerEntry.objects.filter(reference="opening").count() == 1


def test_headings_of_another_system_are_guessed(office: Office) -> None:
    text = "consumer;Balance;Expiry date\nacme-c1;1.250;\n"
    form = preview(office, LEDGER, text).context["columns_form"]
    assert [field.value() for _, field in form.rows] == ["consumer_id", "points", "expires_on"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("acme-c1,10,,2027-01-31,x", "Row 2, expires_on: Points are available at once and do not expire"),
        ("acme-c1,10,2027-01-01,,x", "Row 2, active_on: Points are available at once and do not expire"),
        ("acme-c1,,,,x", "Row 2, points: Must be a number of points above or below 0."),
        ("acme-c1,,,,", "Row 2, points: Must be a number of points above or below 0."),
        ("acme-c1,0,,,x", "Row 2, points: Must be a number of points above or below 0."),
        ("acme-c1,1.5,,,x", "Row 2, points: Must be a whole number."),
        ("acme-c1,9999999999999,,,x", "Row 2, points: Must be a number of points"),
        ("nobody,10,,,x", "Row 2, consumer_id: There is no consumer nobody."),
        (",10,,,x", "Row 2, consumer_id: This cannot be blank"),
        ("acme-c1,10,,,x\nacme-c1,10,,,x", "Row 3, consumer_id, reference: acme-c1 / file-"),
    ],
)
def test_a_row_that_cannot_be_kept_is_refused(office: Office, row: str, words: str) -> None:
    head = "consumer_id,points,active_on,expires_on,description\n"
    [problem, *_] = problem_texts(preview(office, LEDGER, f"{head}{row}\n"))
    assert problem.startswith(words)
    assert not StaffAdjustment.objects.exists()


def test_the_limits_of_a_role_hold(office: Office) -> None:
    service = office.login(StaffRole.CUSTOMER_SERVICE)
    assert problem_texts(preview(service, LEDGER, BALANCES)) == [
        "Row 2, points: Your role allows up to 1,000 points at once."
    ]
    rows = "".join(f"acme-c1,r{number},1000\n" for number in range(6))
    assert problem_texts(preview(service, LEDGER, f"consumer_id,reference,points\n{rows}")) == [
        "Your role allows 5,000 points a day, and this is more."
    ]
    assert not StaffAdjustment.objects.exists()


def test_only_who_may_adjust_imports(office: Office) -> None:
    for role, status in ((StaffRole.MARKETER, 403), (StaffRole.VIEWER, 403), (StaffRole.CUSTOMER_SERVICE, 200)):
        assert office.login(role).page(f"{LEDGER}_import").status_code == status
    assert office.page(f"{LEDGER}_export").status_code == 403


def offer(code: str) -> dict[str, Any]:
    names = ("name", "currency", "kind", "point_cost", "benefit", "value", "starts_at", "ends_at", "stock")
    row = Offer.objects.get(code=code)
    return {name: getattr(row, name) for name in names} | {"product": row.product.sku if row.product else None}


def test_offers_come_in_with_whole_days_and_their_product(office: Office) -> None:
    confirm(
        office,
        OFFERS,
        "code;name;kind;point_cost;benefit;value;product;starts_at;ends_at;stock\n"
        "five;5 off;tiered;500;amount;5,50;;2026-03-01;2026-03-31;100\n"
        "gift;Free tea;;;product;;acme-p1;;;\n",
    )
    assert offer("five") == {
        "name": "5 off",
        "currency": "GBP",
        "kind": "tiered",
        "point_cost": 500,
        "benefit": "amount",
        "value": Decimal("5.5"),
        "product": None,
        "starts_at": datetime(2026, 3, 1, tzinfo=UTC),
        "ends_at": datetime(2026, 3, 31, 23, tzinfo=UTC),
        "stock": 100,
    }
    assert (offer("gift")["kind"], offer("gift")["product"]) == ("personalised", "acme-p1")


@pytest.mark.parametrize("kind", KINDS)
def test_importing_an_export_of_offers_changes_nothing(office: Office, kind: str) -> None:
    confirm(office, OFFERS, "code,name,benefit,product\ngift,Free tea,product,acme-p1\n")
    answer = preview(office, OFFERS, export(office, OFFERS, kind), kind)
    assert differences(answer) == {}
    assert answer.context["result"].unchanged == Offer.objects.count()


def test_an_export_of_offers_goes_into_another_account(office: Office) -> None:
    confirm(office, OFFERS, "code,name,benefit,product\ngift,Free tea,product,acme-p1\n")
    twin = make_office("twin")
    fill(twin.account)
    confirm(twin, "promotions_product", "sku,name\nacme-p1,Tea\n")
    file = export(office, OFFERS)
    confirm(twin, OFFERS, file)
    codes = [row["code"] for row in rows_of(file)]
    assert [row for row in rows_of(export(twin, OFFERS)) if row["code"] in codes] == rows_of(file)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x,X,product,nope", "Row 2, product: There is no product nope."),
        ("x,X,product,", "Row 2, product: Required for this kind of offer."),
        ("x,,amount,", "Row 2, name: "),
        ("x,X,sale,", "Row 2, benefit: "),
    ],
)
def test_an_offer_that_its_service_refuses_is_refused_by_row_and_column(office: Office, row: str, words: str) -> None:
    problems = problem_texts(preview(office, OFFERS, f"code,name,benefit,product\n{row}\n"))
    assert [problem for problem in problems if problem.startswith(words)], problems
    assert not Offer.objects.filter(code="x").exists()
