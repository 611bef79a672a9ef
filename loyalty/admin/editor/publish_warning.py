"""What is said before a promotion goes live that would make every basket slower."""

from consumers.models import Account
from loyalty.services.draft_profiling import draft_cost
from promotions.admin.editor.cost import comparison, milliseconds
from promotions.models import Promotion


def dear_caution(account: Account, promotion: Promotion) -> str:
    """Words where a draft costs far more than is usual in the account; empty otherwise."""
    measured = draft_cost(account=account, promotion=promotion)
    if measured.cost is None or not measured.is_dear:
        return ""
    cost = measured.cost
    return (
        f"It would take {milliseconds(cost.nanoseconds)} for each basket that looks at it, {comparison(cost)}, as "
        f"measured on {cost.baskets} of the last {measured.tried} sales. Fewer or narrower product sets and shorter "
        "rules make it quicker."
    )
