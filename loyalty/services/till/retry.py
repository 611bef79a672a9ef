"""Doing a write again when what it was decided on changed underneath."""

from collections.abc import Callable
from typing import TypeVar

from django.db import DataError, IntegrityError, OperationalError

from consumers.models import Account
from loyalty.exceptions import FigureTooLarge, LimitOverrun, VoucherChanged

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Times that a write is decided before its refusal reaches the caller."""

_TRY_AGAIN = frozenset({"40001", "40P01"})
"""SQLSTATEs of transactions that the database ended for the sake of others: serialization failure, deadlock."""


def run_with_retry(write: Callable[[int], T], *, account: Account) -> T:
    """Run a write that is one transaction, and again where it met another; it is given the number of earlier attempts.

    The book may have been older than a change to what was decided on (a limit set, a promotion deleted): it is read
    again, by the account's row.

    Raises:
        FigureTooLarge: a sum that no basket alone is too large for (all redemptions of a consumer, a balance) is beyond
            what a column holds; the transaction has ended.
    """
    try:
        return _attempted(write, account=account)
    except (DataError, OverflowError) as error:
        raise FigureTooLarge("This would add up to more than can be kept.") from error


def _attempted(write: Callable[[int], T], *, account: Account) -> T:
    for attempt in range(MAX_ATTEMPTS - 1):
        try:
            return write(attempt)
        except (IntegrityError, LimitOverrun, VoucherChanged):
            account.refresh_from_db()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _TRY_AGAIN:
                raise
            account.refresh_from_db()
    return write(MAX_ATTEMPTS - 1)
