"""Tills that call at the same time, each in a thread and a connection of its own: helpers of the tests of races."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep
from typing import TypeVar

from django.db import connection, connections
from django.test import Client

from tests.loyalty.till.shop import Answer, Json, Shop

T = TypeVar("T")

ON_POSTGRESQL = connection.vendor == "postgresql"
TILLS = 16 if ON_POSTGRESQL else 8
CROWD = 64 if ON_POSTGRESQL else 8
"""Tills that ask for the same thing at once; SQLite has one writer at a time."""


def at_once(shop: Shop, tills: int, act: Callable[[Shop, int], T]) -> list[T]:
    """Return what each till gets when all act at the same moment."""
    start = Barrier(tills)
    shop.client.handler.load_middleware()

    def till(number: int) -> T:
        own = Shop(account=shop.account, keys=shop.keys, client=Client())
        own.client.handler = shop.client.handler  # one for all threads, as a server has it
        start.wait()
        try:
            return act(own, number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(tills) as pool:
        return list(pool.map(till, range(tills)))


def sold_at_once(shop: Shop, tills: int, sale: Callable[[int], Json]) -> list[Answer]:
    """Return the answers to sales that all tills commit at the same moment; a till that gets a 503 tries again."""

    def commit(own: Shop, number: int) -> Answer:
        while (answer := own.call("post", "transactions", sale(number))).status_code == 503:
            sleep(int(answer.headers["Retry-After"]))
        return answer

    return at_once(shop, tills, commit)


def status_codes(answers: list[Answer]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def redemptions(answers: list[Answer]) -> list[int]:
    """Return the redemptions of all promotions by each sale."""
    return [sum(applied["redemptions"] for applied in answer.json()["applied"]) for answer in answers]


def pence_given(answers: list[Answer]) -> list[int]:
    """Return what each sale was given, in pence, the least first."""
    return sorted(round(float(answer.json()["discount_total"]) * 100) for answer in answers)
