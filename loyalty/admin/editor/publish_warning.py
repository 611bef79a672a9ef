"""The warning before a promotion goes live that would make every basket slower."""

from consumers.models import Account
from loyalty.services.draft_profiling import draft_profile
from promotions.admin.editor.cost import describe_ratio, format_milliseconds
from promotions.models import Promotion


def cost_warning(account: Account, promotion: Promotion) -> str:
    """Return a warning if a draft costs far more than is usual in the account; else an empty text."""
    profile = draft_profile(account=account, promotion=promotion)
    if profile.time is None or not profile.is_slow:
        return ""
    cost = profile.time
    return (
        f"It would take {format_milliseconds(cost.nanoseconds)} for each basket that looks at it, "
        f"{describe_ratio(cost)}, as measured on {cost.baskets} of the last {profile.baskets} sales. "
        "Fewer or narrower product sets and shorter rules make it quicker."
    )
