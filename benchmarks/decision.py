"""What a decision costs: from the bytes that a till sends to the bytes that it gets, without the database."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from benchmarks import workload
from benchmarks.measure import Figure, Times, alternately, megabytes, memory_of, microseconds, ratio, timed
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.services.answer import answer_of, explanation_of
from loyalty.services.book import SitePlace
from loyalty.services.quote import EXPLAINED, basket_of
from promotions.engine.evaluate import evaluate
from promotions.engine.rulebook import Promotion, Rulebook
from promotions.engine.shopper import Usage

COUNTS = (10, 100, 1_000, 10_000)
LINES = (1, 10, 30, 100, 500)
PLACE = SitePlace(id=1, number="001", name="Leeds", zone=ZoneInfo("Europe/London"), facts=workload.SITE)
MOST_SECONDS = 150e-6


def decider(
    rulebook: Rulebook, *, lines: int = 10, units: int = 2, explained: tuple[Promotion, ...] = ()
) -> Callable[[], bytes]:
    """A call that decides one basket, bytes to bytes."""
    raw = json.dumps(workload.body(lines, units=units)).encode()
    shopper, products, usage = workload.shopper(), workload.products(lines), Usage()
    now: datetime = workload.AT

    def decide() -> bytes:
        sale = sale_decoded(raw, now=now, commit=False)
        basket = basket_of(sale, place=PLACE, products=products, card_type="")
        decision = evaluate(
            basket,
            shopper=shopper,
            usage=usage,
            rulebook=rulebook,
            policy=workload.POLICY,
            explain=explained,
            most=EXPLAINED if explained else 0,
        )
        answer = answer_of(decision, reference="", status="quoted", balance=100 + decision.points)
        if explained:
            answer["not_applied"] = explanation_of(decision)
        return msgspec.json.encode(answer)

    return decide


def counted(count: int, *, matching: int, keyless: int = 10) -> Rulebook:
    """A rulebook of so many promotions."""
    return workload.rulebook(workload.promotions(count, matching=matching, keyless=keyless))


def growth(name: str, matching: Callable[[int], int], *, most: float, seconds: float) -> Iterator[Figure]:
    """How the cost grows with the number of promotions."""
    calls = {str(count): decider(counted(count, matching=matching(count))) for count in COUNTS}
    times = alternately(calls, seconds=seconds)
    for count in COUNTS:
        goal = {"target": f"≤ {microseconds(MOST_SECONDS)} median", "met": times["1000"].median <= MOST_SECONDS}
        is_aim = count == 1_000 and matching(count) == 10 and matching(10) == 1
        yield Figure(
            what=f"decision, {count:,} promotions, {matching(count):,} matching ({name})",
            figure=str(times[str(count)]),
            **(goal if is_aim else {}),
        )
    grown, met = ratio(times["10000"].median, times["10"].median, most=most)
    yield Figure(what=f"growth from 10 to 10,000 promotions, {name}", figure=grown, target=f"≤ {most:g} ×", met=met)


def measured(*, quick: bool) -> Iterator[Figure]:
    """All figures of decisions."""
    seconds = 0.3 if quick else 2.0
    yield from growth("1% matching", lambda count: max(1, count // 100), most=12, seconds=seconds)
    yield from growth("10 matching", lambda _count: 10, most=1.5, seconds=seconds)

    calls = {
        name: decider(counted(1_000, matching=10, keyless=share))
        for name, share in (("all with a product key", 0), ("10% without", 10))
    }
    times = alternately(calls, seconds=seconds)
    for name in calls:
        yield Figure(what=f"decision, 1,000 promotions, {name}", figure=str(times[name]))
    share, met = ratio(times["10% without"].median, times["all with a product key"].median, most=5)
    yield Figure(what="10% of promotions that no product key indexes", figure=share, target="≤ 5 ×", met=met)

    for lines in LINES:
        book = workload.rulebook(workload.promotions(1_000, matching=10, lines=min(lines, 10), keyless=10))
        yield Figure(what=f"basket of {lines} lines", figure=str(timed(decider(book, lines=lines), seconds=seconds)))
    book = counted(1_000, matching=10)
    ten, million = _both(book, seconds)
    yield Figure(what="ten lines of a million units each", figure=f"{million}, {million.median / ten.median:.2f} × two")
    every = tuple(book)
    explained = timed(decider(book, explained=every), seconds=seconds)
    yield Figure(what="the same, every other promotion explained", figure=str(explained))
    _, kept = memory_of(decider(book))
    yield Figure(what="memory that an answer keeps", figure=megabytes(kept))


def _both(book: Rulebook, seconds: float) -> tuple[Times, Times]:
    times = alternately({"two": decider(book), "million": decider(book, units=1_000_000)}, seconds=seconds)
    return times["two"], times["million"]
