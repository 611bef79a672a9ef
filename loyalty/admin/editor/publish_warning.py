"""Warn before a promotion is published that would make baskets slow, or that wins no conflict."""

from consumers.models import Account
from loyalty.choices import PromotionType
from loyalty.selectors.rewards import offers_of
from loyalty.services.draft_profiling import draft_profile
from promotions.admin.editor.evaluation_time import format_two_digits
from promotions.models import Promotion


def slow_draft_warning(account: Account, promotion: Promotion) -> str:
    """Warn where a draft takes far longer than is usual in the account; empty otherwise."""
    profile = draft_profile(account=account, promotion=promotion)
    time = profile.time
    if time is None or time.times_median is None or not profile.is_slow:
        return ""
    return (
        "This promotion could slow down tills. "
        f"Checking it takes {format_two_digits(time.times_median)} times as long as your typical promotion "
        f"(measured on {time.baskets} of the last {profile.baskets} sales). "
        "Use fewer or narrower product sets and shorter rules to make it faster."
    )


def worthless_offer_warning(account: Account, promotion: Promotion) -> str:
    """Warn where the vouchers of a promotion count nothing when promotions compete; empty otherwise."""
    if promotion.type != PromotionType.REDEEM_OFFER:
        return ""
    offer = offers_of(account_id=account.pk).filter(code=promotion.outcome["offer"]).first()
    if offer is None or offer.perceived_value:
        return ""
    return (
        f"The perceived value of “{offer.name}” is 0: this promotion counts as worth nothing when promotions compete. "
        "Enter a perceived value on the offer's page."
    )
