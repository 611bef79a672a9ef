"""The OpenAPI document passes a linter, and its TypeScript client does a till's and a manager's work: make clients.

It needs Node and npm, so that the usual run of the tests leaves it out.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from consumers.choices import KeyRole
from tests.contract import document
from tests.loyalty.till.shop import make_shop

FOLDER = Path(__file__).parent / "typescript"


def run(*command: str) -> str:
    """Run a program that npm installed; return what it printed."""
    result = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module", autouse=True)
def written_document() -> None:
    (FOLDER / "openapi.json").write_text(json.dumps(document()))


def test_the_document_passes_the_linter() -> None:
    run("npx", "--no-install", "redocly", "lint", "openapi.json")


def test_a_typescript_client_does_the_work_of_a_till_and_a_manager(live_server: Any, transactional_db: None) -> None:
    shop = make_shop()
    shop.member("c-1")
    shop.product("TEA")
    run(
        "npx",
        "--no-install",
        "openapi-typescript",
        "openapi.json",
        "--default-non-nullable",
        "false",
        "--output",
        "schema.d.ts",
    )
    run("npx", "--no-install", "tsc", "--project", ".")
    keys = shop.keys[KeyRole.TILL], shop.keys[KeyRole.MANAGER]
    assert "every call was answered" in run("node", "build/calls.js", live_server.url, *keys)


def test_the_lock_names_no_address() -> None:
    lock = (FOLDER / "package-lock.json").read_text()
    assert "://" not in lock
    assert lock.count('"integrity"') > 10
