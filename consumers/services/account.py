"""Writes of accounts."""

from django.db.models import F

from consumers.models import Account


def account_lock(*, account_id: int) -> Account:
    """The account as it is now, its row held until the transaction ends: writes of master data happen one by one.

    Tills are not held up: a sale refers to the account, which a lock without its key columns lets through.
    Must be called inside ``transaction.atomic()``.
    """
    return Account.objects.select_for_update(no_key=True).get(pk=account_id)


def rulebook_bump(*, account_id: int) -> int:
    """Count the account's rulebook version up by one, and return it.

    Called in the transaction of every change that a decision depends on. It locks the account's row as
    ``account_lock`` does, so what is read after it is still true at the commit.
    """
    Account.objects.filter(pk=account_id).update(rulebook_version=F("rulebook_version") + 1)
    return Account.objects.values_list("rulebook_version", flat=True).get(pk=account_id)
