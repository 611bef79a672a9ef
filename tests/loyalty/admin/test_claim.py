"""Claiming a reward for a consumer in the back office."""

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from consumers.choices import StaffRole
from consumers.models import Account, Consumer
from loyalty.models import LedgerEntry, Offer, Voucher
from loyalty.selectors.verification import ledger_differences
from loyalty.services.points.adjustment import points_adjust
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

WITHOUT_SCRIPTS: dict[str, Any] = {}
WITH_SCRIPTS: dict[str, Any] = {"headers": {"HX-Request": "true"}}


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office(role=StaffRole.CUSTOMER_SERVICE)
    fill(office.account)
    reward(office.account, "mug", 100)
    reward(office.account, "bike", 5_000)
    consumer = Consumer.objects.get()
    points_adjust(
        account=office.account,
        consumer_id=consumer.consumer_id,
        reference="opening",
        points=250 - consumer.points_balance,
        description="",
        at=timezone.now(),
    )
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def reward(account: Account, code: str, cost: int, **fields: Any) -> Offer:
    values = {"name": code.capitalize(), "currency": "GBP", "kind": "tiered", "benefit": "external", **fields}
    return Offer.objects.create(account=account, code=code, point_cost=cost, **values)


def address() -> str:
    return reverse("admin:loyalty_voucher_claim", args=[Consumer.objects.get(consumer_id="acme-c1").pk])


def claim(office: Office, offer: str, *, reference: Any = None, how: dict[str, Any] = WITHOUT_SCRIPTS) -> Any:
    values = {"offer": offer, "reference": reference or uuid4(), "_form_submitted": "True"}
    return office.client.post(address(), values, **how)


def balance() -> int:
    return Consumer.objects.get(consumer_id="acme-c1").points_balance


def test_the_tab_offers_claims_of_active_members_to_permitted_staff_only(office: Office) -> None:
    consumer = Consumer.objects.get()
    page = ("consumers_consumer_change", consumer.pk)
    assert address() in office.page(*page).content.decode()
    for role in (StaffRole.MARKETER, StaffRole.VIEWER):
        other = office.login(role)
        assert address() not in other.page(*page).content.decode()
        assert other.client.get(address()).status_code == 403
        assert claim(other, "mug").status_code == 403
    consumer.membership.status = "suspended"
    consumer.membership.save()
    assert address() not in office.page(*page).content.decode()
    assert not Voucher.objects.exclude(claim_reference="").exists()


def test_the_dialog_shows_the_cost_of_each_reward_and_the_balance(office: Office) -> None:
    words = office.client.get(address()).content.decode()
    for text in ("Mug: 100 points", "Bike: 5,000 points (4,750 more points needed)", "The balance is 250 points."):
        assert text in words


def test_only_offers_that_can_be_claimed_now_are_listed(office: Office) -> None:
    now = timezone.now()
    reward(office.account, "gone", 1, stock=3, issued=3)
    reward(office.account, "old", 1, ends_at=now)
    reward(office.account, "coming", 1, starts_at=now.replace(year=now.year + 1))
    reward(office.account, "hidden", 1, archived=True)
    fill(make_office("rival").account)
    reward(make_office("third").account, "theirs", 1)
    form = office.client.get(address()).context["form"]
    assert [code for code, _ in form.fields["offer"].choices] == ["", "mug", "bike"]


def test_the_dialog_says_when_there_is_no_reward_to_claim(office: Office) -> None:
    Offer.objects.update(archived=True)
    assert "No rewards available" in office.client.get(address()).content.decode()
    assert "required" in str(claim(office, "").context["form"].errors)


def test_a_claim_debits_the_points_and_issues_the_voucher(office: Office) -> None:
    answer = claim(office, "mug")
    assert answer.status_code == 302
    assert answer.url == f"{reverse('admin:consumers_consumer_change', args=[Consumer.objects.get().pk])}#loyalty"
    voucher = Voucher.objects.get(offer__code="mug")
    assert (voucher.consumer.consumer_id, voucher.claimed_by, balance()) == ("acme-c1", office.user, 150)
    assert voucher.code in office.client.get(answer.url).content.decode()
    assert f"Claimed for points by {office.user}" in office.page("loyalty_voucher_change", voucher.pk).content.decode()
    assert not list(ledger_differences())


def test_with_scripts_the_page_behind_the_dialog_is_reloaded(office: Office) -> None:
    assert claim(office, "mug", how=WITH_SCRIPTS).headers["HX-Refresh"] == "true"
    assert balance() == 150


def test_a_form_sent_twice_claims_once(office: Office) -> None:
    reference = uuid4()
    assert [claim(office, "mug", reference=reference).status_code for _ in range(2)] == [302, 302]
    assert balance() == 150
    again = claim(office, "bike", reference=reference)
    assert "was used to claim another offer" in str(again.context["form"].non_field_errors())
    assert LedgerEntry.objects.filter(kind="claim").count() == 1


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        ("bike", "The balance is 250 points. The offer costs 5000."),
        ("acme-o1", "Select a valid choice."),
        ("nope", "Select a valid choice."),
    ],
)
def test_a_refusal_is_shown_in_the_dialog_and_changes_nothing(office: Office, offer: str, words: str) -> None:
    answer = claim(office, offer)
    assert answer.status_code == 200
    assert words in str(answer.context["form"].errors)
    assert balance() == 250
    assert not Voucher.objects.exclude(claim_reference="").exists()


def test_a_consumer_of_another_account_is_not_found(office: Office) -> None:
    rival = make_office("rival")
    for answer in (rival.client.get(address()), claim(rival, "mug")):
        assert answer.status_code == 404
    assert balance() == 250
