"""Every error code is listed once, with its status and its meaning."""

import re
from pathlib import Path

import pytest

from consumers.error_codes import ErrorCode, error_codes_register, error_codes_registered, status_of_code

ROW = re.compile(r"^\| `(?P<code>\w+)` \| (?P<status>\d{3}) \| (?P<meaning>.+) \|$", re.MULTILINE)
DOCS = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def test_the_documentation_lists_the_registered_codes() -> None:
    documented = [(match["code"], int(match["status"]), match["meaning"]) for match in ROW.finditer(DOCS)]
    registered = [(code.code, int(code.status), code.meaning) for code in error_codes_registered().values()]
    assert documented == registered


def test_a_code_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="in_use has two meanings"):
        error_codes_register([ErrorCode(code="in_use", meaning="Something else.")])


def test_a_code_that_nobody_registered_is_a_bad_request() -> None:
    assert (status_of_code("no_such_code"), status_of_code("in_use")) == (400, 409)
