"""The overview: the page after the log-in."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from consumers.models import User
from loyalty.selectors.overview import (
    promotions_by_status,
    promotions_ending,
    promotions_running,
    promotions_starting,
    sales_since,
)
from promotions.admin.promotion_page import redemptions_in_words
from promotions.choices import Status

SHOWN = 5
SOON = timedelta(days=14)
LATELY = timedelta(days=7)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The index page's context: what runs, what comes, what ends, and what was sold, as far as the user may see it."""
    user, now = request.user, timezone.now()
    context |= {"title": "Overview", "subtitle": None}
    if not isinstance(user, User) or user.current_membership is None:
        return context | {"no_account": True}
    account = user.current_membership.account
    if user.has_perm("loyalty.view_loyaltypromotion"):
        counts = promotions_by_status(account_id=account.pk, at=now)
        shown = (Status.ACTIVE, Status.SCHEDULED, Status.DRAFT)
        context["tiles"] = [{"label": one.label, "status": one.value, "count": counts[one]} for one in shown]
        context["lists"] = [
            {"title": "Running now", "empty": "No promotion is running.", "rows": _running(account.pk, now)},
            {"title": "Starting next", "empty": "No promotion is scheduled.", "rows": _starting(account.pk, now)},
            {"title": "Ending within two weeks", "empty": "None ends soon.", "rows": _ending(account.pk, now)},
        ]
    if user.has_perm("loyalty.view_transaction"):
        context["sales"] = sales_since(account_id=account.pk, since=now - LATELY)
    return context


def _running(account_id: int, now: Any) -> list[dict[str, Any]]:
    rows = promotions_running(account_id=account_id, at=now)[:SHOWN]
    return [{"promotion": one, "fact": f"{redemptions_in_words(one)} redemptions"} for one in rows]


def _starting(account_id: int, now: Any) -> list[dict[str, Any]]:
    return [
        {"promotion": one, "moment": one.starts_at}
        for one in promotions_starting(account_id=account_id, at=now)[:SHOWN]
    ]


def _ending(account_id: int, now: Any) -> list[dict[str, Any]]:
    rows = promotions_ending(account_id=account_id, at=now, within=SOON)[:SHOWN]
    return [{"promotion": one, "moment": one.ends_at} for one in rows]
