"""Functionalities: what a role is made of, each with the actions that its holders may take.

The table itself is ``settings.FUNCTIONALITIES``: the package at the top of the column knows every page. A new
functionality is one entry there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string

from consumers.choices import StaffRole


class Action(StrEnum):
    """What a role may do with a functionality."""

    SEE = "see"
    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"


class Chapter(StrEnum):
    """The headings under which functionalities are listed."""

    PROMOTIONS = "Promotions"
    REWARDS = "Rewards"
    CONSUMERS = "Consumers"
    SHOP = "Shop"
    SETTINGS = "Settings"


class Allowance(NamedTuple):
    """How many points a role may add or take away in one adjustment and in one local day; None means no limit."""

    at_once: int | None
    per_day: int | None

    def covers(self, other: "Allowance") -> bool:
        """Return whether ``other`` allows no more than this."""
        return all(own is None or (asked is not None and asked <= own) for own, asked in zip(self, other, strict=True))


NO_LIMIT = Allowance(None, None)


@dataclass(frozen=True, kw_only=True)
class Capability:
    """What an action of a functionality allows: in words, and as permissions (``app.codename``)."""

    label: str
    permissions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Functionality:
    """A part of the product that a role may have.

    ``note`` says on the role's page what its actions are, where their names do not. ``templates`` names the actions of
    each of the four roles that every account has. ``requires`` are grants of other functionalities without which its
    own lead nowhere. ``over_rest`` tells whether an API key of a manager does the same. ``allowance`` returns how many
    points the holders of a template may adjust in an account.
    """

    code: str
    label: str
    chapter: Chapter
    actions: Mapping[Action, Capability]
    templates: Mapping[StaffRole, str]
    note: str = ""
    requires: tuple[str, ...] = ()
    over_rest: bool = True
    allowance: Callable[[int, StaffRole], Allowance] | None = None

    def grant(self, action: Action) -> str:
        """Return the grant of an action, such as ``Discounts.see``."""
        return f"{self.code}.{action}"

    @property
    def grants(self) -> list[str]:
        """Return the grants of all its actions."""
        return [self.grant(action) for action in self.actions]

    def needs(self, action: Action) -> tuple[str, ...]:
        """Return the grants that an action of it needs to be of use."""
        sees = Action.SEE in self.actions and action != Action.SEE
        return (*((self.grant(Action.SEE),) if sees else ()), *self.requires)


@cache
def functionalities() -> Mapping[str, Functionality]:
    """Return every functionality by its code, in the order of the screen."""
    table: Iterable[Functionality] = import_string(settings.FUNCTIONALITIES)
    chapters = list(Chapter)
    return {each.code: each for each in sorted(table, key=lambda each: chapters.index(each.chapter))}


@cache
def capabilities() -> Mapping[str, Capability]:
    """Return every capability by its grant, in the order of the screen."""
    return {
        each.grant(action): capability
        for each in functionalities().values()
        for action, capability in each.actions.items()
    }


@cache
def template_grants(role: StaffRole) -> frozenset[str]:
    """Return the grants of one of the four roles that every account has."""
    return frozenset(
        each.grant(Action(action))
        for each in functionalities().values()
        for action in each.templates.get(role, "").split()
    )


@cache
def rest_grants() -> frozenset[str]:
    """Return the grants whose work an API key of a manager does too."""
    return frozenset(grant for each in functionalities().values() if each.over_rest for grant in each.grants)


@lru_cache(maxsize=1024)
def permissions_of(grants: frozenset[str]) -> frozenset[str]:
    """Return the permissions (``app.codename``) that grants amount to.

    A grant that does not exist, or that lacks one that it needs, gives none.
    """
    known, useless = capabilities(), missing_needs(grants)
    useful = [grant for grant in grants if grant in known and grant not in useless]
    return frozenset(name for grant in useful for name in known[grant].permissions)


def missing_needs(grants: Iterable[str]) -> Mapping[str, str]:
    """Return, for each grant that leads nowhere without another, the first one that it lacks."""
    held = set(grants)
    missing: dict[str, str] = {}
    for each in functionalities().values():
        for action in each.actions:
            lacking = [need for need in each.needs(action) if need not in held]
            if each.grant(action) in held and lacking:
                missing[each.grant(action)] = lacking[0]
    return missing


def functionalities_had(grants: Iterable[str]) -> frozenset[str]:
    """Return the codes of the functionalities of which grants allow something."""
    return frozenset(grant.partition(".")[0] for grant in grants)


def describe_grant(grant: str) -> str:
    """Describe a grant, as in ``Discounts: see``."""
    code, _, action = grant.partition(".")
    functionality = functionalities().get(code)
    return f"{functionality.label if functionality else code}: {action}"
