"""What staff of each role may do with the conflict settings; see ``consumers.roles``."""

from consumers.choices import StaffRole
from consumers.roles import Grants, codenames

_VIEWER = codenames("view", "conflictsettings")
_MARKETER = _VIEWER | codenames("add change", "conflictsettings")

GRANTS: Grants = {
    StaffRole.ADMINISTRATOR: _MARKETER,
    StaffRole.MARKETER: _MARKETER,
    StaffRole.CUSTOMER_SERVICE: _VIEWER,
    StaffRole.VIEWER: _VIEWER,
}
