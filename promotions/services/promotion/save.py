"""Creation and edits of promotions of every family: one lifecycle, one history of versions.

``PromotionFamily`` has what differs between the families: the check of the documents, and what they may reference.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from consumers.author import Author
from consumers.exceptions import MAX_PROBLEMS, Problem
from consumers.models import Account
from consumers.services.account import account_lock
from consumers.services.upsert import is_storable
from promotions.exceptions import PromotionsError
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_of
from promotions.services.promotion.campaign import campaigns_set
from promotions.services.promotion.change import Change
from promotions.services.promotion.check import checked_change
from promotions.services.promotion.references import missing_references, stored_references_read
from promotions.services.promotion.values import PromotionFamily, PromotionValues
from promotions.services.promotion.write import changes_write


def promotions_save(
    *, family: PromotionFamily, account_id: int, rows: Sequence[PromotionValues], author: Author, at: datetime
) -> list[tuple[Promotion, bool]]:
    """Create or replace promotions by code: all of them or none. Codes in ``rows`` are distinct.

    Documents that are sent as they are stored are not checked again, so that a promotion whose offer was archived can
    still be edited; publishing checks everything.

    Returns:
        Each promotion with whether it was created, in the order of the rows. A row that changes nothing writes nothing.

    Raises:
        PromotionsError: every problem, each under ``<index>.<path>``.
    """
    # One transaction under the account's lock: of two writers of one code the second replaces what the first created,
    # no edit is lost, versions are numbered without gaps, and no referenced row is deleted meanwhile.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        stored = {
            promotion.code: promotion
            for promotion in promotions_of(account_id=account_id, family=family.family).filter(
                code__in=[row.code for row in rows if is_storable(row.code)]
            )
        }
        changes: list[Change] = []
        problems: list[Problem] = []
        for index, row in enumerate(rows):
            try:
                changes.append(checked_change(family, account, row, stored.get(row.code), at))
            except PromotionsError as refused:
                problems += refused.under(index).problems
                if len(problems) >= MAX_PROBLEMS:
                    break
        if not problems:
            stored_references_read(changes)
            problems += missing_references(family, account, changes)
            problems += campaigns_set(account, changes, rows)
        if problems:
            raise PromotionsError(problems=problems[:MAX_PROBLEMS])
        changes_write(account, changes, author, at)
    return [(change.promotion, change.before is None) for change in changes]


def promotion_save(
    *, family: PromotionFamily, account: Account, values: PromotionValues, author: Author, at: datetime
) -> tuple[Promotion, bool]:
    """Create or replace one promotion; see ``promotions_save``.

    Raises:
        PromotionsError: every problem, each under its path (``outcome.points``).
    """
    try:
        [saved] = promotions_save(family=family, account_id=account.pk, rows=[values], author=author, at=at)
    except PromotionsError as refused:
        raise refused.without(0) from refused.__cause__
    return saved


def promotion_unsaved(
    *, family: PromotionFamily, account: Account, values: PromotionValues, before: Promotion | None, at: datetime
) -> Promotion:
    """Return a promotion as saving it would create or change it, without saving it or looking up its references.

    ``before`` is the stored promotion; None for a new one.

    Raises:
        PromotionsError: every problem, each under its path (``outcome.points``).
    """
    return checked_change(family, account, values, before, at).promotion


def promotion_problems(
    *, family: PromotionFamily, account: Account, values: PromotionValues, before: Promotion | None, at: datetime
) -> tuple[Problem, ...]:
    """Return what saving ``values`` would refuse, references aside. Nothing is locked or written.

    ``before`` is the stored promotion; None for a new one.
    """
    try:
        checked_change(family, account, values, before, at)
    except PromotionsError as refused:
        return refused.problems
    return ()
