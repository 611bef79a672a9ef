"""Writes of personalized promotions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError
from django.utils.crypto import get_random_string

from consumers.author import Author
from consumers.references import referenced_keys
from consumers.services.account import account_lock, rulebook_version_advance
from consumers.services.upsert import Saved, rows_upsert, upsert_record
from promotions.choices import ReferenceKind
from promotions.exceptions import PersonalizedPromotionInUse, PromotionsError
from promotions.models import PersonalizedPromotion
from promotions.selectors.personalized_promotion import personalized_promotion_by_backend_id

# Without letters and digits that look alike.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, kw_only=True)
class PersonalizedPromotionValues:
    """Everything that can be set on a personalized promotion; None as maximum is the whole list."""

    backend_id: str
    name: str
    description: str = ""
    maximum_distinct_products: int | None = None
    lock_after_first_apply: bool = False
    archived: bool = False


def backend_id_new() -> str:
    """Return a random backend id such as ``PP-7KQ2M9XA``; a collision is too unlikely to check for."""
    return f"PP-{get_random_string(8, _ALPHABET)}"


def personalized_promotions_save(
    *, account_id: int, rows: Sequence[PersonalizedPromotionValues], author: Author, at: datetime
) -> Saved:
    """Create or replace personalized promotions by backend id: all of them or none.

    Lists and choices stay as they are, also where the maximum falls below what somebody has chosen.

    Raises:
        PromotionsError: each problem under ``<index>.<field>``.
    """
    # One transaction under the account's lock: of two writers of one backend id the second replaces, and decisions
    # see all of the change or none of it.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        backend_ids = [row.backend_id for row in rows]
        existing = {
            promotion.backend_id: promotion
            for promotion in PersonalizedPromotion.objects.filter(account=account, backend_id__in=backend_ids)
        }
        promotions, saved = rows_upsert(
            model=PersonalizedPromotion,
            account=account,
            key="backend_id",
            rows=[asdict(row) for row in rows],
            refuse=PromotionsError,
        )
        upsert_record(promotions, replaced=existing, key="backend_id", author=author, at=at)
        rulebook_version_advance(account=account)
    return saved


def personalized_promotion_delete(*, account_id: int, backend_id: str, author: Author) -> None:
    """Delete a personalized promotion that enlists nobody and that no discount references.

    Raises:
        PersonalizedPromotionNotFound: the account has none of this backend id.
        PersonalizedPromotionInUse: a consumer has products on its list, or a discount references it.
    """
    try:
        # One transaction under the account's lock, which writers of lists and discounts hold too: none can come to
        # need it between the check and the deletion.
        with transaction.atomic():
            account = account_lock(account_id=account_id)
            promotion = personalized_promotion_by_backend_id(account_id=account_id, backend_id=backend_id)
            kind = ReferenceKind.PERSONALIZED_PROMOTION
            if referenced_keys(account_id=account_id, kind=kind, keys=[backend_id]) or promotion.lists.exists():
                raise PersonalizedPromotionInUse
            author.sign(promotion)
            promotion.delete()
            rulebook_version_advance(account=account, removed=True)
    except (ProtectedError, IntegrityError) as error:
        raise PersonalizedPromotionInUse from error
