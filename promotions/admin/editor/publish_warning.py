"""What staff are warned of before a promotion goes live."""

from collections.abc import Callable

from consumers.models import Account
from promotions.models import Promotion

PublishWarning = Callable[[Account, Promotion], str]
"""Returns what to warn of before a promotion goes live, as sentences; empty: nothing. It may not be stored yet."""

_warnings: list[PublishWarning] = []


def publish_warning_register(warning: PublishWarning) -> None:
    """Let the apps above warn before a promotion goes live."""
    _warnings.append(warning)


def publish_warnings(account: Account, promotion: Promotion) -> tuple[str, ...]:
    """Return what to warn of before a promotion goes live; empty: nothing."""
    return tuple(filter(None, (warning(account, promotion) for warning in _warnings)))
