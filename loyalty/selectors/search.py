"""What a text that somebody searches for finds among transactions, points, vouchers and messages.

These tables have millions of rows, so each condition is one that an index answers: how a reference, a code or a card
begins, or which consumers, transactions, promotions or offers are meant. Nothing is found in the middle of a word.
"""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from consumers.selectors import consumers_matching
from loyalty.models import AppliedPromotion, Offer, Transaction
from promotions.models import Promotion

MOST_NAMED = 1_000
"""How many rows a condition names one by one, which lets an index find them; of more, it says which they are."""


def transactions_matching(*, account_id: int, search: str) -> Q:
    """Those whose reference or loyalty card begins with a text, and those of the consumers that it finds."""
    return _sold(search) | _of_consumers(account_id, search)


def ledger_entries_matching(*, account_id: int, search: str) -> Q:
    """Those of the consumers, transactions and promotions that a text finds."""
    promotions = Promotion.objects.filter(Q(code__istartswith=search) | Q(name__istartswith=search))
    return (
        _of_consumers(account_id, search)
        | _among("transaction", Transaction.objects.filter(_sold(search), account_id=account_id))
        | _among("promotion", promotions.filter(account_id=account_id))
    )


def vouchers_matching(*, account_id: int, search: str) -> Q:
    """Those whose code begins with a text, and those of the consumers and offers that it finds."""
    offers = Offer.objects.filter(Q(code__icontains=search) | Q(name__icontains=search), account_id=account_id)
    return _begins("code", search) | _of_consumers(account_id, search) | _among("offer", offers)


def messages_matching(*, account_id: int, search: str) -> Q:
    """Those of the consumers and transactions that a text finds."""
    sold = Transaction.objects.filter(_sold(search), account_id=account_id)
    applied = AppliedPromotion.objects.filter(_among("transaction", sold))
    return _of_consumers(account_id, search) | _among("applied", applied)


def _sold(search: str) -> Q:
    # The index of cards leaves sales without one out, so the condition has to as well.
    return _begins("reference", search) | (_begins("loyalty_card", search) & ~Q(loyalty_card=""))


def _of_consumers(account_id: int, search: str) -> Q:
    return _among("consumer", consumers_matching(account_id=account_id, search=search))


def _begins(name: str, search: str) -> Q:
    """As it is written, or in capitals or small letters: an index knows letters as they are."""
    ways = {search, search.upper(), search.lower()}
    return reduce(or_, (Q(**{f"{name}__startswith": one}) for one in sorted(ways)))


def _among(name: str, rows: QuerySet[Any]) -> Q:
    named = list(rows.order_by().values_list("pk", flat=True)[: MOST_NAMED + 1])
    return Q(**{f"{name}__in": named if len(named) <= MOST_NAMED else rows.order_by().values("pk")})
