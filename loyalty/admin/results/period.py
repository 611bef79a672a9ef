"""The period of a page of results, as its address says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest

from consumers.admin.framework.fields import DateInput
from loyalty.admin.calendar import describe_days
from loyalty.selectors.results import ResultsPeriod

LAST_DAYS = {"7": 7, "28": 28}
ALL_TIME = "all"


class PeriodLink(NamedTuple):
    """A link to a period; the current one is marked."""

    label: str
    address: str
    is_current: bool


class PeriodForm(forms.Form):
    """The period: one that has a name, or two days. An invalid value counts as none."""

    period = forms.CharField(required=False, max_length=8)
    first = forms.DateField(label="From", required=False, widget=DateInput(attrs={"form": "results-period"}))
    last = forms.DateField(label="To", required=False, widget=DateInput(attrs={"form": "results-period"}))


@dataclass(frozen=True, kw_only=True)
class ChosenPeriod:
    """The days of a page: ``name`` is ``7``, ``28``, ``all``, or empty for days that somebody chose.

    ``problem`` says what is wrong with days that somebody chose; then the default is shown.
    """

    name: str
    days: ResultsPeriod
    problem: str = ""

    @property
    def before(self) -> ResultsPeriod | None:
        """The same number of days before it; None where it has no first or last day, or none are before it."""
        first, last = self.days.first, self.days.last
        if first is None or last is None:
            return None
        length = last - first + timedelta(days=1)
        if first - date.min < length:
            return None
        return ResultsPeriod(first=first - length, last=first - timedelta(days=1))

    @property
    def text(self) -> str:
        """The period in words."""
        first, last = self.days.first, self.days.last
        if first is None and last is None:
            return "Since the start"
        if first is None:
            return f"Up to {describe_days(last, last)}" if last is not None else ""
        if last is None:
            return f"Since {describe_days(first, first)}"
        return describe_days(first, last)


def period_of(request: HttpRequest, *, today: date, default: str = "28") -> ChosenPeriod:
    """Return the period that the address names.

    Args:
        request: with ``period``, or ``first`` and ``last``.
        today: the account's day.
        default: the name of the period without any of them.
    """
    form = PeriodForm(request.GET)
    form.is_valid()
    name, first, last = (form.cleaned_data.get(key) for key in ("period", "first", "last"))
    problem = ""
    if not name and (form.errors.keys() & {"first", "last"}):
        problem = "Enter days as year-month-day, such as 2026-03-31."
    elif not name and first and last and first > last:
        problem = "“From” is after “To”. Choose an earlier first day."
    elif not name and (first or last):
        return ChosenPeriod(name="", days=ResultsPeriod(first=first, last=last))
    return _named(name if name in (*LAST_DAYS, ALL_TIME) else default, today=today, problem=problem)


def _named(name: str, *, today: date, problem: str) -> ChosenPeriod:
    if name == ALL_TIME:
        return ChosenPeriod(name=name, days=ResultsPeriod(), problem=problem)
    first = today - timedelta(days=LAST_DAYS[name] - 1)
    return ChosenPeriod(name=name, days=ResultsPeriod(first=first, last=today), problem=problem)


def period_links(request: HttpRequest, chosen: ChosenPeriod, *, all_label: str) -> Sequence[PeriodLink]:
    """Return links to the periods that have a name; the rest of the address stays."""
    labels = {**{name: f"Last {days} days" for name, days in LAST_DAYS.items()}, ALL_TIME: all_label}
    return [
        PeriodLink(label, address_with(request, period=name, first="", last="", page=""), name == chosen.name)
        for name, label in labels.items()
    ]


def address_with(request: HttpRequest, **changes: str) -> str:
    """Return the query string of the page with some values changed, and those that are empty left out."""
    values = {name: request.GET.get(name, "") for name in request.GET} | changes
    return f"?{urlencode({name: value for name, value in values.items() if value})}"
