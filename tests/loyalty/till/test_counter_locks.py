"""Which counters a sale locks while it is decided: only those with little left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec
import pytest
from django.db import connections, transaction
from django.utils import timezone

from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.models import Offer
from loyalty.services.till.locks import LOCK_FREE_MARGIN
from loyalty.services.till.quote import contended_counters, decide, prepare
from loyalty.services.till.reads import sale_context_read
from loyalty.services.till.snapshot import snapshot_current
from promotions.models import Promotion
from tests.loyalty.till.shop import Shop, make_basket, make_shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member("c")
    return shop


@contextmanager
def sale_decided(shop: Shop, *, lock_free_margin: int | None = LOCK_FREE_MARGIN) -> Iterator[set[str]]:
    """Decide a sale without writing it; yield the codes of what applies."""
    sale = sale_decoded(msgspec.json.encode(make_basket(reference="T1", consumer="c")), now=timezone.now(), commit=True)
    shop.account.refresh_from_db()
    with transaction.atomic():
        context = sale_context_read(account=shop.account, skus=sale.skus, consumer_id="c", reference="T1", lock=True)
        prepared = prepare(sale, snapshot_current(account=shop.account), context)
        quote = decide(prepared, contended=contended_counters(prepared, lock_free_margin=lock_free_margin))
        yield {applied.promotion.code for applied in quote.decision.applied}


def unlocked_codes() -> set[str]:
    """Return the codes of the promotions and offers whose rows another till's sale could lock now."""

    def lock_what_is_free() -> set[str]:
        try:
            with transaction.atomic():
                promotions = Promotion.objects.select_for_update(skip_locked=True, no_key=True)
                offers = Offer.objects.select_for_update(skip_locked=True, no_key=True)
                return {
                    *promotions.values_list("code", flat=True),
                    *offers.values_list("code", flat=True),
                }
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lock_what_is_free).result()


def test_no_counter_is_locked_while_much_is_left(shop: Shop) -> None:
    shop.offer("coffee", stock=LOCK_FREE_MARGIN + 1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    shop.promotion("limited", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN + 1)
    with sale_decided(shop) as applied:
        assert applied == {"thanks", "limited"}
        assert unlocked_codes() == {"thanks", "limited", "coffee"}


def test_a_scarce_counter_is_locked_with_all_other_limited_ones(shop: Shop) -> None:
    shop.offer("coffee", stock=LOCK_FREE_MARGIN + 1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    shop.promotion("scarce", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN)
    shop.promotion("limited", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN + 1)
    shop.promotion("unlimited", always_apply=True)
    with sale_decided(shop) as applied:
        assert applied == {"thanks", "scarce", "limited", "unlimited"}
        assert unlocked_codes() == {"thanks", "unlimited"}


def test_a_scarce_stock_is_locked(shop: Shop) -> None:
    shop.offer("coffee", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    with sale_decided(shop):
        assert unlocked_codes() == {"thanks"}


def test_a_second_attempt_locks_counters_however_much_is_left(shop: Shop) -> None:
    shop.promotion("limited", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN + 1)
    with sale_decided(shop, lock_free_margin=None):
        assert unlocked_codes() == set()


def test_a_promotion_that_cannot_apply_is_not_locked_for_its_explanation(shop: Shop) -> None:
    york = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    shop.promotion("elsewhere", total_redemption_limit=1, site_rules=york)
    with sale_decided(shop) as applied:
        assert applied == set()
        assert unlocked_codes() == {"elsewhere"}
