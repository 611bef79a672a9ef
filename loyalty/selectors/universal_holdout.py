"""Read an account's universal holdout, and the periods that its uplift is measured over."""

from datetime import date, datetime, time, timedelta

from consumers.models import Account
from promotions.engine.rulebook.universal_holdout import UniversalHoldout


def universal_holdout_of(account: Account) -> UniversalHoldout | None:
    """Return the account's universal holdout, as the engine is given it."""
    if account.holdout_percentage is None or account.holdout_starts_on is None:
        return None
    return UniversalHoldout(
        percentage=account.holdout_percentage,
        starts_on=account.holdout_starts_on,
        ends_on=account.holdout_ends_on,
        zone=account.zone,
    )


def holdout_period(account: Account, year: int) -> tuple[datetime, datetime] | None:
    """Return from when and up to when a year's draw is held out; None where it is on no day."""
    starts_on, ends_on = account.holdout_starts_on, account.holdout_ends_on
    if account.holdout_percentage is None or starts_on is None:
        return None
    first, last = max(date(year, 1, 1), starts_on), date(year, 12, 31)
    if ends_on is not None:
        last = min(last, ends_on)
    if last < first:
        return None
    return _midnight(account, first), _midnight(account, last + timedelta(days=1))


def _midnight(account: Account, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=account.zone)
