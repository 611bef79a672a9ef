"""Reads of redemption messages."""

from django.db.models import QuerySet

from loyalty.models import RedemptionMessage, Transaction


def messages_of(*, account_id: int) -> QuerySet[RedemptionMessage]:
    """Return the account's messages with consumer, transaction and promotion, newest first."""
    return RedemptionMessage.objects.filter(account_id=account_id).select_related(
        "consumer", "applied__transaction", "applied__promotion", "applied__version"
    )


def messages_of_transaction(*, transaction: Transaction) -> QuerySet[RedemptionMessage]:
    """Return the messages about a transaction, in the order in which its promotions applied."""
    messages = RedemptionMessage.objects.filter(applied__transaction=transaction)
    return messages.select_related("applied__promotion").order_by("applied__position")
