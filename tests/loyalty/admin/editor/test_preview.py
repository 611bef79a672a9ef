"""The preview of a loyalty promotion's texts as consumers would read them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consumers.models import Consumer
from loyalty.models import RedemptionMessage
from promotions.admin.inputs.rich_text import insert_menu
from promotions.engine.definition.fields import MESSAGE_INSERTS
from promotions.models import Promotion
from tests.consumers.admin.office import Office, fill, make_office, save_promotion
from tests.consumers.builders import take_away
from tests.loyalty.admin.promotion_page import BLANK, OWN, form_values

pytestmark = pytest.mark.django_db

MESSAGE = {
    "redemption_message": '<p>{{ promotion_name }}: <a href="{{ link_url_1 }}">{{ anchor_text_1 }}</a></p>',
    "link_url_1": "https://shop.example/tea",
    "anchor_text_1": "Our <teas>",
    "activity_description": "{{ promotion_name }} at {{ site_name }}: {{ spend }} {{ currency }}",
    "confirmation_message": "Thank you!",
}


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def preview(office: Office, *, query: str = "?type=fixed_points", **values: Any) -> Any:
    sent = {**BLANK, **OWN["fixed_points"], **MESSAGE, **values}
    return office.client.post(f"{reverse('admin:loyalty_loyaltypromotion_preview')}{query}", sent)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return " ".join(answer.content.decode().split())


def test_a_sample_shows_the_texts_of_the_form(office: Office) -> None:
    text = text_of(preview(office))
    assert "<p>Tea time: <a " in text
    assert 'href="https://shop.example/tea"' in text
    assert "Our &lt;teas&gt;</a>" in text
    assert "Each consumer who redeems it" in text
    assert "Thank you!" in text
    assert "<strong>Fixed points</strong> Tea time at Site 1 of acme: 20.00 GBP" in text


def test_a_consumer_is_shown_with_their_address_and_their_last_sale(office: Office) -> None:
    text = text_of(preview(office, preview_consumer="acme-c1"))
    assert "Person 1 of acme &lt;person-1@acme.example&gt;" in text
    assert "Uses the spend and site of their last transaction, acme-" in text


def test_the_preview_equals_the_message_that_a_sale_sends(office: Office) -> None:
    # What fill() sold sent a message: the preview of that promotion is the message that was sent.
    sent = RedemptionMessage.objects.first()
    assert sent is not None
    promotion = sent.applied.promotion
    values = form_values(office.client, promotion)
    address = f"{reverse('admin:loyalty_loyaltypromotion_preview')}?id={promotion.pk}"
    text = text_of(office.client.post(address, {**values, "preview_consumer": sent.consumer.consumer_id}))
    assert sent.body in text
    assert f"<dd>{sent.subject}</dd>" in text


def test_pictures_are_shown_with_their_words(office: Office) -> None:
    pictures = {
        "image_url_1": "https://shop.example/tea.png",
        "alt_text_1": "A cup",
        "image_url_2": "ftp://x.example/a",
    }
    text = text_of(preview(office, **pictures))
    assert '<img src="https://shop.example/tea.png" alt="A cup">' in text
    assert "ftp://" not in text


def test_a_consumer_without_an_address_gets_no_message(office: Office) -> None:
    Consumer.objects.filter(consumer_id="acme-c1").update(email="")
    assert "Person 1 of acme has no e-mail address" in text_of(preview(office, preview_consumer="acme-c1"))


def test_the_preview_of_a_promotion_without_texts_says_that_nothing_is_sent(office: Office) -> None:
    text = text_of(preview(office, redemption_message="", confirmation_message="", activity_description=""))
    assert "No redemption message." in text
    assert "No confirmation message." in text
    assert "<strong>Fixed points</strong> Tea time" in text


@pytest.mark.parametrize("body", ["<script>alert(1)</script>Hi", '<img src="http://x.example/a.png" onerror="x()">Hi'])
def test_markup_that_is_not_sent_is_not_shown(office: Office, body: str) -> None:
    text = text_of(preview(office, redemption_message=body))
    assert "Hi" in text
    assert "script" not in text
    assert "onerror" not in text
    assert "http://" not in text


@pytest.mark.parametrize("body", ["{{ nothing }}", "{{", "<p", "\x00", "a" * 200_000])
def test_invalid_input_causes_no_server_error(office: Office, body: str) -> None:
    answer = preview(office, redemption_message=body, link_url_1="nowhere", name="", starts_at="soon", points="x")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "consumer", ["nobody", "theirs-c1", "a\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_consumers_of_another_account_are_not_shown(office: Office, consumer: str) -> None:
    theirs = make_office("theirs")
    fill(theirs.account)
    text = text_of(preview(office, preview_consumer=consumer))
    assert "Showing sample data" in text
    assert "theirs.example" not in text


def test_staff_who_may_not_see_consumers_get_a_sample(office: Office) -> None:
    take_away(office.user.staff_memberships.get(), "Consumers")
    text = text_of(preview(office, preview_consumer="acme-c1"))
    assert "person-1@acme.example" not in text
    assert (
        'data-address="/admin/choices/consumer/"'
        not in office.page("loyalty_loyaltypromotion_add", query="?type=fixed_points").content.decode()
    )


def test_a_preview_writes_nothing_and_takes_few_statements(office: Office) -> None:
    before = (Promotion.objects.count(), RedemptionMessage.objects.count())
    with CaptureQueriesContext(connection) as queries:
        preview(office)
    sample = len(queries)
    with CaptureQueriesContext(connection) as queries:
        preview(office, preview_consumer="acme-c1")
    # The consumer and their last sale; the sample's site is not asked for then.
    assert len(queries) == sample + 1
    assert (Promotion.objects.count(), RedemptionMessage.objects.count()) == before


def test_promotions_of_another_account_are_not_previewed(office: Office) -> None:
    theirs = make_office("theirs")
    promotion = save_promotion(theirs.account)
    for query in (f"?id={promotion.pk}", "?type=weather", "?id=x", ""):
        assert preview(office, query=query).status_code == 404
    assert office.client.get(reverse("admin:loyalty_loyaltypromotion_preview")).status_code == 405


def test_the_menu_offers_every_insert_that_a_message_takes() -> None:
    menu = insert_menu(MESSAGE_INSERTS)
    texts = {entry.text for _, entries in menu for entry in entries if entry.text}
    assert texts == {f"{{{{ {name} }}}}" for name in MESSAGE_INSERTS}
    labels = [entry.label for _, entries in menu for entry in entries]
    assert len(labels) == len(set(labels))
    assert {"Applied promotion name", "Applied promotion link URL 1", "Applied promotion image 3"} <= set(labels)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("acme-c1", ["acme-c1"]),
        ("person 1", ["acme-c1"]),
        ("person 2", []),
        ("Person", ["acme-c1"]),
        ("person-1@", ["acme-c1"]),
        ("acme-card-1", ["acme-c1"]),
        ("acme-card-", ["acme-c1"]),
        ("card-1", []),
        ("person acme-c1", ["acme-c1"]),
        ("theirs", []),
        ("", ["acme-c1"]),
    ],
)
def test_consumers_can_be_searched_by_name_id_address_and_card(
    office: Office, search: str, expected: list[str]
) -> None:
    theirs = make_office("theirs")
    fill(theirs.account)
    answer = office.client.get(reverse("choices_found", args=["consumer"]), {"q": search})
    assert [choice["key"] for choice in answer.json()["choices"]] == expected


def test_only_staff_who_may_see_consumers_can_search_them(office: Office) -> None:
    take_away(office.user.staff_memberships.get(), "Consumers")
    assert office.client.get(reverse("choices_found", args=["consumer"]), {"q": "a"}).status_code == 403
