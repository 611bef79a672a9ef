"""What staff of each role may do in the loyalty programme; see ``consumers.roles``.

Nobody changes or deletes a transaction, an entry of the ledger or a voucher. To add an entry is to adjust a balance, to
add a voucher is to claim an offer, to change a redemption message is to send it again or to cancel it.
"""

from consumers.choices import StaffRole
from consumers.roles import Grants, codenames

_VIEWER = codenames(
    "view",
    "loyaltypromotion offer voucher transaction appliedpromotion ledgerentry promotionusage redemptionmessage"
    " triedbasket",
)
_LIMITS = codenames("view", "adjustmentlimits")
_KEEPS_BASKETS = codenames("add delete", "triedbasket")
_CUSTOMER_SERVICE = (
    _VIEWER
    | _KEEPS_BASKETS
    | _LIMITS
    | codenames("add", "ledgerentry voucher")
    | codenames("change", "redemptionmessage")
)
_MARKETER = _VIEWER | _KEEPS_BASKETS | codenames("add change delete", "loyaltypromotion offer")

GRANTS: Grants = {
    StaffRole.ADMINISTRATOR: _CUSTOMER_SERVICE | _MARKETER | codenames("change", "adjustmentlimits"),
    StaffRole.MARKETER: _MARKETER,
    StaffRole.CUSTOMER_SERVICE: _CUSTOMER_SERVICE,
    StaffRole.VIEWER: _VIEWER,
}
