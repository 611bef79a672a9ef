"""Searches in the history: by the beginning of a reference, code or card, and by consumer, promotion and offer."""

from collections.abc import Callable

import pytest
from django.db.models import Q

from consumers.services.consumer import ConsumerValues, consumers_save
from loyalty.models import LedgerEntry, RedemptionMessage, Transaction, Voucher
from loyalty.selectors import search
from tests.consumers.admin.office import Office, fill, make_office, sell

pytestmark = pytest.mark.django_db

SALES = {
    "acme-T1": {"acme-T1"},
    "acme-T": {"acme-T1", "acme-T2"},
    "T1": set(),
    "acme-c2": {"acme-T2"},
    "PERSON": {"acme-T1", "acme-T2"},
    "person-1@acme": {"acme-T1"},
    "acme-card-2": {"acme-T2"},
    "nobody": set(),
    "%": set(),
    "_": set(),
}
"""The sales that a search for each text finds."""


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office, theirs = make_office("acme"), make_office("theirs")
    for each in (office, theirs):
        fill(each.account, rows=2)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def sales_matching(office: Office, text: str) -> set[str]:
    rows = Transaction.objects.filter(account=office.account)
    matching = search.transactions_matching(account_id=office.account.pk, search=text)
    return set(rows.filter(matching).values_list("reference", flat=True))


@pytest.mark.parametrize("text", SALES)
@pytest.mark.parametrize("max_named", [0, 1_000])
def test_search_finds_sales(office: Office, monkeypatch: pytest.MonkeyPatch, text: str, max_named: int) -> None:
    monkeypatch.setattr(search, "MAX_NAMED_ROWS", max_named)
    assert sales_matching(office, text) == SALES[text]


def test_search_finds_a_sale_by_card_or_full_name_in_any_case(office: Office) -> None:
    consumers_save(
        account_id=office.account.pk, rows=[ConsumerValues(consumer_id="ann", first_name="Ann", last_name="Lee")]
    )
    sell(office.account, reference="TILL-7", consumer="ann")
    Transaction.objects.filter(reference="TILL-7").update(loyalty_card="LOST-0815")
    for text in ("lost-0815", "LOST", "till-7", "lee ann"):
        assert sales_matching(office, text) == {"TILL-7"}


@pytest.mark.parametrize(
    ("model", "matching", "counts"),
    [
        (
            LedgerEntry,
            search.ledger_entries_matching,
            {"acme-c1": 2, "acme-T2": 2, "acme-fixed": 2, "nobody": 0},
        ),
        (Voucher, search.vouchers_matching, {"acme-c1": 2, "acme-o1": 4, "offer of ACME": 4, "nobody": 0}),
        (RedemptionMessage, search.messages_matching, {"acme-c1": 1, "acme-T2": 1, "acme-T": 2, "nobody": 0}),
    ],
)
def test_search_finds_ledger_entries_vouchers_and_messages(
    office: Office, model: type[LedgerEntry], matching: Callable[..., Q], counts: dict[str, int]
) -> None:
    rows = model.objects.filter(account=office.account)
    account_id = office.account.pk
    assert {text: rows.filter(matching(account_id=account_id, search=text)).count() for text in counts} == counts


def test_search_finds_a_voucher_by_the_beginning_of_its_code(office: Office) -> None:
    voucher = Voucher.objects.filter(account=office.account).order_by("pk")[0]
    for text in (voucher.code[:10], voucher.code.lower()):
        matching = search.vouchers_matching(account_id=office.account.pk, search=text)
        assert Voucher.objects.filter(matching).get() == voucher
