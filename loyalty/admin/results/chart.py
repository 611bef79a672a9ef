"""A chart of results by day, drawn as plain SVG from what a table beside it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils.formats import date_format

from loyalty.result_periods import monday_of
from loyalty.selectors.results import ResultRow, ResultsBy

MAX_DAYS_CHARTED = 92
"""A longer period is shown by week."""

MIN_BARS_STRETCHED = 7
"""Fewer bars are drawn as wide as these many would be: a single day is no block."""

BAR_WIDTH = 24
HEIGHT = 100


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar; ``x``, ``y`` and ``height`` are in units of the drawing. ``text`` is what it says."""

    text: str
    x: int
    height: float

    @property
    def y(self) -> float:
        """The bar's top, measured from above."""
        return HEIGHT - self.height


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure over the periods of a chart."""

    title: str
    most: str
    bars: Sequence[Bar]

    @property
    def width(self) -> int:
        """The width of the drawing."""
        return BAR_WIDTH * len(self.bars)

    @property
    def is_short(self) -> bool:
        """Whether it has so few bars that they are not stretched to the width of the page."""
        return len(self.bars) < MIN_BARS_STRETCHED


@dataclass(frozen=True, kw_only=True)
class Step:
    """A day or week of a chart and its table; ``row`` is None where nothing was sold."""

    label: str
    row: ResultRow | None


def chart_by(first: date, last: date) -> ResultsBy:
    """Return whether a period is shown by day or by week."""
    return ResultsBy.WEEK if (last - first).days >= MAX_DAYS_CHARTED else ResultsBy.DAY


def chart_steps(rows: Sequence[ResultRow], *, first: date, last: date, by: ResultsBy) -> list[Step]:
    """Return every day or week of a period with its row."""
    by_key = {row.key: row for row in rows}
    length = timedelta(days=7 if by == ResultsBy.WEEK else 1)
    day = monday_of(first) if by == ResultsBy.WEEK else first
    steps = []
    while day <= last:
        label = date_format(day, "D j M Y") if by == ResultsBy.DAY else f"Week of {date_format(day, 'j M Y')}"
        steps.append(Step(label=label, row=by_key.get(day.isoformat())))
        if last - day < length:
            break
        day += length
    return steps


def chart_of(name: str, title: str, steps: Sequence[Step], *, text: Callable[[Decimal], str]) -> Chart:
    """Return the chart of a figure, as sold.

    Args:
        name: the figure.
        title: what it is called.
        steps: the days or weeks.
        text: formats a figure.
    """
    values = [Decimal(getattr(step.row.sold, name)) if step.row is not None else Decimal(0) for step in steps]
    most = max(values, default=Decimal(0))
    bars = [
        Bar(
            text=f"{step.label}: {text(number)}",
            x=BAR_WIDTH * position,
            height=round(float(HEIGHT * max(number, Decimal(0)) / most), 1) if most > 0 else 0,
        )
        for position, (step, number) in enumerate(zip(steps, values, strict=True))
    ]
    return Chart(title=title, most=text(most), bars=bars)
