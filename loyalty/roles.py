"""The permissions of each role in the loyalty programme; see ``consumers.roles``.

Nobody may change or delete a transaction, an entry of the ledger or a voucher. Adding an entry means adjusting a
balance, adding a voucher means claiming an offer, and changing a redemption message means sending it again or
cancelling it.
"""

from consumers.choices import StaffRole
from consumers.roles import Grants, codenames

_VIEWER = codenames(
    "view",
    "loyaltypromotion offer voucher transaction appliedpromotion ledgerentry promotionusage redemptionmessage"
    " triedbasket",
)
_LIMITS = codenames("view", "adjustmentlimits")
_SAVES_BASKETS = codenames("add delete", "triedbasket")
_CUSTOMER_SERVICE = (
    _VIEWER
    | _SAVES_BASKETS
    | _LIMITS
    | codenames("add", "ledgerentry voucher")
    | codenames("change", "redemptionmessage")
)
_MARKETER = _VIEWER | _SAVES_BASKETS | codenames("add change delete", "loyaltypromotion offer")

GRANTS: Grants = {
    StaffRole.ADMINISTRATOR: _CUSTOMER_SERVICE | _MARKETER | codenames("change", "adjustmentlimits"),
    StaffRole.MARKETER: _MARKETER,
    StaffRole.CUSTOMER_SERVICE: _CUSTOMER_SERVICE,
    StaffRole.VIEWER: _VIEWER,
}
