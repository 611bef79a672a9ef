"""Warn before a promotion is published that would make baskets slow, or that wins no conflict."""

from django.utils import timezone

from consumers.models import Account
from loyalty.choices import PromotionType
from loyalty.selectors.rewards import offers_of
from loyalty.services.draft_profiling import draft_profile
from loyalty.services.uplift.planning import PlannedEffect, planned_effect
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


def control_group_note(account: Account, promotion: Promotion) -> str:
    """Say which effect a promotion's control group can show; empty where it has none."""
    control = promotion.eligibility.get("control_group")
    if not control:
        return ""
    percentage = float(control["percentage"])
    effect = planned_effect(account=account, group_code=control["group"], percentage=percentage, at=timezone.now())
    return "" if effect is None else describe_planned_effect(effect, currency=account.currency)


def describe_planned_effect(effect: PlannedEffect, *, currency: str) -> str:
    """Say which effect a control group can show, and what a member brings."""
    if not effect.control or effect.control == effect.members:
        return (
            f"The group has {effect.members:,} members, {effect.control:,} of them in the control group: "
            "there will be nothing to compare."
        )
    size = f"The control group holds out about {effect.control:,} of {effect.members:,} members."
    if effect.smallest is None:
        return f"{size} They have bought too little in the last weeks to say which effect it can show."
    smallest = effect.adjusted or effect.smallest
    return (
        f"{size} In eight weeks it can show a difference of {smallest:,.2f} {currency} contribution per member or more "
        f"(80% power); a member now brings {effect.contribution:,.2f} {currency} in eight weeks. "
        "For smaller effects, raise the percentage or choose a larger group."
    )
