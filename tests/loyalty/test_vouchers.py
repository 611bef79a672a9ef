"""Vouchers over REST: their dates, states and filters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from consumers.models import Consumer
from loyalty.choices import VoucherStatus
from loyalty.models import Offer, Voucher
from loyalty.services.rewards.voucher import ALPHABET, voucher_codes, voucher_rows
from tests.consumers.builders import MEMBER, Shop, attrs_of, make_shop

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def shop(db: None) -> Shop:
    shop = make_shop()
    shop.manager.put("consumers/c", {"loyalty": MEMBER})
    shop.manager.put("consumers/d", {"loyalty": MEMBER})
    shop.manager.put("offers/pound", {"name": "Pound", "value": "1.00", "valid_days": 30})
    shop.manager.put("offers/tea", {"name": "Tea", "benefit": "external"})
    return shop


def issue(offer: str = "pound", consumer: str = "c", *, at: datetime = NOON, **fields: Any) -> Voucher:
    (voucher,) = voucher_rows(
        offer=Offer.objects.get(code=offer), consumer=Consumer.objects.get(consumer_id=consumer), count=1, at=at
    )
    for name, value in fields.items():
        setattr(voucher, name, value)
    voucher.save()
    return voucher


def test_codes_cannot_be_guessed_nor_misread() -> None:
    codes = voucher_codes(2_000)
    assert len(set(codes)) == 2_000
    assert all(len(code) >= 12 for code in codes)
    assert set("".join(codes)) == set(ALPHABET)
    assert not set("01OIL") & set(ALPHABET)


@pytest.mark.parametrize(
    ("valid_days", "ends_at", "expires_at"),
    [
        (None, None, None),
        (30, None, NOON + timedelta(days=30)),
        (30, NOON + timedelta(days=3), NOON + timedelta(days=3)),
        (1, NOON + timedelta(days=3), NOON + timedelta(days=1)),
        (None, NOON + timedelta(days=3), NOON + timedelta(days=3)),
    ],
)
def test_a_voucher_ends_with_its_days_and_no_later_than_its_offer(
    valid_days: int | None, ends_at: datetime | None, expires_at: datetime | None
) -> None:
    offer = Offer(code="x", valid_days=valid_days, ends_at=ends_at, account_id=1)
    (voucher,) = voucher_rows(offer=offer, consumer=Consumer(), count=1, at=NOON)
    assert voucher.expires_at == expires_at


def test_a_voucher_past_its_end_is_shown_as_expired(shop: Shop) -> None:
    voucher = issue()
    shown = []
    for at in (NOON, NOON + timedelta(days=30, seconds=-1), NOON + timedelta(days=30)):
        with time_machine.travel(at, tick=False):
            shown.append(
                (
                    shop.manager.get(f"vouchers/{voucher.code}").json()["status"],
                    shop.manager.get("consumers/c/loyalty").json()["vouchers"][0]["status"],
                    len(shop.manager.get("vouchers?status=issued").json()["results"]),
                    len(shop.manager.get("vouchers?status=expired").json()["results"]),
                )
            )
    assert shown == [("issued", "issued", 1, 0), ("issued", "issued", 1, 0), ("expired", "expired", 0, 1)]


@pytest.mark.parametrize("status", [VoucherStatus.REDEEMED, VoucherStatus.CANCELLED])
def test_redeemed_and_cancelled_vouchers_do_not_expire(shop: Shop, status: VoucherStatus) -> None:
    voucher = issue(at=datetime(2020, 1, 1, tzinfo=UTC), status=status)
    assert shop.manager.get(f"vouchers/{voucher.code}").json()["status"] == status


def test_a_voucher_names_its_offer_and_consumer(shop: Shop) -> None:
    voucher = issue("tea", "d")
    assert shop.manager.get(f"vouchers/{voucher.code}").json() == {
        "code": voucher.code,
        "offer": "tea",
        "consumer": "d",
        "status": "issued",
        "issued_at": "2026-03-10T12:00:00Z",
        "expires_at": None,
        "redeemed_at": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [("tea", "c"), ("pound", "d"), ("pound", "c")]),
        ("offer=pound", [("pound", "d"), ("pound", "c")]),
        ("consumer=c", [("tea", "c"), ("pound", "c")]),
        ("offer=pound&consumer=c", [("pound", "c")]),
        ("offer=nope", []),
        ("status=redeemed", []),
        ("issued_from=2026-03-12T00:00:00Z", [("tea", "c")]),
        ("issued_before=2026-03-11T00:00:00Z", [("pound", "c")]),
        ("ordering=issued_at", [("pound", "c"), ("pound", "d"), ("tea", "c")]),
        ("search=tea", [("tea", "c")]),
    ],
)
def test_vouchers_are_filtered(shop: Shop, query: str, expected: list[tuple[str, str]]) -> None:
    for days, offer, consumer in ((0, "pound", "c"), (1, "pound", "d"), (2, "tea", "c")):
        issue(offer, consumer, at=NOON + timedelta(days=days))
    with time_machine.travel(NOON + timedelta(days=3)):
        rows = shop.manager.get(f"vouchers?{query}").json()["results"]
    assert [(row["offer"], row["consumer"]) for row in rows] == expected


@pytest.mark.parametrize("query", ["status=spent", "issued_from=soon", "issued_before=2026-03-11T99:00:00Z"])
def test_an_invalid_filter_is_refused_by_name(shop: Shop, query: str) -> None:
    answer = shop.manager.get(f"vouchers?{query}")
    assert answer.status_code == 400
    assert attrs_of(answer) == [query.partition("=")[0]]


def test_vouchers_are_read_only(shop: Shop) -> None:
    voucher = issue()
    for method in ("PUT", "PATCH", "POST", "DELETE"):
        assert shop.manager.call(method, f"vouchers/{voucher.code}", {}).status_code == 405


def test_a_list_costs_two_statements(shop: Shop, django_assert_num_queries: Any) -> None:
    for _ in range(20):
        issue()
    with django_assert_num_queries(2):
        assert len(shop.manager.get("vouchers").json()["results"]) == 20


def test_another_account_sees_none(shop: Shop) -> None:
    voucher = issue()
    other = make_shop("other")
    assert other.manager.get(f"vouchers/{voucher.code}").status_code == 404
    assert other.manager.get("vouchers").json()["results"] == []
    assert other.manager.get("vouchers?consumer=c&offer=pound").json()["results"] == []
