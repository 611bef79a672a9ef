"""Warn before a promotion is published that would make baskets slow."""

from consumers.models import Account
from loyalty.services.draft_profiling import draft_profile
from promotions.admin.editor.evaluation_time import describe_ratio, format_milliseconds
from promotions.models import Promotion


def slow_draft_warning(account: Account, promotion: Promotion) -> str:
    """Words where a draft costs far more than is usual in the account; empty otherwise."""
    profile = draft_profile(account=account, promotion=promotion)
    if profile.time is None or not profile.is_slow:
        return ""
    cost = profile.time
    return (
        "This promotion costs much more server time than the others. "
        f"It would take {format_milliseconds(cost.nanoseconds)} for each basket that looks at it, "
        f"{describe_ratio(cost)}, as measured on {cost.baskets} of the last {profile.baskets} sales. "
        "Fewer or narrower product sets and shorter rules make it quicker."
    )
