"""A search that is too long is answered with words, not with an error, on every page that searches."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consumers.admin.framework.pages import AccountAdmin, OnePageAdmin
from tests.consumers.admin.office import make_office

pytestmark = pytest.mark.django_db

SEARCHABLE = [
    f"{model._meta.app_label}_{model._meta.model_name}_changelist"
    for model, page in admin.site._registry.items()
    if isinstance(page, AccountAdmin) and not isinstance(page, OnePageAdmin) and page.search_fields
]
TOO_LONG = ["x" * 201, "a b c d e f g h i", "word " * 2_000]
SAID = "Search for up to 8 words and 200 characters."


def says_too_long(page: Any) -> tuple[bool, bool]:
    """Return whether a list says that the search is too long, and whether it says that it found nothing."""
    shown = page.content.decode()
    return SAID in shown, "No results" in shown


@pytest.mark.parametrize("search", TOO_LONG, ids=["characters", "words", "both"])
def test_every_list_says_that_a_search_is_too_long(search: str) -> None:
    office = make_office()
    said = {}
    for name in SEARCHABLE:
        page = office.client.get(reverse(f"admin:{name}"), {"q": search})
        said[name] = (page.status_code, says_too_long(page), len(page.context["cl"].result_list))
    assert set(said.values()) == {(200, (True, False), 0)}
    assert len(SEARCHABLE) > 12


def test_every_list_searches_for_eight_words() -> None:
    office = make_office()
    for name in SEARCHABLE:
        page = office.client.get(reverse(f"admin:{name}"), {"q": " ".join("abcdefgh")})
        assert (page.status_code, says_too_long(page)) == (200, (False, True)), name


@pytest.mark.parametrize("search", TOO_LONG, ids=["characters", "words", "both"])
def test_a_field_that_completes_finds_nothing_for_it_and_the_next_page_is_silent(search: str) -> None:
    office = make_office()
    asked = {"app_label": "consumers", "model_name": "staffmembership", "field_name": "role", "term": search}
    office.client.get(reverse("admin:autocomplete"), asked)
    assert says_too_long(office.page("consumers_site_changelist")) == (False, False)


def test_a_consumer_is_not_looked_for_by_more_words() -> None:
    office = make_office()
    address = reverse("choices_found", args=["consumer"])
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = office.client.get(address, {"q": " ".join("abcdefghijklmnop")}).json()
    assert answer == {"choices": [], "note": SAID}
    assert not any('consumers_consumer"' in query["sql"] and "LIKE" in query["sql"] for query in captured)


def test_a_search_for_consumers_costs_one_statement_and_one_for_cards_whatever_its_words() -> None:
    office = make_office()
    address = reverse("choices_found", args=["consumer"])
    counts = set()
    for words in ("a", " ".join("abcdefgh")):
        with CaptureQueriesContext(connection) as captured:
            assert office.client.get(address, {"q": words}).json()["note"] == ""
        counts.add(len(captured))
    assert len(counts) == 1
