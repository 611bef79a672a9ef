"""The till's calls over HTTP and PostgreSQL, against two plain views in the same server and run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from statistics import median
from uuid import uuid4

from django.db import connections

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.decision import CONSTANT
from benchmarks.load import Load, keep_busy, request
from benchmarks.report import Report, Times, duration
from benchmarks.serving import THREADS, WORKERS, Server, free_port, granian, served
from benchmarks.shop import Shop, first_sales, shop_create
from benchmarks.workload import body, workload

CONNECTIONS = 8
GROUP = f"HTTP: granian with {WORKERS} workers of {THREADS} threads, PostgreSQL, {CONNECTIONS} connections, 10 lines"
SIZES = (10, 10_000)
Requests = Callable[[int], Iterator[bytes]]
"""Yields what the n-th connection sends."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call to measure."""

    name: str
    requests: Requests


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """The result of rounds of a call: requests in a second, their times, and CPU time for each."""

    per_second: float
    times: Times
    server_cpu: float
    client_cpu: float

    def __str__(self) -> str:
        times = f"p50 {duration(self.times.median)}, p99 {duration(self.times.p99)}"
        return f"{self.per_second:,.0f}/s, {times}, CPU {duration(self.server_cpu)}"


def evaluations(shop: Shop) -> Requests:
    """Return requests with the same basket, of one consumer for each connection."""

    def requests(n: int) -> Iterator[bytes]:
        basket = body(10, consumer=shop.consumers[n % len(shop.consumers)], at=shop.at)
        return cycle([request("/api/v1/baskets/evaluate", basket, key=shop.till_key)])

    return requests


def commits(shop: Shop) -> Requests:
    """Return requests with new sales; each connection has consumers of its own, as tills in a chain have."""
    run = uuid4().hex[:8]

    def requests(n: int) -> Iterator[bytes]:
        consumers = cycle(shop.consumers[n::CONNECTIONS])
        for number in count():
            basket = body(10, consumer=next(consumers), reference=f"{run}-{n}-{number}", at=shop.at)
            yield request("/api/v1/transactions", basket, key=shop.till_key)

    return requests


def plain_requests(path: str) -> Requests:
    """Return requests with a basket to a plain view."""
    return lambda n: cycle([request(path, body(10, consumer=f"c-{n}"))])


def rounds(
    server: Server, calls: list[Call], *, seconds: float, times: int, hang_up: bool = False
) -> dict[str, CallResult]:
    """Measure calls in turns, so that what disturbs the machine disturbs all; return the medians of the turns."""
    loads: dict[str, list[tuple[Load, float]]] = {call.name: [] for call in calls}
    sources = {call.name: [call.requests(n) for n in range(CONNECTIONS)] for call in calls}
    for call in calls:
        keep_busy(server.port, sources[call.name], seconds=min(seconds, 1.0), hang_up=hang_up)
    for _ in range(times):
        for call in calls:
            before = server.cpu()
            load = keep_busy(server.port, sources[call.name], seconds=seconds, hang_up=hang_up)
            loads[call.name].append((load, (server.cpu() - before) / len(load.times.seconds)))
    return {name: _result(rounds_of_call) for name, rounds_of_call in loads.items()}


def _result(loads: list[tuple[Load, float]]) -> CallResult:
    seconds = sorted(second for load, _ in loads for second in load.times.seconds)
    return CallResult(
        per_second=median(load.per_second for load, _ in loads),
        times=Times(seconds=tuple(seconds)),
        server_cpu=median(cpu for _, cpu in loads),
        client_cpu=sum(load.client_cpu for load, _ in loads) / len(seconds),
    )


def run(report: Report, *, quick: bool) -> None:
    """Measure evaluate and commit at few and many promotions, and the plain views."""
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    sizes = (10, 1_000) if quick else SIZES
    shops = {
        size: shop_create(f"web-{size}", workload(size, matching=CONSTANT), consumers=40 * CONNECTIONS)
        for size in sizes
    }
    unlimited = shop_create(
        "web-unlimited", workload(sizes[0], matching=CONSTANT, limited=False), consumers=40 * CONNECTIONS
    )
    first_sales([*shops.values(), unlimited])
    connections.close_all()
    nothing, one_of_each = "do-nothing view, nested serializers", "view with one SELECT and one INSERT"
    calls = [Call(name=nothing, requests=plain_requests("/plain/nothing"))]
    calls += [Call(name=f"evaluate, {size:,} promotions", requests=evaluations(shops[size])) for size in sizes]
    calls += [Call(name=one_of_each, requests=plain_requests("/plain/one-of-each"))]
    calls += [Call(name=f"commit, {size:,} promotions", requests=commits(shops[size])) for size in sizes]
    calls += [Call(name=f"commit, {sizes[0]:,} promotions, none with a total limit", requests=commits(unlimited))]
    port = free_port()
    with served(granian(port), port) as server:
        results = rounds(server, calls, seconds=1.0 if quick else 3.0, times=2 if quick else 5)
        memory = server.memory()
    for call in calls:
        report.add(GROUP, call.name, str(results[call.name]))
    for verb, view in (("evaluate", nothing), ("commit", one_of_each)):
        few, many = (results[f"{verb}, {size:,} promotions"] for size in sizes)
        for size, result in zip(sizes, (few, many), strict=True):
            report.at_least(
                GROUP,
                f"{verb}, {size:,} promotions, against the {view}",
                value=result.per_second / results[view].per_second,
                limit=1.0,
                figure=f"{result.per_second:,.0f}/s : {results[view].per_second:,.0f}/s",
            )
            cpu, plain_cpu = result.server_cpu, results[view].server_cpu
            name = f"{verb}, {size:,} promotions: CPU time against the {view}"
            report.add(GROUP, name, f"{duration(cpu)} : {duration(plain_cpu)}", ratio=f"{cpu / plain_cpu:.2f} ×")
        report.at_least(
            GROUP,
            f"{verb}: {sizes[1]:,} promotions against {sizes[0]:,}",
            value=many.per_second / few.per_second,
            limit=0.9,
            figure=f"{many.per_second:,.0f}/s : {few.per_second:,.0f}/s",
        )
    client = median(result.client_cpu for result in results.values())
    report.add(GROUP, "the client's own CPU time for a request", duration(client))
    report.add(GROUP, "memory of the server's processes, all rulebooks in each worker", f"{memory:.0f} MB")
