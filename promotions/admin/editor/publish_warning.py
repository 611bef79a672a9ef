"""What a promotion costs the decisions of tills, in words, and what should be said of it before it goes live."""

from collections.abc import Callable

from consumers.models import Account
from promotions.models import Promotion

Caution = Callable[[Account, Promotion], str]
"""What should be said before a promotion goes live, as sentences; empty: nothing. The promotion may not be stored."""

_cautions: list[Caution] = []


def caution_register(caution: Caution) -> None:
    """Let the packages above say something before a promotion goes live."""
    _cautions.append(caution)


def caution_before_publishing(account: Account, promotion: Promotion) -> str:
    """What should be said before a promotion goes live; empty: nothing."""
    return " ".join(filter(None, (caution(account, promotion) for caution in _cautions)))
