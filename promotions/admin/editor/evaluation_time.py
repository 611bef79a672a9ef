"""How long the server takes to evaluate a promotion, in words, for those who look after it."""

from typing import Any

from django.http import HttpRequest

from promotions.selectors.profiling import EvaluationTime

NOT_MEASURED = "Not measured yet"
NBSP = "\N{NO-BREAK SPACE}"

SERVER_PERMISSION = "consumers.view_scheduledtask"
"""Who may see server matters sees server times too."""

EVALUATION_TIME_HELP = (
    "The average time that the server takes to check this promotion against one basket, over a sample of baskets. "
    "Baskets that cannot match are ruled out first and do not count. Many product sets, sets of all products and long "
    "rules take longer. Without rules on products, every basket is checked."
)


def may_see_evaluation_time(request: HttpRequest) -> bool:
    """Return whether a user may see server times: marketers have no use for them."""
    return request.user.has_perm(SERVER_PERMISSION)


def evaluation_time_of(promotion: Any, *, median: float | None) -> EvaluationTime | None:
    """Return the time that ``promotions_with_evaluation_time`` read with a promotion; None if it was not measured."""
    if promotion.cost_nanoseconds is None:
        return None
    return EvaluationTime(nanoseconds=promotion.cost_nanoseconds, baskets=promotion.cost_baskets, median=median)


def describe_evaluation_time(time: EvaluationTime | None) -> str:
    """Describe a time in full, as the promotion's own page does."""
    if time is None:
        return NOT_MEASURED
    compared = f"{describe_ratio(time)}, " if time.times_median is not None else ""
    baskets = f"{time.baskets:,} sampled basket{'s' if time.baskets != 1 else ''}"
    return f"{format_milliseconds(time.nanoseconds)} per basket, {compared}from {baskets}"


def describe_ratio(time: EvaluationTime, median_label: str = "the account's median") -> str:
    """Describe a time as a multiple of the account's median; empty if there is no median."""
    times = time.times_median
    return "" if times is None else f"{format_two_digits(times)}{NBSP}× {median_label}"


def format_milliseconds(nanoseconds: float) -> str:
    """Format a duration in milliseconds with two significant digits."""
    milliseconds = nanoseconds / 1e6
    return f"{format_two_digits(milliseconds)}{NBSP}ms" if milliseconds >= 0.001 else f"under 0.001{NBSP}ms"


def format_two_digits(number: float) -> str:
    """Format a number with two significant digits, without an exponent or trailing zeros."""
    decimals = next((places for places in range(5) if number >= 10 ** (1 - places)), 4)
    rounded = f"{number:,.{decimals}f}"
    return rounded.rstrip("0").rstrip(".") if decimals else rounded
