"""The Loyalty tab shows all that a consumer has, page by page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consumers.models import Consumer
from loyalty.choices import EntryKind
from loyalty.models import LedgerEntry
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def add_entries(office: Office, number: int) -> Consumer:
    consumer = Consumer.objects.filter(account=office.account).order_by("pk")[0]
    stored = LedgerEntry.objects.filter(consumer=consumer).count()
    now = timezone.now()
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            account=office.account,
            consumer=consumer,
            points=1,
            kind=EntryKind.ADJUSTMENT,
            description=f"Entry {position}",
            reference=f"entry-{position}",
            at=now - timedelta(days=400 + position),
            created_at=now,
        )
        for position in range(stored + 1, number + 1)
    )
    return consumer


def test_a_section_says_which_of_its_rows_are_shown_and_leads_to_the_others(office: Office) -> None:
    consumer = add_entries(office, 90)
    page = office.page("consumers_consumer_change", consumer.pk).content.decode()
    assert "1–50 of 90" in page
    assert 'href="?activity=2#loyalty"' in page
    assert "Entry 90" not in page

    page = office.page("consumers_consumer_change", consumer.pk, query="?activity=2").content.decode()
    assert "51–90 of 90" in page
    assert "Entry 90" in page
    assert 'href="?activity=1#loyalty"' in page


def test_a_section_with_few_rows_has_no_pages(office: Office) -> None:
    consumer = add_entries(office, 50)
    assert "rows-pages" not in office.page("consumers_consumer_change", consumer.pk).content.decode()


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "7"])
def test_a_page_that_is_not_there_is_the_first_or_the_last(office: Office, number: str) -> None:
    consumer = add_entries(office, 90)
    page = office.page("consumers_consumer_change", consumer.pk, query=f"?activity={number}").content.decode()
    assert "1–50 of 90" in page or "51–90 of 90" in page


def test_pages_of_two_sections_are_turned_one_by_one(office: Office) -> None:
    consumer = add_entries(office, 120)
    page = office.page("consumers_consumer_change", consumer.pk, query="?activity=2&vouchers=1").content.decode()
    assert 'href="?activity=3&amp;vouchers=1#loyalty"' in page
