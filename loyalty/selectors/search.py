"""Conditions that find transactions, ledger entries, vouchers and messages by a text that a user searches for.

These tables have millions of rows, so each condition is one that an index answers: the beginning of a reference, code
or card, or the consumers, transactions, promotions or offers that the text finds. Nothing is found in the middle of a
word.
"""

from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from consumers.selectors import MAX_NAMED_ROWS, consumers_matching
from consumers.types import Rows
from loyalty.models import AppliedPromotion, Offer, Transaction, Voucher
from promotions.engine.benefits.vouchers import voucher_key
from promotions.models import Promotion


def transactions_matching(*, account_id: int, search: str) -> Q:
    """Return the condition for transactions by reference or loyalty card, or of the consumers that the text finds."""
    return _by_reference_or_card(search) | _of_consumers(account_id, search)


def ledger_entries_matching(*, account_id: int, search: str) -> Q:
    """Return the condition for entries of the consumers, transactions and promotions that the text finds."""
    promotions = Promotion.objects.filter(Q(code__istartswith=search) | Q(name__istartswith=search))
    return (
        _of_consumers(account_id, search)
        | _among("transaction", Transaction.objects.filter(_by_reference_or_card(search), account_id=account_id))
        | _among("promotion", promotions.filter(account_id=account_id))
    )


def vouchers_matching(*, account_id: int, search: str) -> Q:
    """Return the condition for vouchers by code, or of the consumers and offers that the text finds."""
    offers = Offer.objects.filter(Q(code__icontains=search) | Q(name__icontains=search), account_id=account_id)
    by_code = Q(code__startswith=voucher_key(search))
    return by_code | _of_consumers(account_id, search) | _among("offer", offers)


def transactions_beginning(*, account_id: int, search: str) -> QuerySet[Transaction]:
    """Return the transactions whose reference begins with a text, in no order."""
    return Transaction.objects.filter(_begins("reference", search), account_id=account_id).only("reference").order_by()


def vouchers_beginning(*, account_id: int, search: str) -> QuerySet[Voucher]:
    """Return the vouchers whose code begins with a text, in no order."""
    return Voucher.objects.filter(code__startswith=voucher_key(search), account_id=account_id).only("code").order_by()


def messages_matching(*, account_id: int, search: str) -> Q:
    """Return the condition for messages of the consumers and transactions that the text finds."""
    transactions = Transaction.objects.filter(_by_reference_or_card(search), account_id=account_id)
    applied = AppliedPromotion.objects.filter(_among("transaction", transactions))
    return _of_consumers(account_id, search) | _among("applied", applied)


def _by_reference_or_card(search: str) -> Q:
    # The index of cards leaves sales without one out, so the condition has to as well.
    return _begins("reference", search) | (_begins("loyalty_card", search) & ~Q(loyalty_card=""))


def _of_consumers(account_id: int, search: str) -> Q:
    return _among("consumer", consumers_matching(account_id=account_id, search=search))


def _begins(name: str, search: str) -> Q:
    """Match the text as it is, in capitals and in small letters: the index is case-sensitive."""
    spellings = {search, search.upper(), search.lower()}
    return reduce(or_, (Q(**{f"{name}__startswith": spelling}) for spelling in sorted(spellings)))


def _among(name: str, rows: Rows) -> Q:
    ids = list(rows.order_by().values_list("pk", flat=True)[: MAX_NAMED_ROWS + 1])
    return Q(**{f"{name}__in": ids if len(ids) <= MAX_NAMED_ROWS else rows.order_by().values("pk")})
