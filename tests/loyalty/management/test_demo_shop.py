"""The demo's shop, created once for the tests of this module, which read it or run the demo again."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from consumers.choices import StaffRole
from consumers.models import Account, Consumer, StaffMembership
from loyalty.choices import PromotionType
from loyalty.models import (
    LedgerEntry,
    LoyaltyPromotion,
    Offer,
    Reversal,
    Transaction,
    UpliftMember,
    UpliftPopulation,
    Voucher,
)
from promotions.choices import DiscountType, Status
from promotions.models import (
    Campaign,
    Discount,
    PersonalizedList,
    PersonalizedPromotion,
    Product,
    Promotion,
    PromotionVersion,
)
from tests.database import module_transaction
from tests.loyalty.management.small_demo import run_demo, shrink

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def printed(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Return what the first run printed; each test rolls back its changes."""
    with pytest.MonkeyPatch.context() as monkeypatch, django_db_blocker.unblock(), module_transaction():
        shrink(monkeypatch)
        yield run_demo()


def row_counts() -> dict[str, Any]:
    models = (
        *(Account, Consumer, LedgerEntry, Offer, PersonalizedList, Product, Promotion, PromotionVersion, Reversal),
        *(StaffMembership, Transaction, Voucher),
    )
    return {model.__name__: model._default_manager.count() for model in models} | {
        "balances": Consumer.objects.aggregate(Sum("points_balance")),
        "versions": Promotion.objects.aggregate(Sum("version")),
    }


def test_the_demo_has_promotions_of_every_type_in_every_status() -> None:
    promotions = LoyaltyPromotion.objects.filter(account__code="demo")
    shown = set(promotions.values_list("type", "status"))
    assert shown == {(promotion_type.value, status.value) for promotion_type in PromotionType for status in Status}
    eligibility = [promotion.eligibility for promotion in promotions]
    for name in ("site_rules", "customer_rules", "transaction_rules", "line_item_rules", "application_rules"):
        assert any(fields[name] for fields in eligibility), name
    for name in ("control_group", "total_redemption_limit", "customer_redemption_limit", "always_apply"):
        assert any(fields[name] for fields in eligibility), name
    assert {promotion.currency for promotion in promotions} == {"GBP", "EUR", "USD"}


def test_the_demo_has_discounts_of_every_type_status_and_source() -> None:
    shown = Discount.objects.filter(account__code="demo")
    assert set(shown.values_list("type", flat=True)) == set(DiscountType)
    assert set(shown.values_list("status", flat=True)) == set(Status)
    sets = [product_set for discount in shown for product_set in discount.outcome["product_sets"]]
    for source in ("rules", "products", "personalized_promotion", "required_spend", "default_product"):
        assert any(product_set.get(source) for product_set in sets), source
    assert any(discount.always_apply for discount in shown)


def test_members_were_listed_when_the_promotion_with_a_control_group_started_and_are_measured() -> None:
    population = UpliftPopulation.objects.select_related("promotion").get(promotion__isnull=False)
    assert population.promotion is not None
    assert (population.promotion.code, population.is_complete) == ("double-weekend", True)
    assert population.frozen_at == population.measured_from == population.promotion.starts_at
    assert UpliftMember.objects.filter(sales__gt=0).exists()


def test_the_programme_is_measured_against_a_universal_holdout_that_leaves_the_other_control_group_alone() -> None:
    account = Account.objects.get(code="demo")
    today = account.created_at.astimezone(account.zone).date()
    assert (account.holdout_percentage, account.holdout_starts_on) == (Decimal(5), today - timedelta(days=90))
    this_year = UpliftPopulation.objects.get(year=today.year)
    assert (this_year.account, this_year.members, this_year.is_complete) == (account, 120, True)
    assert this_year.frozen_at == this_year.measured_from
    assert set(UpliftMember.objects.filter(population=this_year).values_list("is_control", flat=True)) == {True, False}
    ignoring = Promotion.objects.filter(eligibility__ignores_universal_holdout=True)
    assert list(ignoring.values_list("code", flat=True)) == ["double-weekend"]


def test_the_members_of_a_campaign_share_a_budget_of_which_most_is_used() -> None:
    campaign = Campaign.objects.get(budget__isnull=False)
    given = Promotion.objects.filter(campaign=campaign, in_campaign_budget=True).aggregate(given=Sum("saving_given"))
    assert campaign.budget_used == given["given"]
    assert 0 < campaign.budget_used < (campaign.budget_amount or 0)


def test_each_personalized_promotion_has_lists_choices_and_a_discount() -> None:
    for promotion in PersonalizedPromotion.objects.all():
        lists = PersonalizedList.objects.filter(promotion=promotion)
        assert lists.filter(selected=[]).exists()
        assert lists.exclude(selected=[]).exists()
        assert lists.filter(locked=True).exists() == promotion.lock_after_first_apply
        assert Discount.objects.filter(references__key=promotion.backend_id).exists()
    assert PersonalizedPromotion.objects.values("lock_after_first_apply").distinct().count() == 2


def test_a_second_run_changes_nothing() -> None:
    before = row_counts()
    assert "0 of them new" in run_demo()
    assert row_counts() == before


def test_points_add_up() -> None:
    for consumer in Consumer.objects.filter(ledger_entries__isnull=False).distinct():
        assert consumer.points_balance == sum(consumer.ledger_entries.values_list("points", flat=True))
    assert set(LedgerEntry.objects.values_list("kind", flat=True)) >= {"base", "promotion", "adjustment"}


def test_the_printed_logins_work_and_have_their_roles(printed: str, client: Client) -> None:
    passwords = dict(re.findall(r"^  (demo-\w+) +(\S+-hearth)", printed, re.MULTILINE))
    assert set(passwords) == {"demo-admin", "demo-marketer", "demo-service", "demo-viewer"}
    for username, password in passwords.items():
        page = client.post("/admin/login/", {"username": username, "password": password, "next": "/admin/"})
        assert (page.status_code, page.headers["Location"]) == (302, "/admin/")
        client.post("/admin/logout/")
    roles = StaffMembership.objects.filter(account__code="demo").values_list("role__name", flat=True)
    assert sorted(roles) == sorted(role.value for role in StaffRole)
    assert StaffMembership.objects.filter(user__username="demo-admin").count() == 2


def test_the_printed_call_works_and_keys_of_an_earlier_run_do_not(printed: str, client: Client) -> None:
    first, second = PrintedCall(printed), PrintedCall(run_demo())
    assert first.path == "/api/v1/baskets/evaluate"
    assert evaluate(client, first).status_code == 401
    answer = evaluate(client, second)
    assert answer.status_code == 200
    assert answer.json()["applied"]
    assert answer.json()["points"]["total"] > 0


def test_passwords_follow_from_the_installations_secret(printed: str, settings: Any) -> None:
    settings.SECRET_KEY = "another"
    passwords = [dict(re.findall(r"(demo-\w+) +(\S+-hearth)", output)) for output in (printed, run_demo())]
    assert passwords[0].keys() == passwords[1].keys()
    assert not set(passwords[0].values()) & set(passwords[1].values())
    user = StaffMembership.objects.filter(user__username="demo-viewer").get().user
    assert user.check_password(passwords[1]["demo-viewer"])


class PrintedCall:
    """The request that the printed curl line sends."""

    def __init__(self, output: str) -> None:
        words = shlex.split(next(line for line in output.splitlines() if line.strip().startswith("curl")))
        self.path = "/" + words[2].split("/", 3)[3]
        self.headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
        self.body = json.loads(words[words.index("-d") + 1])


def evaluate(client: Client, call: PrintedCall) -> Any:
    return client.post(
        call.path,
        json.dumps(call.body),
        content_type=call.headers["Content-Type"],
        headers={"authorization": call.headers["Authorization"]},
    )
