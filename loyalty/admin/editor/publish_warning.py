"""Warn before a promotion is published that would make baskets slow."""

from consumers.models import Account
from loyalty.services.draft_profiling import draft_cost
from promotions.admin.editor.publish_warning import comparison, milliseconds
from promotions.models import Promotion


def costly_draft_warning(account: Account, promotion: Promotion) -> str:
    """Return a warning for a draft that takes far longer than the account's other promotions; empty for others."""
    measurement = draft_cost(account=account, promotion=promotion)
    if measurement.cost is None or not measurement.is_costly:
        return ""
    cost = measurement.cost
    return (
        f"It would take {milliseconds(cost.nanoseconds)} for each basket that looks at it, {comparison(cost)}, as "
        f"measured on {cost.baskets} of the last {measurement.sales} sales. Fewer or narrower product sets and shorter "
        "rules make it quicker."
    )
