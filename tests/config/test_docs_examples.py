"""The examples of the documentation work: each call is sent as written, and returns the answer printed below it."""

import json
import re
import shlex
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from consumers.choices import KeyRole
from tests.loyalty.till.shop import make_set, make_shop

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLE = re.compile(r"```sh\n(?P<call>curl.*?)```\s+```json (?P<status>\d+)\n(?P<answer>.*?)```", re.DOTALL)
ANYTHING = "…"


def curl_options() -> ArgumentParser:
    """Return a parser of the curl options that the examples use."""
    options = ArgumentParser(exit_on_error=False)
    options.add_argument("program", choices=["curl"])
    options.add_argument("address")
    options.add_argument("-s", action="store_true")
    options.add_argument("-H", action="append", dest="headers", default=[])
    options.add_argument("-d", dest="body")
    return options


def run_example(command: str, variables: dict[str, str]) -> tuple[int, Any]:
    """Make a call as curl would; return the status and the answer."""
    words = shlex.split(Template(command.replace("\\\n", " ")).substitute(variables))
    arguments = curl_options().parse_args(words)
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        arguments.address,
        data=None if arguments.body is None else arguments.body.encode(),
        headers=dict(header.split(": ", 1) for header in arguments.headers),
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def differences(recorded_writes: Any, answered: Any, path: str = "") -> Iterator[str]:
    """Yield each place where the answer differs from what is written; fields that are not written may be anything."""
    if isinstance(recorded_writes, dict) and isinstance(answered, dict):
        for name, value in recorded_writes.items():
            yield from differences(value, answered.get(name, "nothing"), f"{path}.{name}")
    elif isinstance(recorded_writes, list) and isinstance(answered, list) and len(recorded_writes) == len(answered):
        for index, (expected, actual) in enumerate(zip(recorded_writes, answered, strict=True)):
            yield from differences(expected, actual, f"{path}.{index}")
    elif recorded_writes not in (answered, ANYTHING):
        yield f"{path}: expected {recorded_writes!r}, got {answered!r}"


def test_the_examples_for_tills_work(live_server: Any, transactional_db: None) -> None:
    shop = make_shop()
    shop.member("c-1")
    shop.product("TEA")
    shop.discount("tea-3-for-2", make_set(3, 1, products=["TEA"]), kind="free_product")
    shop.promotion("thanks")
    shop.offer("coffee")
    shop.promotion("coffee", kind="redeem_offer", outcome={"offer": "coffee"})
    variables = {"PROMOTIONS": live_server.url, "TILL_KEY": shop.keys[KeyRole.TILL]}

    text = (DOCS / "tills.md").read_text()
    examples = list(EXAMPLE.finditer(text))
    assert len(examples) == text.count("```sh") == text.count("```json") > 10
    for example in examples:
        status, answer = run_example(example["call"], variables)
        assert status == int(example["status"]), (example["call"], answer)
        assert not list(differences(json.loads(example["answer"]), answer)), example["call"]
