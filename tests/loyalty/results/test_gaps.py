"""Sales whose ids come late: their transaction is open while later ones are committed and counted."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connections, transaction
from django.test import Client

from consumers.services.schedule import database_now
from loyalty.models import PromotionResult, ResultsGap, Transaction
from loyalty.selectors.results_verification import results_differences
from loyalty.services.results.count import results_count
from tests.loyalty.till.shop import Shop, make_line, make_shop

pytestmark = pytest.mark.django_db(transaction=True)


class GivenUp(Exception):
    """A till's transaction does not commit."""


class HeldSale:
    """A sale whose transaction stays open in another thread until it is let go."""

    def __init__(self, shop: Shop, reference: str, *, commits: bool) -> None:
        self._let_go, self._is_sold = Event(), Event()
        own = Shop(account=shop.account, keys=shop.keys, client=Client())
        self._pool = ThreadPoolExecutor(1)
        self._done: Future[None] = self._pool.submit(self._sell, own, reference, commits)
        assert self._is_sold.wait(60)

    def _sell(self, shop: Shop, reference: str, commits: bool) -> None:
        try:
            with transaction.atomic():
                shop.sell(reference, consumer="", sold=[make_line("TEA", "1", "10.00")])
                self._is_sold.set()
                self._let_go.wait(60)
                if not commits:
                    raise GivenUp
        except GivenUp:
            pass
        finally:
            connections.close_all()

    def end(self) -> None:
        """Let the transaction end."""
        self._let_go.set()
        self._done.result(60)
        self._pool.shutdown()


def baskets() -> int:
    results_count(clock=database_now)
    return sum(PromotionResult.objects.values_list("baskets", flat=True))


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.discount("d", value="10")
    return shop


def test_a_sale_that_commits_after_later_ones_were_counted_is_counted_once(shop: Shop) -> None:
    held = HeldSale(shop, "held", commits=True)
    shop.sell("later", consumer="", sold=[make_line("TEA", "2", "10.00")])
    assert baskets() == 1
    assert ResultsGap.objects.count() == 1
    assert baskets() == 1
    held.end()
    assert baskets() == 2
    assert baskets() == 2
    assert not ResultsGap.objects.exists()
    assert [str(difference) for difference in results_differences()] == []


def test_an_id_that_nobody_commits_is_looked_for_until_its_transaction_has_ended(shop: Shop) -> None:
    held = HeldSale(shop, "held", commits=False)
    shop.sell("later", consumer="", sold=[make_line("TEA", "2", "10.00")])
    assert baskets() == 1
    assert ResultsGap.objects.count() == 1
    held.end()
    assert baskets() == 1
    assert not ResultsGap.objects.exists()
    assert Transaction.objects.count() == 1
