"""The lists are narrowed by what marketers ask for, and any value of a filter is answered."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.utils import timezone

from consumers.admin.framework.pages import AccountAdmin, OnePageAdmin
from consumers.models import ConsumerGroup, Site
from consumers.services.consumer import ConsumerValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.site import SiteValues, sites_save
from loyalty.models import Offer, Voucher
from promotions.models import Product
from promotions.services.product import ProductValues, products_save
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def listed(office: Office, name: str, query: str) -> list[str]:
    answer = office.page(f"{name}_changelist", query=f"?{query}")
    assert answer.status_code == 200, answer.status_code
    return sorted(str(row) for row in answer.context["cl"].result_list)


@pytest.mark.parametrize(("value", "groups"), [("yes", ["gold"]), ("no", ["empty"]), ("", ["empty", "gold"])])
def test_groups_with_and_without_members(office: Office, value: str, groups: list[str]) -> None:
    groups_save(account_id=office.account.pk, rows=[GroupValues(code="gold"), GroupValues(code="empty")])
    consumers_save(account_id=office.account.pk, rows=[ConsumerValues(consumer_id="c", groups=("gold",))])
    assert listed(office, "consumers_consumergroup", f"members={value}") == groups
    assert ConsumerGroup.objects.count() == 2


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ("category=tea", ["a", "b"]),
        ("category=T&product_brand=oo", ["b"]),
        ("program_brand=pro", ["c"]),
        ("retail_price_from=3", ["b", "c"]),
        ("retail_price_to=3.00", ["a", "b"]),
        ("retail_price_from=2.5&retail_price_to=3.5", ["b"]),
        ("retail_price_from=cheap&retail_price_to=NaN", ["a", "b", "c", "d"]),
        ("retail_price_from=Infinity", ["a", "b", "c", "d"]),
        ("retail_price_from=1e99999", ["a", "b", "c", "d"]),
        ("sold_by=weight", ["d"]),
        ("left_out_of=discounts", ["c", "d"]),
        ("left_out_of=both", ["d"]),
        ("left_out_of=neither", ["a", "b"]),
        ("category=%25", []),
        ("category=%00", []),
    ],
)
def test_products_by_category_brand_price_and_kind(office: Office, query: str, skus: list[str]) -> None:
    rows = [
        ProductValues(sku="a", category="Tea", retail_price=Decimal(2)),
        ProductValues(sku="b", category="Tea and more", product_brand="Oolong", retail_price=Decimal(3)),
        ProductValues(sku="c", program_brand="Programme", retail_price=Decimal(5), no_discount=True),
        ProductValues(sku="d", sold_by="weight", no_discount=True, no_points=True),
    ]
    products_save(account_id=office.account.pk, rows=rows)
    assert listed(office, "promotions_product", query) == skus
    assert Product.objects.count() == 4


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("town=%3DLeeds", ["1", "2"]),
        ("town=%3DLeeds&time_zone=%3DEurope/Paris", ["2"]),
        ("time_zone=%3D", ["1"]),
        ("county=%3DKent", ["3"]),
        ("county=Kent", ["1", "2", "3"]),
    ],
)
def test_sites_by_town_county_and_time_zone(office: Office, query: str, numbers: list[str]) -> None:
    rows = [
        SiteValues(number="1", town="Leeds"),
        SiteValues(number="2", town="Leeds", time_zone="Europe/Paris"),
        SiteValues(number="3", county="Kent", time_zone="Europe/London"),
    ]
    sites_save(account_id=office.account.pk, rows=rows)
    assert listed(office, "consumers_site", query) == numbers
    assert Site.objects.count() == 3


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("dates=now", ["now", "sold-out"]),
        ("dates=later", ["later"]),
        ("dates=over", ["over"]),
        ("stock=used_up", ["sold-out"]),
        ("stock=left", ["now"]),
        ("stock=unlimited", ["later", "over"]),
        ("currency=%3DEUR", ["over"]),
    ],
)
def test_offers_by_dates_stock_and_currency(office: Office, query: str, codes: list[str]) -> None:
    now, day = timezone.now(), timedelta(days=1)
    rows = [
        Offer(code="now", starts_at=now - day, stock=5, currency="GBP"),
        Offer(code="later", starts_at=now + day, currency="GBP"),
        Offer(code="over", ends_at=now - day, currency="EUR"),
        Offer(code="sold-out", stock=2, issued=2, currency="GBP"),
    ]
    for offer in rows:
        offer.account, offer.benefit, offer.name = office.account, "external", offer.code
    Offer.objects.bulk_create(rows)
    assert listed(office, "loyalty_offer", query) == sorted(f"{code} ({code})" for code in codes)


def test_vouchers_by_the_day_of_their_issue(office: Office) -> None:
    fill(office.account)
    voucher = Voucher.objects.get()
    day = timezone.localdate(voucher.issued_at)
    before, after = (day - timedelta(days=1)).isoformat(), (day + timedelta(days=1)).isoformat()
    assert listed(office, "loyalty_voucher", f"issued_at_from={day}&issued_at_to={day}") == [voucher.code]
    assert listed(office, "loyalty_voucher", f"issued_at_to={before}") == []
    assert listed(office, "loyalty_voucher", f"issued_at_from={after}") == []
    assert listed(office, "loyalty_voucher", "issued_at_from=0001-01-01&issued_at_to=soon") == [voucher.code]


@pytest.mark.parametrize("query", ["role=%00", "role=a%00b"])
def test_a_filter_with_a_nul_finds_nothing(office: Office, query: str) -> None:
    assert listed(office, "consumers_staffmembership", "")
    assert listed(office, "consumers_staffmembership", query) == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_list_of_promotions_is_shown_for_a_day_at_an_end_of_the_calendar(office: Office, day: str) -> None:
    fill(office.account)
    assert listed(office, "promotions_discount", f"live_on={day}") == listed(office, "promotions_discount", "")


@pytest.mark.parametrize(
    "name",
    [
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model, page in admin.site._registry.items()
        if isinstance(page, AccountAdmin) and not isinstance(page, OnePageAdmin)
    ],
)
def test_every_filter_offers_only_values_of_the_account(office: Office, name: str) -> None:
    fill(make_office("theirs").account)
    page = office.page(f"{name}_changelist").content.decode()
    assert "theirs" not in page.partition("filter-form")[2]
