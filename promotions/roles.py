"""The permissions of each role for the catalogue and promotions; see ``consumers.roles``."""

from consumers.choices import StaffRole
from consumers.roles import Grants, codenames

_CHOICE = {"change_personalized_list"}
_VIEWER = codenames("view", "product promotion promotionversion statusevent discount personalizedpromotion")
_CUSTOMER_SERVICE = _VIEWER | _CHOICE
_MARKETER = _VIEWER | codenames("add change delete", "product discount personalizedpromotion") | _CHOICE

GRANTS: Grants = {
    StaffRole.ADMINISTRATOR: _MARKETER,
    StaffRole.MARKETER: _MARKETER,
    StaffRole.CUSTOMER_SERVICE: _CUSTOMER_SERVICE,
    StaffRole.VIEWER: _VIEWER,
}
