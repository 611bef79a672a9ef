"""Other engines next to this one, in the same run, on the same work; each must give the same matches.

The work: every promotion takes a tenth off three products, or off a category, and each that matches takes its own line
of the basket. The others only say what matches (django-oscar takes prices off, too); this one gives the till's whole
answer: prices, points, shares of lines.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peer_engines import ENGINES
from benchmarks.report import Report, Times, duration, timed
from benchmarks.till import Till, without_database
from benchmarks.workload import FIRST_ABSENT_PRODUCT, PromotionSpec, Workload, body, category, promotion_source, sku

GROUP = "Side by side: 10 lines, 1% of the promotions matching, bytes to bytes"
PACKAGES = ("django-oscar==4.2.1", "zen-engine==2.1.3", "json-logic-qubit==0.9.1", "business-rules==1.1.1")
EXTRAS = ("setuptools<80",)
OSCAR = "django-oscar"
HERE = "this project"
OSCAR_TARGET = 50_000
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "benchmarks"

Entry = dict[str, Any]


def entries(count: int, *, matching: int) -> list[Entry]:
    """Return the promotions: a code, and either SKUs or a category; the first ``matching`` match a line each."""
    return [_entry(n, n if n < matching else FIRST_ABSENT_PRODUCT + n) for n in range(count)]


def _entry(n: int, product: int) -> Entry:
    by_category = n % 5 == 4
    return {
        "code": f"promotion-{n + 1}",
        "skus": [] if by_category else [sku(product), sku(product + 20_000), sku(product + 40_000)],
        "category": category(product) if by_category else "",
    }


def workload_of(promotions: list[Entry], *, matching: int) -> Workload:
    """Return the same promotions as this project's."""
    sources = tuple(
        promotion_source(n + 1, PromotionSpec.percentage_off(_set(entry))) for n, entry in enumerate(promotions)
    )
    return Workload(sources=sources, matching=frozenset(entry["code"] for entry in promotions[:matching]))


def _set(entry: Entry) -> Entry:
    if entry["skus"]:
        return {"products": entry["skus"]}
    rule = {"attribute": "category", "operator": "is", "value": entry["category"]}
    return {"rules": {"match": "all", "rules": [rule]}}


def install_peers() -> dict[str, str]:
    """Make the other engines' environment; return why a package could not be installed, by its name."""
    environment = FOLDER / "peers"
    program = environment / "bin" / "python"
    if not program.exists():
        subprocess.run((sys.executable, "-m", "venv", str(environment)), check=True)
    failures = {}
    for package in PACKAGES:
        done = subprocess.run(
            (str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *EXTRAS, package),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            failures[package.partition("==")[0]] = last[:100]
    return failures


def measure_engine(engine: str, work: Path, *, budget: float) -> tuple[Times, list[str], str]:
    """Return an engine's times, matches and version on the work in a file.

    Raises:
        ChildProcessError: it failed; with the last line of its errors.
    """
    program = FOLDER / "peers" / "bin" / "python"
    script = Path(__file__).with_name("peer_engines.py")
    done = subprocess.run(
        (str(program), str(script), engine, str(work), str(budget)),
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER,
    )
    if done.returncode:
        raise ChildProcessError((done.stderr.strip() or "no words").splitlines()[-1][:100])
    result = json.loads(done.stdout.splitlines()[-1])
    return Times(seconds=tuple(result["seconds"])), result["matches"], result["version"]


def run(report: Report, *, quick: bool) -> None:
    """Measure all of them at two numbers of promotions."""
    failures = install_peers()
    for count in (100,) if quick else (100, 1_000):
        _side_by_side(report, count, failures, budget=0.5 if quick else 2.0)


def _side_by_side(report: Report, count: int, failures: dict[str, str], *, budget: float) -> None:
    matching = max(count // 100, 1)
    promotions = entries(count, matching=matching)
    basket = body(10)
    work = FOLDER / f"work-{count}.json"
    work.write_text(json.dumps({"promotions": promotions, "basket": basket.decode()}))
    generated = workload_of(promotions, matching=matching)
    expected = sorted(generated.matching)
    with without_database():
        till = Till(generated.rulebook())
        if sorted(till.matches(basket)) != expected:
            raise AssertionError("This project does not match the promotions that the work has.")
        own = timed(lambda: till.answer(basket), budget=budget)
    report.add(GROUP, f"{count:,} promotions: {HERE}, whole answer", duration(own.median), ratio="1 ×")
    for name, package in _engines():
        label = f"{count:,} promotions: {name}"
        if package in failures:
            report.skip(GROUP, label, f"{package} could not be installed: {failures[package]}")
            continue
        try:
            times, matches, version = measure_engine(name, work, budget=budget)
        except ChildProcessError as error:
            report.skip(GROUP, label, f"it failed: {error}")
            continue
        if matches != expected:
            report.skip(GROUP, label, f"it matches {len(matches)} promotions and not {len(expected)}")
            continue
        ratio = times.median / own.median
        label = f"{label} {version}, {'prices too' if name == OSCAR else 'matching only'}, same matches"
        if name == OSCAR and count == 1_000:
            report.at_least(
                GROUP,
                label,
                value=ratio,
                limit=OSCAR_TARGET,
                figure=duration(times.median),
                ratio=f"{ratio:,.0f} ×",
            )
        else:
            report.add(GROUP, label, duration(times.median), ratio=f"{ratio:,.2f} ×")


def _engines() -> Iterator[tuple[str, str]]:
    return ((name, package) for name, (_, package) in ENGINES.items())
