"""Loyalty cards come in by files of their own."""

from datetime import date

import pytest

from consumers.models import Card
from consumers.services import card as card_service
from consumers.services.consumer import ConsumerValues, LoyaltyValues, consumers_save
from tests.consumers.admin.files.builders import KINDS, confirm, differences, export, preview, problem_texts, rows_of
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

PAGE = "consumers_consumer"


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account, rows=2)
    consumers_save(account_id=office.account.pk, rows=[ConsumerValues(consumer_id="guest")])
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def cards() -> dict[str, tuple[str, str]]:
    rows = Card.objects.values_list("number", "membership__consumer__consumer_id", "type")
    return {number: (consumer_id, card_type) for number, consumer_id, card_type in rows}


def test_a_file_gives_cards_and_leaves_others(office: Office) -> None:
    text = "number,consumer_id,type\n777,acme-c1,gold\nacme-card-2,acme-c2,silver\n"
    answer = preview(office, PAGE, text, resource="1")
    assert differences(answer) == {
        "777": {"Consumer id": ("–", "acme-c1"), "Type": ("–", "gold")},
        "acme-card-2": {"Type": ("–", "silver")},
    }
    confirm(office, PAGE, text, resource="1")
    assert cards() == {
        "777": ("acme-c1", "gold"),
        "acme-card-1": ("acme-c1", ""),
        "acme-card-2": ("acme-c2", "silver"),
    }


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("777,nobody,", "Row 2, consumer_id: There is no consumer nobody."),
        ("777,guest,", "Row 2, consumer_id: Only loyalty members have cards, and guest is not a member."),
        ("acme-card-1,acme-c2,", "Row 2, number: Card acme-card-1 belongs to another consumer."),
        ("777,,", "Row 2, consumer_id: Enter the consumer id of the card’s owner."),
        (f"777,acme-c1,{'t' * 65}", "Row 2, type: Ensure this value has at most 64 characters (it has 65)."),
        ("777,acme-c1,\n777,acme-c2,", "Row 3, number: 777 is in the file twice: rows 2 and 3. Keep one of them."),
    ],
)
def test_a_card_that_cannot_be_given_is_refused(office: Office, row: str, problem: str) -> None:
    assert problem_texts(preview(office, PAGE, f"number,consumer_id,type\n{row}\n", resource="1")) == [problem]
    assert set(cards()) == {"acme-card-1", "acme-card-2"}


def test_a_consumer_has_no_more_cards_than_over_rest(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_service, "MAX_CARDS_OF_A_CONSUMER", 2)
    text = "number,consumer_id\nacme-card-1,acme-c1\n7,acme-c1\n8,acme-c1\n"
    assert problem_texts(preview(office, PAGE, text, resource="1")) == ["Row 4, number: A consumer has up to 2 cards."]


def test_a_card_of_another_account_is_another_card(office: Office) -> None:
    other = make_office("other")
    loyalty = LoyaltyValues(enrolled_on=date(2025, 1, 1))
    consumers_save(account_id=other.account.pk, rows=[ConsumerValues(consumer_id="acme-c1", loyalty=loyalty)])
    confirm(other, PAGE, "number,consumer_id\nacme-card-1,acme-c1\n", resource="1")
    assert Card.objects.filter(number="acme-card-1").count() == 2
    assert office.account.pk != other.account.pk


@pytest.mark.parametrize("kind", KINDS)
def test_importing_an_export_of_cards_changes_nothing(office: Office, kind: str) -> None:
    file = export(office, PAGE, kind, resource="1", query="?q=acme-c1")
    assert [row["number"] for row in rows_of(file, kind)] == ["acme-card-1"]
    answer = preview(office, PAGE, file, kind, resource="1")
    assert (differences(answer), answer.context["result"].unchanged) == ({}, 1)
