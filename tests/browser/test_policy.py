"""Every page has a Content-Security-Policy, and it blocks nothing that a page needs."""

import pytest
from django.test import Client
from playwright.sync_api import expect

from consumers.choices import JobFile, JobState
from consumers.models import Consumer, Job, JobPart
from consumers.tasks import jobs_run
from tests.browser.conftest import BLOCKED, Desk
from tests.consumers.admin.office import save_promotion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_nothing_is_blocked_outside_the_admin_table(desk: Desk) -> None:
    """The pages of the table are tested in ``test_every_page``."""
    desk.page.add_init_script(BLOCKED)
    message = {"points": 5, "redemption_message": "<p>Thanks</p>"}
    promotion = save_promotion(desk.office.account, code="picture", outcome=message)
    form = f"/admin/loyalty/loyaltypromotion/{promotion.pk}/change/"
    blocked_by_address = {}
    for address in (form, "/api/v1/docs", "/admin/nowhere/", "/nowhere"):
        desk.page.goto("about:blank")
        answer = desk.page.goto(address)
        assert answer is not None
        assert "default-src 'self'" in answer.headers["content-security-policy"], address
        desk.page.wait_for_load_state("networkidle")
        if bad := desk.blocked():
            blocked_by_address[address] = bad
    # The browser may log that a page is missing, and nothing else.
    desk.console_errors = [text for text in desk.console_errors if "404 (Not Found)" not in text]
    assert blocked_by_address == {}


def test_nothing_is_blocked_in_menus_dialogs_and_tabs(desk: Desk) -> None:
    desk.page.add_init_script(BLOCKED)
    page = desk.open("loyalty/loyaltypromotion/")
    page.get_by_role("button", name="staff-acme").press("Enter")
    page.get_by_role("button", name="Dark").press("Enter")
    page.locator("body").press("Escape")
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/")
    page.get_by_role("link", name="Stop").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    consumer = Consumer.objects.get(consumer_id="acme-c1")
    blocked_by_address = desk.blocked()
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/#loyalty")
    page.wait_for_load_state("networkidle")
    assert [*blocked_by_address, *desk.blocked()] == []


def test_a_page_without_a_log_in_has_the_policy(client: Client) -> None:
    policy = client.get("/admin/login/").headers["content-security-policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy


def test_the_page_of_a_job_follows_it_until_it_is_done(desk: Desk) -> None:
    job = Job.objects.filter(account=desk.office.account).latest("pk")
    Job.objects.filter(pk=job.pk).update(state=JobState.WAITING, phase="", done=0)
    content = {"content": b"number\nacme-001\n"}
    JobPart.objects.update_or_create(job=job, file=JobFile.INPUT, position=0, defaults=content)
    page = desk.open(f"consumers/job/{job.pk}/change/")
    expect(page.locator("#job-state")).to_contain_text("Waiting")
    jobs_run()
    expect(page.locator("#job-state")).to_contain_text("Done")
    expect(page.locator("#job-state")).to_contain_text("1 of 1 rows checked")
