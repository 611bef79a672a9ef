"""The search of all pages finds what the account has, as far as the user may see it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.search import MAX_RESULTS, SOURCES
from consumers.choices import StaffRole
from consumers.models import StaffMembership
from consumers.services.consumer import ConsumerValues, consumers_save
from loyalty.models import Voucher
from promotions.services.product import ProductValues, products_save
from tests.consumers.admin.office import Office, fill, make_office, save_promotion
from tests.consumers.builders import take_away

pytestmark = pytest.mark.django_db

MAX_STATEMENTS = len(SOURCES) + 7
"""One for each kind, one to look up cards, and those of every request."""


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def results_of(office: Office, text: str) -> list[tuple[str, str]]:
    answer = office.client.get("/admin/search/", {"s": text})
    assert answer.status_code == 200
    return [(result.title, result.description) for result in answer.context["results"]]


def kinds(office: Office, text: str) -> set[str]:
    return {description.partition(" · ")[0] for _, description in results_of(office, text)}


def test_every_kind_is_found_by_how_its_key_begins(office: Office) -> None:
    labels = {source.label for source in SOURCES}
    assert labels - kinds(office, "acme") == {"Voucher"}
    code = Voucher.objects.get(account=office.account).code
    assert kinds(office, code[:6].lower()) == {"Voucher"}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("promotion of", "Promotion of acme"),
        ("of acme", "Offer of acme"),
        ("person", "Person 1 of acme"),
        ("ACME-P1", "Product of acme"),
        ("acme-T1", "acme-T1"),
        ("confl", "Conflict management"),
        ("settings", "Account settings"),
    ],
)
def test_names_codes_and_pages_are_found(office: Office, text: str, title: str) -> None:
    assert title in [result for result, _ in results_of(office, text)]


def test_nothing_is_found_in_another_account(office: Office) -> None:
    other = make_office("other")
    assert results_of(other, "acme") == []
    assert results_of(other, "person 1") == []


def test_a_user_finds_only_what_their_role_may_see(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    assert "Staff" not in [title for title, _ in results_of(viewer, "staff")]
    assert "Staff" in [title for title, _ in results_of(office, "staff")]
    take_away(viewer.user.staff_memberships.get(), "Consumers", "Discounts")
    assert not kinds(viewer, "acme") & {"Consumer", "Discount"}
    assert "Loyalty promotion" in kinds(viewer, "acme")


def test_the_same_text_is_answered_anew_after_a_change(office: Office) -> None:
    assert results_of(office, "brand-new") == []
    products_save(account_id=office.account.pk, rows=[ProductValues(sku="brand-new")])
    assert results_of(office, "brand-new") == [("brand-new", "Product")]


def test_a_kind_has_few_results_and_leads_to_the_others(office: Office) -> None:
    rows = [ConsumerValues(consumer_id=f"zqx{n}", last_name=f"Xander {n}") for n in range(40)]
    consumers_save(account_id=office.account.pk, rows=[*rows, ConsumerValues(consumer_id="zqx", last_name="Zoe")])
    results = results_of(office, "zqx")
    assert len(results) == MAX_RESULTS + 1
    assert results[0] == ("Zoe", "Consumer · zqx"), "who has this very id comes first"
    assert results[-1] == ("More consumers", "See all")
    answer = office.client.get("/admin/search/", {"s": "zqx"})
    assert "/admin/consumers/consumer/?q=zqx" in answer.content.decode()


@pytest.mark.parametrize("text", ["", "   ", "%", "\x00", "x" * 201, "a b c d e f g h i", "' OR 1=1 --", "İ"])
def test_any_text_is_answered(office: Office, text: str) -> None:
    answer = office.client.get("/admin/search/", {"s": text})
    assert answer.status_code == 200
    assert len(answer.context["results"]) == 0


def test_a_text_without_results_gets_a_message(office: Office) -> None:
    page = office.client.get("/admin/search/", {"s": "<b>none"}).content.decode()
    assert "No results for “&lt;b&gt;none”" in page


@pytest.mark.parametrize("rows", [1, 30])
def test_a_search_takes_as_many_statements_however_many_rows_there_are(office: Office, rows: int) -> None:
    for number in range(rows):
        save_promotion(office.account, code=f"more-{number}", name=f"More {number}")
    office.client.get("/admin/search/", {"s": "more"})
    with CaptureQueriesContext(
        connection,
    ) as statements:
        office.client.get("/admin/search/", {"s": "more"})
    assert len(statements) <= MAX_STATEMENTS + 1, [row["sql"][:80] for row in statements]


def test_only_staff_of_an_account_search(client: Any, office: Office) -> None:
    assert client.get("/admin/search/", {"s": "acme"}).status_code == 302
    StaffMembership.objects.filter(user=office.user).delete()
    assert office.client.get("/admin/search/", {"s": "acme"}).status_code == 403
    assert office.client.post("/admin/search/", {"s": "acme"}).status_code in (403, 405)
