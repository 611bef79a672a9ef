"""The header above a promotion's form: its status, version, redemptions and budget."""

from datetime import datetime

from django.utils import timezone

from consumers.admin.framework.formatting import format_moment
from promotions.admin.editor.budget_fields import budget_use_words
from promotions.choices import Status
from promotions.models import Promotion
from promotions.selectors.budget import budget_state

STATUS_COLOURS = {
    Status.DRAFT.label: "default",
    Status.SCHEDULED.label: "info",
    Status.ACTIVE.label: "success",
    Status.STOPPED.label: "danger",
    Status.ENDED.label: "warning",
}


def describe_redemptions(promotion: Promotion) -> str:
    """Format the number of redemptions, with the limit if there is one."""
    limit = promotion.total_redemption_limit
    return f"{promotion.redemptions:,} of {limit:,}" if limit else f"{promotion.redemptions:,}"


def describe_budget(promotion: Promotion) -> str:
    """Say what is used of a promotion's budget, such as ``94.90 of 100.00 GBP``; empty without a budget."""
    state = budget_state(promotion)
    return "" if state.amount is None else budget_use_words(state)


def describe_spent_budget(promotion: Promotion) -> str:
    """Say that a promotion's budget is used up, in a sentence; empty where something is left."""
    state = budget_state(promotion)
    if state.amount is None or state.left:
        return ""
    return f"Its budget is used up ({budget_use_words(state)}): it gives nothing until you raise it."


def describe_life(promotion: Promotion, *, at: datetime) -> str:
    """Describe a promotion's status at ``at`` and what ends it, in a sentence."""
    if promotion.archived:
        return "Archived."
    match promotion.status_at(at):
        case Status.DRAFT:
            return "Draft: does not apply until you publish it."
        case Status.SCHEDULED:
            return f"Scheduled: starts on {format_moment(promotion.starts_at)}."
        case Status.STOPPED:
            return f"Stopped on {format_moment(promotion.stopped_at)}."
        case Status.ENDED:
            return f"Ended on {format_moment(promotion.ends_at)}."
        case _ if promotion.ends_at:
            return f"Active until {format_moment(promotion.ends_at)}."
        case _:
            return "Active, with no end date."


def header_of(promotion: Promotion, status: Status, *, type_label: str) -> dict[str, object]:
    """Return what the template shows above the form of a stored promotion."""
    return {
        "status": status.label,
        "colour": STATUS_COLOURS[status.label],
        "archived": promotion.archived,
        "type": type_label,
        "version": promotion.version,
        "next_version": promotion.version + 1,
        "redeemed": promotion.redemptions,
        "redemptions": describe_redemptions(promotion),
        "budget": describe_budget(promotion),
        "life": describe_life(promotion, at=timezone.now()),
        "running": status == Status.ACTIVE and not promotion.archived,
    }
