"""docs/permissions.md says what the roles' tables say."""

from django.conf import settings

from consumers.choices import StaffRole
from consumers.roles import role_grants

ACTIONS = ("view", "add", "change", "delete")


def test_the_page_shows_every_permission_of_every_role() -> None:
    lines = (settings.BASE_DIR / "docs" / "permissions.md").read_text().splitlines()
    permissions_shown = {
        cells[0].strip("`"): [set(cell.split()) - {"–"} for cell in cells[1:]]
        for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `"))
    }
    granted = {
        f"{app}.{model}": [{action for action in ACTIONS if f"{action}_{model}" in grants[role]} for role in StaffRole]
        for app, grants in role_grants().items()
        for model in {name.partition("_")[2] for names in grants.values() for name in names}
    }
    assert permissions_shown == granted
