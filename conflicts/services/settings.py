"""Writes of the conflict settings."""

from dataclasses import asdict, dataclass

from django.db import transaction

from conflicts.choices import DiscountCombination, PromotionAge, PromotionBias
from conflicts.exceptions import ConflictsError
from conflicts.models import ConflictSettings
from conflicts.selectors import conflict_settings
from consumers.author import Author
from consumers.services.account import account_lock, rulebook_version_advance
from consumers.services.upsert import model_problems


@dataclass(frozen=True, kw_only=True)
class ConflictValues:
    """Everything that can be set; ``discounts_per_transaction`` None means no limit."""

    promotion_bias: str = PromotionBias.MAX_CUSTOMER_SAVING
    promotions_per_type: int = 1
    promotion_age: str = PromotionAge.NEWEST
    discounts_per_transaction: int | None = None
    discount_combination: str = DiscountCombination.RANKED


def conflict_settings_save(*, account_id: int, values: ConflictValues, author: Author) -> ConflictSettings:
    """Replace the account's settings.

    Raises:
        ConflictsError: a value is not valid; each problem is under its field.
    """
    # One transaction under the account's lock: two first writers do not both insert the one row, and the tills' next
    # decision sees all of the change, or none.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        stored = conflict_settings(account_id=account_id)
        for name, value in asdict(values).items():
            setattr(stored, name, value)
        if problems := tuple(model_problems(stored)):
            raise ConflictsError(problems=problems)
        author.sign(stored)
        stored.save()
        rulebook_version_advance(account=account)
    return stored
