"""A marketer is warned of an expensive promotion in a real browser, and publishes it anyway."""

import pytest
from playwright.sync_api import expect

from promotions.admin.editor import publish_warning as words
from promotions.models import Promotion
from tests.browser.conftest import Desk
from tests.consumers.admin.office import save_promotion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COST_WARNING = "It would take 5 ms for each basket."


@pytest.fixture(autouse=True)
def warn_of_every_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warn of the cost of every promotion that goes live."""
    monkeypatch.setattr(words, "_warnings", [lambda _, __: COST_WARNING])


def test_an_expensive_draft_is_published_once_the_warning_is_confirmed(desk: Desk) -> None:
    draft = save_promotion(desk.office.account, code="dear", draft=True)
    page = desk.open(f"loyalty/loyaltypromotion/{draft.pk}/change/")
    page.get_by_text("Technical", exact=True).click()
    expect(page.get_by_text("Server time: Not measured yet")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    question = page.get_by_role("dialog")
    expect(question.get_by_role("alert")).to_contain_text(COST_WARNING)
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []
    assert Promotion.objects.get(pk=draft.pk).draft
    question.get_by_role("button", name="Publish anyway").click()
    expect(page.get_by_text("Active, with no end date.").first).to_be_visible()
    assert not Promotion.objects.get(pk=draft.pk).draft


def test_a_new_expensive_promotion_is_saved_once_the_warning_is_confirmed(desk: Desk) -> None:
    page = desk.open("loyalty/loyaltypromotion/add/?type=fixed_points")
    page.get_by_label("Promotion name").fill("Everything twice")
    page.get_by_role("tab", name="Outcome").click()
    page.get_by_label("Points", exact=False).first.fill("50")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert").filter(has_text=COST_WARNING)).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Publish anyway").click()
    expect(page.get_by_role("row", name="Everything twice")).to_be_visible()
    assert Promotion.objects.get(name="Everything twice").outcome["points"] == 50
