"""A marketer is warned of a dear promotion in a real browser, and goes on."""

import pytest
from playwright.sync_api import expect

from promotions.admin.editor import publish_warning as words
from promotions.models import Promotion
from tests.browser.conftest import Desk
from tests.consumers.admin.office import save_promotion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DEAR = "It would take 5 ms for each basket."


@pytest.fixture(autouse=True)
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes live is dear."""
    monkeypatch.setattr(words, "_warnings", [lambda _, __: DEAR])


def test_a_dear_draft_is_published_from_the_question_once_that_is_confirmed(desk: Desk) -> None:
    draft = save_promotion(desk.office.account, code="dear", draft=True)
    page = desk.open(f"loyalty/loyaltypromotion/{draft.pk}/change/")
    page.get_by_text("Cost: Not measured yet").click()
    expect(page.get_by_text("How long the server works on it for one basket")).to_be_visible()
    page.get_by_role("link", name="Publish").or_(page.get_by_role("button", name="Publish")).first.click()
    question = page.get_by_role("dialog")
    expect(question.get_by_role("alert")).to_contain_text(DEAR)
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.faults() == []
    question.get_by_role("button", name="Publish").click()
    expect(question.get_by_text("This field is required.")).to_be_visible()
    assert Promotion.objects.get(pk=draft.pk).draft
    question.get_by_label("Publish anyway").check()
    question.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("It is active until somebody stops it.").first).to_be_visible()
    assert not Promotion.objects.get(pk=draft.pk).draft


def test_a_new_one_that_is_dear_is_saved_with_what_was_entered_once_that_is_confirmed(desk: Desk) -> None:
    page = desk.open("loyalty/loyaltypromotion/add/?type=fixed_points")
    page.get_by_label("Promotion name").fill("Everything twice")
    page.get_by_role("tab", name="Outcome").click()
    page.get_by_label("Points", exact=False).first.fill("50")
    page.get_by_role("button", name="Save and exit").click()
    expect(page.get_by_role("alert").filter(has_text=DEAR)).to_be_visible()
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.faults() == []
    page.get_by_label("Publish anyway").check()
    page.get_by_role("button", name="Save and exit").click()
    expect(page.get_by_role("row", name="Everything twice")).to_be_visible()
    assert Promotion.objects.get(name="Everything twice").outcome["points"] == 50
