"""Save loyalty promotions: the lifecycle of every promotion, with the documents of this family."""

from collections.abc import Sequence
from datetime import datetime

from consumers.author import Author
from consumers.models import Account
from loyalty.selectors.promotion import LOYALTY_REFERENCE_SOURCES
from promotions.choices import Family
from promotions.engine.definition.fields import BUDGETS
from promotions.engine.definition.loyalty import check_loyalty
from promotions.engine.definition.reader import Definition
from promotions.models import Promotion
from promotions.services.promotion.save import promotion_save, promotions_save
from promotions.services.promotion.values import PromotionFamily, PromotionValues
from promotions.services.rich_text import CONTENT_RICH_TEXTS, document_cleaned

OUTCOME_RICH_TEXTS = ("redemption_message",)
"""The texts of an outcome that hold HTML; all others are plain text, escaped where they are shown."""


def _check(values: PromotionValues, catalogue_enabled: bool) -> Definition:
    return check_loyalty(
        values.type,
        outcome=document_cleaned(values.outcome, OUTCOME_RICH_TEXTS),
        eligibility=values.eligibility,
        content=document_cleaned(values.content, CONTENT_RICH_TEXTS),
        budgets={name: getattr(values, name) for name in BUDGETS},
        currency=values.currency,
        catalogue_enabled=catalogue_enabled,
    )


LOYALTY = PromotionFamily(family=Family.LOYALTY, check=_check, sources=LOYALTY_REFERENCE_SOURCES)


def loyalty_promotions_save(
    *, account_id: int, rows: Sequence[PromotionValues], author: Author, at: datetime
) -> list[tuple[Promotion, bool]]:
    """Create or replace loyalty promotions by code: all of them or none.

    Args:
        account_id: whose they are.
        rows: with distinct codes.
        author: who does it.
        at: now.

    Returns:
        Each promotion with whether it was created, in the order of the rows.

    Raises:
        PromotionsError: everything that is wrong, each problem under ``<index>.<path>``.
    """
    return promotions_save(family=LOYALTY, account_id=account_id, rows=rows, author=author, at=at)


def loyalty_promotion_save(
    *, account: Account, values: PromotionValues, author: Author, at: datetime
) -> tuple[Promotion, bool]:
    """Create or replace one loyalty promotion; see ``loyalty_promotions_save``.

    Raises:
        PromotionsError: everything that is wrong, each problem under its path (``outcome.points``).
    """
    return promotion_save(family=LOYALTY, account=account, values=values, author=author, at=at)
