"""Which counters a sale holds while it is decided: those of which little is left, and no others."""

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
def being_decided(shop: Shop, *, lock_free_margin: int | None = LOCK_FREE_MARGIN) -> Iterator[set[str]]:
    """A sale is decided and not written yet: the codes of what applies to it."""
    sale = sale_decoded(msgspec.json.encode(make_basket(reference="T1", consumer="c")), now=timezone.now(), commit=True)
    shop.account.refresh_from_db()
    with transaction.atomic():
        context = sale_context_read(account=shop.account, skus=sale.skus, consumer_id="c", reference="T1", lock=True)
        prepared = prepare(sale, snapshot_current(account=shop.account), context)
        quote = decide(prepared, contended=contended_counters(prepared, lock_free_margin=lock_free_margin))
        yield {applied.promotion.code for applied in quote.decision.applied}


def free() -> set[str]:
    """The codes of promotions and offers whose rows another till's sale could have at once."""

    def asked() -> set[str]:
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
        return pool.submit(asked).result()


def test_nobody_waits_for_a_sale_that_is_decided_while_much_is_left(shop: Shop) -> None:
    shop.offer("coffee", stock=LOCK_FREE_MARGIN + 1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    shop.promotion("limited", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN + 1)
    with being_decided(shop) as applied:
        assert applied == {"thanks", "limited"}
        assert free() == {"thanks", "limited", "coffee"}


def test_what_little_is_left_of_is_held_with_all_else_that_is_limited(shop: Shop) -> None:
    shop.offer("coffee", stock=LOCK_FREE_MARGIN + 1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    shop.promotion("scarce", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN)
    shop.promotion("limited", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN + 1)
    shop.promotion("unlimited", always_apply=True)
    with being_decided(shop) as applied:
        assert applied == {"thanks", "scarce", "limited", "unlimited"}
        assert free() == {"thanks", "unlimited"}


def test_a_scarce_stock_is_held(shop: Shop) -> None:
    shop.offer("coffee", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    with being_decided(shop):
        assert free() == {"thanks"}


def test_a_sale_that_is_decided_again_holds_whatever_is_left(shop: Shop) -> None:
    shop.promotion("limited", always_apply=True, total_redemption_limit=LOCK_FREE_MARGIN + 1)
    with being_decided(shop, lock_free_margin=None):
        assert free() == set()


def test_what_cannot_apply_is_not_held_for_the_reason_that_is_kept(shop: Shop) -> None:
    york = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    shop.promotion("elsewhere", total_redemption_limit=1, site_rules=york)
    with being_decided(shop) as applied:
        assert applied == set()
        assert free() == {"elsewhere"}
