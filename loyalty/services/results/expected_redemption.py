"""The expected redemption in force on a day: what was set at the end of it, by the account's history.

A day that is not over has what is set now. Days before the account have what was set at the end of its first day, as an
account is set up on it. So a change holds from its own day on, whenever a sale is counted.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from consumers.models import Account
from loyalty.models import PromotionDayResult, PromotionResult
from loyalty.services.results.months import months_rebuild

CHANGES_LOOKED_AT = timedelta(days=2)
"""How far back a run looks for changes of the setting: longer than any day that was not over when rows were made."""


class ExpectedRedemption:
    """One account's expected redemption by day."""

    def __init__(self, account: Account) -> None:
        zone = account.zone
        changes = account.history.order_by("history_date", "history_id").values_list(
            "history_date", "expected_redemption"
        )
        self.by_change = [(moment.astimezone(zone).date(), percentage) for moment, percentage in changes]
        self.now = account.expected_redemption

    @property
    def first_day(self) -> date | None:
        """The account's first day; None where its history is not kept."""
        return self.by_change[0][0] if self.by_change else None

    def on(self, day: date) -> Decimal:
        """Return the percentage in force on a local day."""
        if self.first_day is None:
            return self.now
        day = max(day, self.first_day)
        percentage: Decimal = [value for changed_on, value in self.by_change if changed_on <= day][-1]
        return percentage


def expected_redemptions(account_days: Collection[tuple[int, date]]) -> Mapping[tuple[int, date], Decimal]:
    """Return the percentages in force, by account and day."""
    accounts = Account.objects.in_bulk({account_id for account_id, _ in account_days})
    by_account = {account_id: ExpectedRedemption(account) for account_id, account in accounts.items()}
    return {(account_id, day): by_account[account_id].on(day) for account_id, day in account_days}


def expected_redemptions_restate(*, at: datetime) -> int:
    """Give rows of days on which the setting changed the figure in force; return how many days of promotions changed.

    Must be called under the lock on the mark.
    """
    history = Account.history.model.objects
    account_ids = history.filter(history_date__gte=at - CHANGES_LOOKED_AT).values_list("id", flat=True)
    changed = 0
    for account in Account.objects.filter(pk__in=set(account_ids)):
        changed += _restate(account, at)
    return changed


def _restate(account: Account, at: datetime) -> int:
    expected = ExpectedRedemption(account)
    since = (at - CHANGES_LOOKED_AT).astimezone(account.zone).date()
    rows = PromotionDayResult.objects.filter(account=account)
    if expected.first_day is not None and expected.first_day < since:
        rows = rows.filter(day__gte=since)
    wrong = {
        (promotion_id, day)
        for promotion_id, day, percentage in rows.values_list("promotion_id", "day", "expected_redemption")
        if percentage != expected.on(day)
    }
    for promotion_id, day in sorted(wrong):
        for model in (PromotionResult, PromotionDayResult):
            model.objects.filter(promotion_id=promotion_id, day=day).update(expected_redemption=expected.on(day))
    months_rebuild({(promotion_id, day.replace(day=1)) for promotion_id, day in wrong})
    return len(wrong)
