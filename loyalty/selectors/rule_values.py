"""Texts that occur in the account's transactions, for the rules that compare with them."""

from collections.abc import Mapping

from loyalty.models import Transaction
from promotions.selectors.rule_values import TEXT_SOURCES, TextSource, texts_containing

_MAX_TRANSACTIONS = 1_000
"""Transactions whose texts are offered, the most recent ones."""


def _latest(column: str) -> TextSource:
    def find(account_id: int, search: str) -> list[str]:
        # The last sales have the texts that tills send now; reading all sales would take long.
        rows = Transaction.objects.filter(account_id=account_id).order_by("-occurred_at", "-id")
        return texts_containing(set(rows.values_list(column, flat=True)[:_MAX_TRANSACTIONS]), search)

    return TextSource(model=Transaction, find=find)


LOYALTY_TEXT_SOURCES: Mapping[str, TextSource] = {
    **TEXT_SOURCES,
    "source": _latest("source"),
    "payment_card_type": _latest("payment_card_type"),
}
"""Texts that occur, by attribute; those of transactions too."""
