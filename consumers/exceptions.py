"""What an operation refuses, and why.

``Refused`` is the shape that every package above shares; each package has one base of its own made from it. A service
raises, the caller's edge renders: REST as an error answer, the admin as a message on the field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

MAXIMUM_PROBLEMS = 1_000
"""What is refused of many rows names at most so many problems."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One reason of a refusal: a stable code, words for people, and the path of what was wrong (``lines.0.sku``)."""

    code: str
    detail: str
    attr: str | None = None


class Refused(Exception):
    """An operation was refused and changed nothing.

    Carries one problem, or several where all of them were found at once. ``code`` is stable: integrators match on it.
    """

    code: ClassVar[str] = "invalid"

    def __init__(self, detail: str = "", *, attr: str | None = None, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems) or (Problem(code=self.code, detail=detail, attr=attr),)
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """The words of the first problem."""
        return self.problems[0].detail

    @property
    def attr(self) -> str | None:
        """The path of the first problem."""
        return self.problems[0].attr

    def under(self, place: str | int) -> Self:
        """The same refusal seen from outside: ``name`` of row 3 becomes ``3.name``."""
        return self.moved(lambda attr: f"{place}.{attr}" if attr else str(place))

    def without(self, place: str | int) -> Self:
        """The same refusal seen from inside: ``3.name`` becomes ``name``."""
        return self.moved(lambda attr: None if attr in (None, str(place)) else attr.removeprefix(f"{place}."))

    def moved(self, moved: "Callable[[str | None], str | None]") -> Self:
        """The same refusal with every path as ``moved`` tells it."""
        self.problems = tuple(replace(problem, attr=moved(problem.attr)) for problem in self.problems)
        return self


class ConsumersError(Refused):
    """Base of what the operations on accounts, sites, consumers and groups refuse."""


class InUse(ConsumersError):
    """The row cannot be deleted because history, or another row, needs it; it can be archived."""

    code = "in_use"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or 'Other rows need this one. Archive it instead: PATCH {"archived": true}.')


class NotFound(ConsumersError):
    """The row that the call is about does not exist in this account."""

    code = "not_found"


class LastAdministrator(ConsumersError):
    """Nobody would be left to manage the account."""

    code = "last_administrator"


class AlreadyExists(ConsumersError):
    """There is a row of this key already."""

    code = "already_exists"


class JobFailed(ConsumersError):
    """A large job cannot go on, for a reason that its owner can mend."""

    code = "job_failed"


class JobOver(ConsumersError):
    """The job has ended already."""

    code = "job_over"
