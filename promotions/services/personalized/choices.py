"""Choices from consumers' lists that a sale makes final, and that its void opens again.

The caller's transaction holds the consumer's row.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from promotions.models import PersonalizedList


def personalized_choices_lock(*, choices: Mapping[int, Sequence[str]], transaction_id: int, at: datetime) -> None:
    """Make choices final in the sale's transaction, in one statement.

    Args:
        choices: the final choice, by id of the list.
        transaction_id: the sale, so that its void can open the choices again.
        at: now.
    """
    PersonalizedList.objects.bulk_update(
        [
            PersonalizedList(pk=pk, selected=list(products), locked=True, locked_by_id=transaction_id, updated_at=at)
            for pk, products in choices.items()
        ],
        ["selected", "locked", "locked_by_id", "updated_at"],
    )


def personalized_choices_release(
    *, consumer_pk: int, transaction_id: int, selections_made: Collection[str], at: datetime
) -> None:
    """Open the choices that a sale made final in the transaction of its void, in two statements.

    Args:
        consumer_pk: whose lists.
        transaction_id: the sale; a list that was replaced or chosen from since is left alone.
        selections_made: backend ids of the lists whose selection the sale made too.
        at: now.
    """
    locked = PersonalizedList.objects.filter(consumer_id=consumer_pk, locked_by_id=transaction_id)
    if selections_made:
        locked.filter(promotion__backend_id__in=selections_made).update(selected=[])
    locked.update(locked=False, locked_by_id=None, updated_at=at)
