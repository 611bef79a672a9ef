"""Every error code is listed once, with its status and its meaning."""

import re
from pathlib import Path

import pytest

from consumers.error_codes import ErrorCode, error_codes_register, error_codes_registered, status_of_code

ROW = re.compile(r"^\| `(?P<code>\w+)` \| (?P<status>\d{3}) \| (?P<meaning>.+) \|$", re.MULTILINE)
TILL_ROW = re.compile(r"^\| [\d, ]+ \| (.+?) \|", re.MULTILINE)
OF_MANAGERS = {
    *("above_required_quantity", "adjustment_limit", "already_exists", "already_published", "blank_at_end"),
    *(
        "blank_in_address",
        "catalogue_disabled",
        "contradicts_date_of_birth",
        "date",
        "datetime",
        "from_after_to",
        "immutable",
    ),
    *("in_use", "insufficient_points", "invalid_number", "invalid_url", "invalid_value", "job_failed", "job_over"),
    *("last_administrator", "ledger_is_append_only", "make_aware", "message_settled", "no_discounted_set"),
    *(
        "in_the_past",
        "not_a_member",
        "not_after_start",
        "not_discounted",
        "not_in_set",
        "not_of_type",
        "not_published",
        "no_control_group",
        "not_measured_yet",
        "no_universal_holdout",
        "not_tiered",
    ),
    *("above_100", "archived"),
    *("not_together", "not_used", "offer_unavailable", "offset", "one_source", "other_currency", "overflow", "range"),
    *("replay_too_late", "slash", "stopped", "too_deep", "too_many_conditions", "unclosed_insert", "unique"),
    *("unknown_attribute", "unknown_insert", "unknown_operator", "unreadable_sales_file", "zero"),
}
"""Codes of calls that no till makes."""
DOCS = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def test_the_documentation_lists_the_registered_codes() -> None:
    documented = [(match["code"], int(match["status"]), match["meaning"]) for match in ROW.finditer(DOCS)]
    registered = [(code.code, int(code.status), code.meaning) for code in error_codes_registered().values()]
    assert documented == registered


def test_every_code_is_a_tills_or_a_managers() -> None:
    """The page for tills says of each code that their calls may be refused with what to do."""
    page = (Path(__file__).parents[2] / "docs" / "tills.md").read_text()
    table = page.partition("## Codes")[2]
    listed = [code for row in TILL_ROW.findall(table) for code in re.findall(r"`(\w+)`", row)]
    assert len(listed) == len(set(listed))
    assert (set(listed) & OF_MANAGERS, set(listed) ^ set(error_codes_registered()) ^ OF_MANAGERS) == (set(), set())


def test_a_code_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="in_use has two meanings"):
        error_codes_register([ErrorCode(code="in_use", meaning="Something else.")])


def test_a_code_that_nobody_registered_is_a_bad_request() -> None:
    assert (status_of_code("no_such_code"), status_of_code("in_use")) == (400, 409)
