"""The demo is a realistic shop that can be created in several runs; another run changes nothing."""

import json
import re
import shlex
from collections import Counter
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.test import Client

from consumers.choices import StaffRole
from consumers.models import Account, Consumer, StaffMembership
from loyalty.choices import OfferKind, PromotionType, TransactionStatus
from loyalty.management.demo import discounts, fill, programme, shop
from loyalty.management.demo.fill import demo_fill
from loyalty.management.demo.sales import DAYS, Trade, sales
from loyalty.models import AppliedPromotion, LedgerEntry, LoyaltyPromotion, Offer, Reversal, Transaction, Voucher
from promotions.choices import DiscountType, Status
from promotions.models import (
    Discount,
    PersonalizedList,
    PersonalizedPromotion,
    Product,
    Promotion,
    PromotionVersion,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the demo: fewer sales and 120 consumers."""
    monkeypatch.setattr(fill, "SALES", 60)
    monkeypatch.setattr(fill, "SECOND_SALES", 4)
    everybody = shop.consumers
    monkeypatch.setattr(shop, "consumers", lambda **arguments: everybody(**{"count": 120, **arguments}))


def run_demo() -> str:
    out = StringIO()
    call_command("demo", stdout=out)
    return out.getvalue()


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
    run_demo()
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
    run_demo()
    shown = Discount.objects.filter(account__code="demo")
    assert set(shown.values_list("type", flat=True)) == set(DiscountType)
    assert set(shown.values_list("status", flat=True)) == set(Status)
    sets = [product_set for discount in shown for product_set in discount.outcome["product_sets"]]
    for source in ("rules", "products", "personalized_promotion", "required_spend", "default_product"):
        assert any(product_set.get(source) for product_set in sets), source
    assert any(discount.always_apply for discount in shown)


def test_each_personalized_promotion_has_lists_choices_and_a_discount() -> None:
    run_demo()
    for promotion in PersonalizedPromotion.objects.all():
        lists = PersonalizedList.objects.filter(promotion=promotion)
        assert lists.filter(selected=[]).exists()
        assert lists.exclude(selected=[]).exists()
        assert lists.filter(locked=True).exists() == promotion.lock_after_first_apply
        assert Discount.objects.filter(references__key=promotion.backend_id).exists()
    assert PersonalizedPromotion.objects.values("lock_after_first_apply").distinct().count() == 2


def test_sales_are_discounted_paid_with_vouchers_and_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "SALES", 200)
    monkeypatch.setattr(fill, "BATCH_SIZE", 10)
    monkeypatch.setattr(fill, "VOUCHER_USE_RATE", 1)
    run_demo()
    assert AppliedPromotion.objects.filter(promotion__family="discount", discount__gt=0).exists()
    assert Voucher.objects.filter(redeemed_by__isnull=False).exists()
    statuses = set(Transaction.objects.values_list("status", flat=True))
    assert {TransactionStatus.RETURNED, TransactionStatus.VOIDED} <= statuses
    call_command("ledger_verify", stdout=StringIO())


def test_a_second_run_changes_nothing() -> None:
    run_demo()
    before = row_counts()
    assert "0 of them new" in run_demo()
    assert row_counts() == before


def test_an_interrupted_run_is_completed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = fill.transaction_commit  # type: ignore[attr-defined]
    calls = iter(range(99))

    def cut_off(**arguments: Any) -> Any:
        if next(calls) == 25:
            raise KeyboardInterrupt
        return commit(**arguments)

    monkeypatch.setattr(fill, "transaction_commit", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run_demo()
    assert Transaction.objects.count() == 25
    monkeypatch.setattr(fill, "transaction_commit", commit)
    assert "60 sales, 35 of them new" in run_demo()
    assert not StaffMembership.objects.exclude(account__code__in=["demo", "demo-books"]).exists()


def test_points_add_up() -> None:
    run_demo()
    for consumer in Consumer.objects.filter(ledger_entries__isnull=False).distinct():
        assert consumer.points_balance == sum(consumer.ledger_entries.values_list("points", flat=True))
    assert set(LedgerEntry.objects.values_list("kind", flat=True)) >= {"base", "promotion", "adjustment"}


def test_the_printed_logins_work_and_have_their_roles(client: Client) -> None:
    printed = dict(re.findall(r"^  (demo-\w+) +(\S+-hearth)", run_demo(), re.MULTILINE))
    assert set(printed) == {"demo-admin", "demo-marketer", "demo-service", "demo-viewer"}
    for username, password in printed.items():
        page = client.post("/admin/login/", {"username": username, "password": password, "next": "/admin/"})
        assert (page.status_code, page.headers["Location"]) == (302, "/admin/")
        client.post("/admin/logout/")
    roles = StaffMembership.objects.filter(account__code="demo").values_list("role__name", flat=True)
    assert sorted(roles) == sorted(role.value for role in StaffRole)
    assert StaffMembership.objects.filter(user__username="demo-admin").count() == 2


def test_the_printed_call_works_and_keys_of_an_earlier_run_do_not(client: Client) -> None:
    first, second = (PrintedCall(run_demo()) for _ in range(2))
    assert first.path == "/api/v1/baskets/evaluate"
    assert evaluate(client, first).status_code == 401
    answer = evaluate(client, second)
    assert answer.status_code == 200
    assert answer.json()["applied"]
    assert answer.json()["points"]["total"] > 0


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


def test_passwords_follow_from_the_installations_secret(settings: Any) -> None:
    first = run_demo()
    settings.SECRET_KEY = "another"
    second = run_demo()
    passwords = [dict(re.findall(r"(demo-\w+) +(\S+-hearth)", output)) for output in (first, second)]
    assert passwords[0].keys() == passwords[1].keys()
    assert not set(passwords[0].values()) & set(passwords[1].values())
    user = StaffMembership.objects.filter(user__username="demo-viewer").get().user
    assert user.check_password(passwords[1]["demo-viewer"])


def test_rows_of_another_account_are_unchanged() -> None:
    other = Account.objects.create(code="other", name="Other", currency="GBP")
    Consumer.objects.create(account=other, consumer_id="c-00001")
    run_demo()
    assert Consumer.objects.filter(account=other).count() == 1
    assert not Product.objects.filter(account=other).exists()


def test_the_shop_has_the_documented_products_sites_offers_and_consumers() -> None:
    products = shop.products()
    assert len({product.sku for product in products}) == 300
    assert all(product.cost_price < product.retail_price for product in products if product.cost_price)  # type: ignore[operator]
    assert len({site.time_zone for site in shop.SITES}) == 3
    assert {offer.kind for offer in programme.OFFERS} == set(OfferKind)
    skus = {product.sku for product in products}
    assert all(skus.issuperset(lists.skus) for lists in discounts.LISTS)
    consumers = shop.consumers(today=datetime.now(ZoneInfo("Europe/London")).date(), count=2000)
    assert len({consumer.consumer_id for consumer in consumers}) == 2000
    assert Counter(consumer.kind for consumer in consumers)["employee"] == 40


def test_sales_are_the_same_for_the_same_moment_and_fill_the_year_before_it() -> None:
    until = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Europe/London"))
    trade = Trade(
        zone=shop.TIME_ZONE,
        currency=shop.CURRENCY,
        currencies=shop.CURRENCIES,
        sites=shop.SITES,
        products=shop.products(),
        consumers=shop.consumers(today=until.date()),
    )
    drawn = sales(trade, until=until, count=400)
    assert drawn == sales(trade, until=until, count=400)
    assert [sale.reference for sale in drawn[:2]] == ["D-00001", "D-00002"]
    assert sorted(drawn, key=lambda sale: sale.occurred_at) == drawn
    assert 300 < (drawn[-1].occurred_at - drawn[0].occurred_at).days <= DAYS
    assert drawn[-1].occurred_at <= until


def test_progress_is_shown_for_each_shops_sales() -> None:
    drawn: list[tuple[str, int]] = []

    class Silent:
        def __init__(self, words: str, total: int) -> None:
            drawn.append((words, total))

        def __enter__(self) -> Any:
            return lambda _done: None

        def __exit__(self, *_: object) -> None:
            return None

    demo = demo_fill(at=datetime.now(ZoneInfo("UTC")), bar=Silent)
    assert (demo.sales, demo.new_sales) == (60, 60)
    assert drawn == [("sales of Harbour & Hearth", 60), ("sales of Lamplight Books", 4)]
