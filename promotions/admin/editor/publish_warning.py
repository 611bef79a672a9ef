"""What a promotion costs the decisions of tills, in words, and what should be said of it before it goes live."""

from collections.abc import Callable
from typing import Any

from consumers.models import Account
from promotions.models import Promotion
from promotions.selectors.profiling import EvaluationTime

NOT_MEASURED = "Not measured yet"
NBSP = "\N{NO-BREAK SPACE}"

WHAT_IT_IS = (
    "How long the server works on it for one basket, on average over sampled baskets; those that cannot have it are "
    "ruled out beforehand and not counted. It is dear with many product sets, sets of every product and long rules. "
    "One whose rules name no product is looked at by every basket."
)

Caution = Callable[[Account, Promotion], str]
"""What should be said before a promotion goes live, as sentences; empty: nothing. The promotion may not be stored."""

_cautions: list[Caution] = []


def caution_register(caution: Caution) -> None:
    """Let the packages above say something before a promotion goes live."""
    _cautions.append(caution)


def caution_before_publishing(account: Account, promotion: Promotion) -> str:
    """What should be said before a promotion goes live; empty: nothing."""
    return " ".join(filter(None, (caution(account, promotion) for caution in _cautions)))


def cost_of(promotion: Any, *, median: float | None) -> EvaluationTime | None:
    """The cost of a row that was read with it; None where it was not measured."""
    if promotion.cost_nanoseconds is None:
        return None
    return EvaluationTime(nanoseconds=promotion.cost_nanoseconds, baskets=promotion.cost_baskets, median=median)


def describe_cost(cost: EvaluationTime | None) -> str:
    """All that is known of a cost, as on the promotion's own page."""
    if cost is None:
        return NOT_MEASURED
    compared = f"{comparison(cost)}, " if cost.times_median is not None else ""
    baskets = f"{cost.baskets:,} sampled basket{'s' if cost.baskets != 1 else ''}"
    return f"{milliseconds(cost.nanoseconds)} per basket looked at, {compared}from {baskets}"


def comparison(cost: EvaluationTime, median: str = "the account's median") -> str:
    """A cost against the account's median, however that is called; empty where there is none."""
    times = cost.times_median
    return "" if times is None else f"{two_digits(times)}{NBSP}× {median}"


def milliseconds(nanoseconds: float) -> str:
    """A duration with two digits that count."""
    thousandths = nanoseconds / 1e6
    return f"{two_digits(thousandths)}{NBSP}ms" if thousandths >= 0.001 else f"under 0.001{NBSP}ms"


def two_digits(number: float) -> str:
    """A number rounded to two digits that count, without an exponent and without zeros that say nothing."""
    decimals = next((places for places in range(5) if number >= 10 ** (1 - places)), 4)
    rounded = f"{number:,.{decimals}f}"
    return rounded.rstrip("0").rstrip(".") if decimals else rounded
