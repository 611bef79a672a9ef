"""When two promotions can apply together: while both are in force, at moments that their rules admit. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple

from conflicts.analysis.satisfiability import (
    Conjunction,
    conditions_by_attribute,
    conjunctions_of,
    satisfying_values,
)
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rules.attributes import WEEKDAYS, Scope
from promotions.engine.rules.compile import compile_tree

CLOCK_ATTRIBUTES = frozenset({"transaction_date", "transaction_time", "transaction_weekday"})

_MAX_DAYS = 800
"""Days of a window that are all tried, and moments kept of one conjunction."""

_MAX_TIMES = 4
_NEXT_DAYS = 14
"""Days tried from the start of a window that is too long to try them all."""

_FIRST_DAYS = 2
"""The last day, counted from a window's first, that may be cut by the moment at which the window begins."""

_USUAL_TIMES = (time(12), time(0), time(23, 59))


class Window(NamedTuple):
    """When both promotions are in force: from ``start`` until before ``end`` (None: for ever)."""

    start: datetime
    end: datetime | None

    @property
    def is_empty(self) -> bool:
        """Whether there is no such moment."""
        return self.end is not None and self.start >= self.end

    def holds(self, moment: datetime) -> bool:
        """Whether both are in force at a moment."""
        return self.start <= moment and (self.end is None or moment < self.end)

    @property
    def local_days(self) -> tuple[date, date | None]:
        """The first and last local day that its moments can have anywhere in the world."""
        day = timedelta(days=1)
        return (self.start - day).date(), (self.end + day).date() if self.end is not None else None


def common_window(pair: Sequence[Promotion]) -> Window:
    """Return when both promotions are in force."""
    sources = [promotion.source for promotion in pair]
    ends = [end for source in sources for end in (source.ends_at, source.stopped_at) if end is not None]
    return Window(max(source.starts_at for source in sources), min(ends, default=None))


class LocalMoment(NamedTuple):
    """A moment without a zone, and the conditions of its conjunction that are not about the clock."""

    local: datetime
    other_conditions: Conjunction


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmittedMoments:
    """Moments that both promotions' transaction rules admit; ``impossible``: it is proved that there are none."""

    moments: tuple[LocalMoment, ...]
    impossible: bool


def admitted_moments(pair: Sequence[Promotion], zones: Sequence[tzinfo], at: datetime) -> AdmittedMoments:
    """Return local moments that the rules on dates, weekdays and times admit, those first that come next after ``at``.

    Args:
        pair: the promotions.
        zones: of the sites; the window's start has a local time in each.
        at: the moment from which examples are preferred.
    """
    window = common_window(pair)
    conjunctions = conjunctions_of(*(promotion.source.eligibility["transaction_rules"] for promotion in pair))
    if conjunctions is None:
        return AdmittedMoments(moments=(), impossible=False)
    first, last = window.local_days
    starts = tuple(dict.fromkeys(window.start.astimezone(zone).time() for zone in zones))
    moments: list[LocalMoment] = []
    impossible = True
    for conjunction in conjunctions:
        clock = tuple(condition for condition in conjunction if condition["attribute"] in CLOCK_ATTRIBUTES)
        others = tuple(condition for condition in conjunction if condition["attribute"] not in CLOCK_ATTRIBUTES)
        days = _days_to_try(clock, first, last, at)
        admitted = list(islice(_moments_on(days.days, clock, starts), _MAX_DAYS))
        moments += [LocalMoment(local, others) for local in admitted]
        if admitted or not (days.are_all or _is_contradiction(clock, first)):
            impossible = False
    today = at.date()
    moments.sort(key=lambda moment: (moment.local.date() < today, abs((moment.local.date() - today).days)))
    return AdmittedMoments(moments=tuple(moments), impossible=impossible)


def _is_contradiction(clock: Conjunction, today: date) -> bool:
    by_attribute = conditions_by_attribute(clock).values()
    return any(satisfying_values(Scope.TRANSACTION, on_it, today=today).impossible for on_it in by_attribute)


class _DaysToTry(NamedTuple):
    """Days, and whether these are all the days of the window."""

    days: list[date]
    are_all: bool


def _days_to_try(clock: Conjunction, first: date, last: date | None, at: datetime) -> _DaysToTry:
    if last is not None and (last - first).days < _MAX_DAYS:
        return _DaysToTry(_days_from(first, (last - first).days + 1), are_all=True)
    on_date = [condition for condition in clock if condition["attribute"] == "transaction_date"]
    named = satisfying_values(Scope.TRANSACTION, on_date, today=at.date()).values
    days = {day for day in named if isinstance(day, date)}
    days.update(_days_from(max(first, at.date()), _NEXT_DAYS), _days_from(first, _NEXT_DAYS))
    within = (day for day in days if first <= day and (last is None or day <= last))
    return _DaysToTry(sorted(within), are_all=False)


def _days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def _moments_on(days: Sequence[date], clock: Conjunction, starts: Sequence[time]) -> Iterator[datetime]:
    """Yield the moments of some days, without a zone, that conditions on dates, weekdays and times admit.

    ``starts`` are the local times at which the window begins, which may be on one of the first days.
    """
    on_time = [condition for condition in clock if condition["attribute"] == "transaction_time"]
    named = satisfying_values(Scope.TRANSACTION, on_time, today=date.min).values
    times = tuple(value for value in named if isinstance(value, time))[:_MAX_TIMES] if on_time else _USUAL_TIMES
    admits = compile_tree({"match": "all", "rules": list(clock)}, Scope.TRANSACTION)
    for number, day in enumerate(days):
        for moment in (*times, *starts[:_MAX_TIMES]) if number <= _FIRST_DAYS else times:
            if admits is None or admits(_Clock(today=day, transaction_time=moment)):
                yield datetime.combine(day, moment)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clock:
    """A moment as the rules on transactions read it."""

    today: date
    transaction_time: time

    @property
    def transaction_date(self) -> date:
        """The day."""
        return self.today

    @property
    def transaction_weekday(self) -> str:
        """Its weekday."""
        return WEEKDAYS[self.today.weekday()]
