"""docs/permissions.md says what the table of functionalities says."""

import re

from django.conf import settings

from consumers.choices import StaffRole
from consumers.functionalities import Action, capabilities, functionalities, permissions_of


def page_rows(pattern: str) -> list[list[str]]:
    """Return the cells of the page's tables whose first cell matches."""
    lines = (settings.BASE_DIR / "docs" / "permissions.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return [row for row in rows if re.fullmatch(pattern, row[0])]


def test_the_page_shows_what_each_template_may_do() -> None:
    shown = {row[0].strip("`"): row[1:] for row in page_rows(r"`\w+`")}
    table = {
        each.code: [each.label, *(each.templates.get(role) or "–" for role in StaffRole)]
        for each in functionalities().values()
    }
    assert shown == table


def test_the_page_shows_what_each_action_is() -> None:
    shown = {row[0].strip("`"): row[1:] for row in page_rows(r"`\w+\.\w+`")}
    table = {
        each.grant(action): [capability.label, ", ".join(f"`{need}`" for need in each.needs(action)) or "–"]
        for each in functionalities().values()
        for action, capability in each.actions.items()
    }
    assert shown == table


def test_templates_name_actions_that_exist() -> None:
    for each in functionalities().values():
        for actions in each.templates.values():
            assert {Action(action) for action in actions.split()} <= set(each.actions), each.code


def test_the_code_asks_for_no_permission_that_no_functionality_gives() -> None:
    granted = permissions_of(frozenset(capabilities()))
    asked: set[str] = set()
    for package in ("config", "consumers", "promotions", "conflicts", "loyalty", "templates"):
        for path in (settings.BASE_DIR / package).rglob("*.*"):
            if path.suffix in {".py", ".html"} and path.name != "functionalities.py":
                pattern = r"\b(?:consumers|promotions|conflicts|loyalty)\.(?:view|add|change|delete|publish)_[a-z_]+"
                asked |= set(re.findall(pattern, path.read_text()))
    assert asked - granted == set()
