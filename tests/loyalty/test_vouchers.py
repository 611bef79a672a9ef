"""Vouchers over REST: their dates, states and filters."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.apps import apps
from django.db import transaction
from django.db.utils import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

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
    row, holder = Offer.objects.get(code=offer), Consumer.objects.get(consumer_id=consumer)
    (voucher,) = voucher_rows(offer=row, consumer=holder, count=1, at=at, zone=UTC)
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
        (30, None, datetime(2026, 4, 10, tzinfo=UTC)),
        (30, NOON + timedelta(days=3), NOON + timedelta(days=3)),
        (1, NOON + timedelta(days=3), datetime(2026, 3, 12, tzinfo=UTC)),
        (3, NOON + timedelta(days=3), NOON + timedelta(days=3)),
        (None, NOON + timedelta(days=3), NOON + timedelta(days=3)),
    ],
)
def test_a_voucher_ends_with_its_days_and_no_later_than_its_offer(
    valid_days: int | None, ends_at: datetime | None, expires_at: datetime | None
) -> None:
    offer = Offer(code="x", valid_days=valid_days, ends_at=ends_at, account_id=1)
    (voucher,) = voucher_rows(offer=offer, consumer=Consumer(), count=1, at=NOON, zone=UTC)
    assert voucher.expires_at == expires_at


def test_a_voucher_past_its_end_is_shown_as_expired(shop: Shop) -> None:
    voucher = issue()
    shown = []
    end = datetime(2026, 4, 10, tzinfo=UTC)
    for at in (NOON, end - timedelta(seconds=1), end):
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
        "last_day": None,
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


# --- the last day ---------------------------------------------------------------------------------------------------

NINETEEN_YEARS_FROM = datetime(2011, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/London", "America/New_York", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata")


def is_good(voucher: Voucher, at: datetime, zone: ZoneInfo, valid_days: int) -> bool:
    """Read the page word for word: from the moment of issue through the end of the local day so many days later."""
    last_day = voucher.issued_at.astimezone(zone).date() + timedelta(days=valid_days)
    return voucher.issued_at.replace(microsecond=0) <= at and at.astimezone(zone).date() <= last_day


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    at=st.integers(0, 19 * 365 * 24 * 3_600_000).map(lambda ms: NINETEEN_YEARS_FROM + timedelta(milliseconds=ms)),
    valid_days=st.integers(1, 400),
    hours=st.integers(-40, 40),
)
def test_a_voucher_is_good_through_the_end_of_its_last_day_in_any_zone(
    zone: ZoneInfo, at: datetime, valid_days: int, hours: int
) -> None:
    offer = Offer(code="x", valid_days=valid_days, account_id=1)
    (voucher,) = voucher_rows(offer=offer, consumer=Consumer(), count=1, at=at, zone=zone)
    assert voucher.expires_at is not None
    assert voucher.last_day is not None
    near_the_end = at.replace(microsecond=0) + timedelta(days=valid_days, hours=hours)
    for moment in (at, at - timedelta(seconds=1), near_the_end, voucher.expires_at - timedelta(microseconds=1)):
        pays = voucher.issued_at.replace(microsecond=0) <= moment < voucher.expires_at
        assert pays == is_good(voucher, moment, zone, valid_days)
    assert voucher.last_day <= at.astimezone(zone).date() + timedelta(days=valid_days)


def test_a_voucher_is_good_through_the_last_day_of_its_account_wherever_it_was_issued(shop: Shop) -> None:
    shop.manager.patch("account", {"time_zone": "America/New_York"})
    shop.manager.put("offers/mug", {"name": "Mug", "kind": "tiered", "point_cost": 1, "value": "1", "valid_days": 7})
    shop.manager.post("consumers/c/points-adjustments", {"reference": "p", "points": 5, "description": "x"})
    with time_machine.travel(datetime(2026, 3, 5, 3, tzinfo=UTC), tick=False):  # the 4th in New York
        claim = shop.manager.post("consumers/c/claims", {"reference": "r", "offer": "mug"}).json()
    voucher = claim["voucher"]
    # Clocks go forward on the 8th: the day is over four hours after midnight in UTC, not five.
    assert (voucher["last_day"], voucher["expires_at"]) == ("2026-03-11", "2026-03-12T04:00:00Z")
    assert shop.manager.get(f"vouchers/{voucher['code']}").json()["last_day"] == "2026-03-11"
    assert shop.manager.get("consumers/c/loyalty").json()["vouchers"][0]["last_day"] == "2026-03-11"


def test_with_the_end_of_its_offer_the_last_day_is_that_of_the_last_good_moment(shop: Shop) -> None:
    shop.manager.patch("offers/pound", {"ends_at": "2026-03-20T00:00:00Z"})
    voucher = issue()
    shop.manager.patch("offers/pound", {"ends_at": "2026-03-15T00:00:00Z"})  # it keeps the end of its issue
    answer = shop.manager.get(f"vouchers/{voucher.code}").json()
    assert (answer["last_day"], answer["expires_at"]) == ("2026-03-19", "2026-03-20T00:00:00Z")


# --- codes ----------------------------------------------------------------------------------------------------------


def test_a_code_is_found_whatever_its_case_and_the_blanks_around_it(shop: Shop) -> None:
    code = issue().code
    for spelling in (code, code.lower(), f"  {code.capitalize()} "):
        answer = shop.manager.get(f"vouchers/{quote(spelling)}")
        assert (answer.status_code, answer.json()["code"]) == (200, code)
    for search in (code.lower(), code[:5].lower()):
        rows = shop.manager.get(f"vouchers?search={search}").json()["results"]
        assert [row["code"] for row in rows] == [code]


def test_the_database_refuses_a_code_in_another_spelling(shop: Shop) -> None:
    for spelling in ("abc", " ABC", "ABC "):
        with pytest.raises(IntegrityError, match="voucher_code_in_capitals"), transaction.atomic():
            issue(code=spelling)


# --- vouchers of before ---------------------------------------------------------------------------------------------


def test_vouchers_that_ended_at_the_minute_of_their_issue_are_good_through_that_day(shop: Shop) -> None:
    fill = import_module("loyalty.migrations.0016_fill_last_days").fill_last_days
    shop.manager.patch("account", {"time_zone": "Europe/London"})
    shop.manager.patch("offers/tea", {"ends_at": "2026-04-09T18:00:00Z"})
    ends = {
        "by its days": issue(expires_at=NOON + timedelta(days=30), last_day=None),
        "swept": issue(expires_at=NOON + timedelta(days=30), last_day=None, status=VoucherStatus.EXPIRED),
        "with its offer": issue("tea", expires_at=NOON + timedelta(days=30), last_day=None),
        "at another moment": issue(expires_at=NOON + timedelta(days=30, hours=1), last_day=None),
        "never": issue(expires_at=None, last_day=None),
        "long ago": issue(at=NOON - timedelta(days=90), expires_at=NOON - timedelta(days=80), status="expired"),
    }
    with time_machine.travel(NOON + timedelta(days=30, hours=1), tick=False):
        fill(apps, None)
    seen = {}
    for name, voucher in ends.items():
        voucher.refresh_from_db()
        end = voucher.expires_at.isoformat()[:16] if voucher.expires_at else None
        seen[name] = (end, str(voucher.last_day), voucher.status)
    assert seen == {
        "by its days": ("2026-04-09T23:00", "2026-04-09", "issued"),
        "swept": ("2026-04-09T23:00", "2026-04-09", "issued"),
        "with its offer": ("2026-04-09T18:00", "2026-04-09", "issued"),
        "at another moment": ("2026-04-09T13:00", "2026-04-09", "issued"),
        "never": (None, "None", "issued"),
        "long ago": ("2025-12-21T00:00", "2025-12-20", "expired"),
    }
