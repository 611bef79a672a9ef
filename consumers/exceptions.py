"""Refusals: why an operation was not carried out.

Every package derives one base exception of its own from ``Refused``. A service raises; the edge renders: REST as an
error response, the admin as a message at the field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

MAX_PROBLEMS = 1_000
"""A refusal of many rows names at most this many problems."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A reason of a refusal: a stable code, a text for people, and the path of the value (``lines.0.sku``)."""

    code: str
    detail: str
    attr: str | None = None


class Refused(Exception):
    """An operation was refused and changed nothing.

    Has one problem, or several that were found at once. ``code`` is stable: integrators match on it.
    """

    code: ClassVar[str] = "invalid"

    def __init__(self, detail: str = "", *, attr: str | None = None, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems) or (Problem(code=self.code, detail=detail, attr=attr),)
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """Return the text of the first problem."""
        return self.problems[0].detail

    @property
    def attr(self) -> str | None:
        """Return the path of the first problem."""
        return self.problems[0].attr

    def under(self, place: str | int) -> Self:
        """Prefix every path, as ``name`` of row 3 becomes ``3.name``; return the refusal."""
        return self.with_paths(lambda attr: f"{place}.{attr}" if attr else str(place))

    def without(self, place: str | int) -> Self:
        """Remove a prefix from every path, as ``3.name`` becomes ``name``; return the refusal."""
        return self.with_paths(lambda attr: None if attr in (None, str(place)) else attr.removeprefix(f"{place}."))

    def with_paths(self, new_path: "Callable[[str | None], str | None]") -> Self:
        """Replace every path by ``new_path`` of it; return the refusal."""
        self.problems = tuple(replace(problem, attr=new_path(problem.attr)) for problem in self.problems)
        return self


class ConsumersError(Refused):
    """Base of the refusals of accounts, staff, sites, consumers, groups and jobs."""


class InUse(ConsumersError):
    """The row cannot be deleted because history or another row needs it; it can be archived."""

    code = "in_use"

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail or 'This has been used, so it cannot be deleted. Archive it instead: PATCH {"archived": true}.'
        )


class NotFound(ConsumersError):
    """The row does not exist in this account."""

    code = "not_found"


class PasswordLinkDenied(ConsumersError):
    """A link for a new password would give an administrator more than they may do themselves."""

    code = "permission_denied"


class GrantDenied(ConsumersError):
    """Somebody would give a functionality, or a number of points, that they do not have themselves."""

    code = "permission_denied"


class RoleInUse(ConsumersError):
    """The role cannot be deleted because members of staff hold it; ``holders`` are their memberships."""

    code = "in_use"

    def __init__(self, holders: Sequence[Any]) -> None:
        names = ", ".join(membership.user.username for membership in holders)
        super().__init__(f"First give these staff another role: {names}.")
        self.holders = tuple(holders)


class LastAdministrator(ConsumersError):
    """The account would be left without an administrator."""

    code = "last_administrator"


class AlreadyExists(ConsumersError):
    """A row with this key exists already."""

    code = "already_exists"


class JobFailed(ConsumersError):
    """A job cannot continue, for a reason that its owner can correct."""

    code = "job_failed"


class JobOver(ConsumersError):
    """The job has ended already."""

    code = "job_over"
