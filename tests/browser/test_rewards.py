"""Claiming a reward, and deciding about a message: with a mouse or without, with scripts or without."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from consumers.models import Consumer
from loyalty.models import Offer, RedemptionMessage, Voucher
from loyalty.services.points.adjustment import points_adjust
from tests.browser.conftest import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bare(desk: Desk, chromium: Browser) -> Iterator[Page]:
    """A page of the same person in a browser without scripts."""
    context = chromium.new_context(base_url=desk.home, java_script_enabled=False)
    context.add_cookies(desk.page.context.cookies())  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def make_reward(desk: Desk) -> Consumer:
    """A member with enough points for a mug."""
    account = desk.office.account
    mug = {"name": "Mug", "currency": "GBP", "kind": "tiered", "point_cost": 100, "benefit": "external"}
    Offer.objects.create(account=account, code="mug", **mug)
    consumer = Consumer.objects.get(consumer_id="acme-c1")
    points_adjust(
        account=account,
        consumer_id=consumer.consumer_id,
        reference="opening",
        points=500,
        description="",
        at=timezone.now(),
    )
    return consumer


def mugs() -> int:
    return Voucher.objects.filter(offer__code="mug").count()


def test_a_reward_is_claimed_by_keyboard(desk: Desk) -> None:
    consumer = make_reward(desk)
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/#loyalty")
    assert desk.accessibility_faults() == []
    page.get_by_role("link", name="Claim a reward").press("Enter")
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    expect(question.get_by_label("Reward")).to_be_focused()
    assert desk.accessibility_faults() == []
    question.get_by_label("Reward").select_option("mug")
    question.get_by_role("button", name="Claim reward").press("Enter")
    expect(page.get_by_text("of “Mug” issued for 100 points")).to_be_visible()
    expect(page.get_by_role("region", name="Vouchers").get_by_role("cell", name="Mug")).to_be_visible()
    assert mugs() == 1


def test_a_refusal_is_shown_in_the_dialog(desk: Desk) -> None:
    consumer = make_reward(desk)
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/#loyalty")
    page.get_by_role("link", name="Claim a reward").click()
    question = page.get_by_role("dialog")
    question.get_by_label("Reward").select_option("mug")
    Offer.objects.filter(code="mug").update(point_cost=9_000)
    question.get_by_role("button", name="Claim reward").click()
    expect(question.get_by_text("the offer costs 9000")).to_be_visible()
    assert mugs() == 0


def test_a_reward_is_claimed_without_scripts(desk: Desk, bare: Page) -> None:
    consumer = make_reward(desk)
    bare.goto(f"/admin/consumers/consumer/{consumer.pk}/change/")
    bare.get_by_role("link", name="Claim a reward").click()
    bare.get_by_role("combobox", name="Reward").select_option("mug")
    bare.get_by_role("button", name="Claim reward").click()
    expect(bare.get_by_text("of “Mug” issued for 100 points")).to_be_visible()
    assert mugs() == 1


def test_a_message_is_cancelled_after_confirmation(desk: Desk) -> None:
    message = RedemptionMessage.objects.earliest("pk")
    RedemptionMessage.objects.update(state="uncertain")
    page = desk.open(f"loyalty/redemptionmessage/{message.pk}/change/")
    page.get_by_role("link", name="Cancel").click()
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    assert desk.accessibility_faults() == []
    question.get_by_role("button", name="Cancel message").click()
    expect(page.get_by_text("is now cancelled.")).to_be_visible()
    assert RedemptionMessage.objects.get(pk=message.pk).state == "cancelled"


def test_a_message_is_sent_again_without_scripts(desk: Desk, bare: Page) -> None:
    message = RedemptionMessage.objects.earliest("pk")
    RedemptionMessage.objects.update(state="failed", sent_at=None)
    bare.goto(f"/admin/loyalty/redemptionmessage/{message.pk}/change/")
    bare.get_by_role("link", name="Send again").click()
    bare.get_by_role("button", name="Send again").click()
    expect(bare.get_by_text("is now waiting.")).to_be_visible()
    assert RedemptionMessage.objects.get(pk=message.pk).sent_at is not None


def test_a_confirmation_page_looks_like_the_dialogs(desk: Desk) -> None:
    consumer = make_reward(desk)
    message = RedemptionMessage.objects.earliest("pk")
    for address in (f"voucher/claim/{consumer.pk}/", f"redemptionmessage/{message.pk}/send_again"):
        page = desk.open(f"loyalty/{address}")
        button = page.locator("#dialog button[type=submit]")
        assert button.evaluate("each => getComputedStyle(each).backgroundColor") != "rgba(0, 0, 0, 0)"
        assert desk.accessibility_faults() == []
