"""What an operation refuses, and why.

``Refused`` is the shape that every package above shares; each package has one base of its own made from it. A service
raises, the caller's edge renders: REST as an error answer, the admin as a message on the field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


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
        self.detail = self.problems[0].detail
        self.attr = self.problems[0].attr
        super().__init__(self.detail)


class ConsumersError(Refused):
    """Base of what the operations on accounts, sites, consumers and groups refuse."""
