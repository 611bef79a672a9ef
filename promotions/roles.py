"""What staff of each role may do with the catalogue and with promotions; see ``consumers.roles``."""

from consumers.choices import StaffRole
from consumers.roles import Grants, codenames

_VIEWER = codenames("view", "product promotion promotionversion statusevent")
_MARKETER = _VIEWER | codenames("add change delete", "product")

GRANTS: Grants = {
    StaffRole.ADMINISTRATOR: _MARKETER,
    StaffRole.MARKETER: _MARKETER,
    StaffRole.CUSTOMER_SERVICE: _VIEWER,
    StaffRole.VIEWER: _VIEWER,
}
