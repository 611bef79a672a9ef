"""Reads of the conflict settings."""

from conflicts.models import ConflictSettings
from conflicts.resolver import Policy


def conflict_settings(*, account_id: int) -> ConflictSettings:
    """Return the account's settings; an unsaved row with the defaults where nothing was set."""
    stored = ConflictSettings.objects.filter(account_id=account_id).first()
    return stored or ConflictSettings(account_id=account_id)


def conflict_policy(*, account_id: int) -> Policy:
    """Return the account's settings as the engine is given them."""
    stored = conflict_settings(account_id=account_id)
    return Policy(
        promotion_bias=stored.promotion_bias,
        promotions_per_type=stored.promotions_per_type,
        promotion_age=stored.promotion_age,
        discounts_per_transaction=stored.discounts_per_transaction,
        discount_combination=stored.discount_combination,
    )
