"""Retry a write whose transaction lost a race."""

from collections.abc import Callable
from typing import TypeVar

from django.db import DataError, IntegrityError, OperationalError

from consumers.models import Account
from loyalty.exceptions import FigureTooLarge, LimitOverrun, VoucherChanged

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts at a write, after the last of which its refusal reaches the caller."""

_RETRIED_SQLSTATES = frozenset({"40001", "40P01"})
"""Errors of transactions that the database ended for the sake of others: serialization failure, deadlock."""


def run_with_retry(write: Callable[[int], T], *, account: Account) -> T:
    """Run a write in its transaction; retry when a lock, limit or voucher changed meanwhile.

    The account's row is read again before each retry: its snapshot may have been older than a change to what was
    decided on (a limit set, a promotion deleted).

    Args:
        write: one transaction; is given the number of earlier attempts.
        account: whose data it writes.

    Raises:
        FigureTooLarge: a sum that no basket alone is too large for (all redemptions of a consumer, a balance) is beyond
            what a column holds; the transaction has ended.
    """
    try:
        return _run_with_retry(write, account=account)
    except (DataError, OverflowError) as error:
        raise FigureTooLarge("The total would be too large to store.") from error


def _run_with_retry(write: Callable[[int], T], *, account: Account) -> T:
    for attempt in range(MAX_ATTEMPTS - 1):
        try:
            return write(attempt)
        except (IntegrityError, LimitOverrun, VoucherChanged):
            account.refresh_from_db()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _RETRIED_SQLSTATES:
                raise
            account.refresh_from_db()
    return write(MAX_ATTEMPTS - 1)
