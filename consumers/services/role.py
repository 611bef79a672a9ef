"""Write the roles that accounts make of functionalities, and decide who may give what.

Nobody gives what they do not have. Whoever gives is read again under the account's lock, so a role that is taken from
them meanwhile gives nothing more.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.db import transaction
from django.utils.text import get_text_list

from consumers.choices import KeyRole, StaffRole
from consumers.exceptions import ConsumersError, GrantDenied, NotFound, Problem, RoleInUse
from consumers.functionalities import (
    NO_LIMIT,
    Allowance,
    capabilities,
    describe_grant,
    functionalities,
    missing_needs,
    rest_grants,
)
from consumers.models import ApiKey, Role, StaffMembership, User
from consumers.services.account import account_lock, api_key_create
from consumers.services.upsert import model_problems
from consumers.texts import key_problem

ADJUST_POINTS = "PointsAdjustments.add"
"""The grant to which a role's number of points belongs."""


@dataclass(frozen=True, kw_only=True)
class RoleValues:
    """What an account sets of its own role."""

    title: str
    description: str = ""
    grants: Collection[str] = field(default_factory=frozenset)
    points_at_once: int | None = None
    points_per_day: int | None = None


@dataclass(frozen=True, kw_only=True)
class Authority:
    """What somebody has in an account, and so may give: grants, and points to adjust."""

    grants: frozenset[str]
    allowance: Allowance = NO_LIMIT

    def covers(self, other: "Authority") -> bool:
        """Return whether ``other`` has nothing beyond this."""
        adjusts = ADJUST_POINTS in other.grants
        return other.grants <= self.grants and (not adjusts or self.allowance.covers(other.allowance))


def allowance_of(*, account_id: int, role: Role) -> Allowance:
    """Return how many points the holders of a role may adjust in an account."""
    if role.template is None:
        return role.own_allowance
    allowance = functionalities()["PointsAdjustments"].allowance
    return allowance(account_id, role.template) if allowance is not None else NO_LIMIT


def role_authority(*, account_id: int, role: Role) -> Authority:
    """Return what the holders of a role have in an account."""
    grants = role.held_grants
    # Only an allowance that is used is read.
    allowance = allowance_of(account_id=account_id, role=role) if ADJUST_POINTS in grants else NO_LIMIT
    return Authority(grants=grants, allowance=allowance)


def authority_of(*, account_id: int, user: User) -> Authority:
    """Return what a user has in an account: a superuser everything, and nobody else without a membership anything."""
    if user.is_superuser and user.is_active:
        return Authority(grants=frozenset(capabilities()))
    role = role_held(account_id=account_id, user=user)
    return role_authority(account_id=account_id, role=role) if role else Authority(grants=frozenset())


def role_held(*, account_id: int, user: User) -> Role | None:
    """Return the role of an active user in an account; None without a membership."""
    membership = StaffMembership.objects.filter(account_id=account_id, user=user, user__is_active=True)
    held = membership.select_related("role").first()
    return held.role if held else None


def role_covered(*, account_id: int, role: Role, given_by: User | None) -> bool:
    """Return whether somebody has all that a role has; the installation itself, None, has everything."""
    if given_by is None:
        return True
    authority = authority_of(account_id=account_id, user=given_by)
    return authority.covers(role_authority(account_id=account_id, role=role))


def require_covered(*, account_id: int, role: Role, given_by: User | None) -> None:
    """Raise GrantDenied unless somebody has all that a role has."""
    if not role_covered(account_id=account_id, role=role, given_by=given_by):
        raise GrantDenied(f"{role.title} may do more than you. Ask somebody who may do as much.", attr="role")


def manager_key_allowed(*, account_id: int, user: User) -> bool:
    """Return whether a user may make a manager's key: it does all that REST offers, without limit."""
    needed = Authority(grants=rest_grants(), allowance=allowance_of_administrators(account_id=account_id))
    return authority_of(account_id=account_id, user=user).covers(needed)


def allowance_of_administrators(*, account_id: int) -> Allowance:
    """Return how many points administrators may adjust, whose limit is the account's widest."""
    allowance = functionalities()["PointsAdjustments"].allowance
    return allowance(account_id, StaffRole.ADMINISTRATOR) if allowance is not None else NO_LIMIT


def api_key_create_by_staff(*, account_id: int, name: str, role: KeyRole, given_by: User) -> tuple[ApiKey, str]:
    """Create an API key for a member of staff; return it with its secret, which is not stored.

    Raises:
        GrantDenied: the key would do more than who makes it.
    """
    # Race: who makes it loses a functionality meanwhile. The account's lock admits one at a time.
    with transaction.atomic():
        account_lock(account_id=account_id)
        if role == KeyRole.MANAGER and not manager_key_allowed(account_id=account_id, user=given_by):
            raise GrantDenied("A manager’s key can do more than you. Create a key for a till instead.", attr="role")
        return api_key_create(account_id=account_id, name=name, role=role)


def role_save(*, account_id: int, values: RoleValues, given_by: User | None, role_id: int | None = None) -> Role:
    """Make a role, or replace the account's role ``role_id``.

    Raises:
        NotFound: the account has no such role of its own; templates are not the account's.
        GrantDenied: somebody would give, or change, what they do not have.
        ConsumersError: values are invalid; each problem under its field.
    """
    # Race: who gives loses a functionality meanwhile, or the title is taken. The account's lock admits one at a time.
    with transaction.atomic():
        account_lock(account_id=account_id)
        if role_id is None:
            role = Role(account_id=account_id, name=f"role {uuid4()}")
        else:
            role = own_role(account_id=account_id, role_id=role_id)
            require_covered(account_id=account_id, role=role, given_by=given_by)
        adjusts = ADJUST_POINTS in values.grants
        role.title, role.description = " ".join(values.title.split()), values.description.strip()
        role.grants = [grant for grant in capabilities() if grant in set(values.grants)]
        role.points_at_once = values.points_at_once if adjusts else None
        role.points_per_day = values.points_per_day if adjusts else None
        if problems := _problems(role, values, given_by):
            raise ConsumersError(problems=problems)
        role.save()
    return role


def _problems(role: Role, values: RoleValues, given_by: User | None) -> list[Problem]:
    assert role.account_id is not None  # noqa: S101 - templates are never saved here
    if problem := key_problem(role.title):
        # No database is asked for such a text: PostgreSQL cannot compare it.
        return [Problem(code=problem.code, detail=problem.detail, attr="title")]
    problems = [*model_problems(role, exclude=("name",))]
    taken = Role.objects.filter(account_id=role.account_id, title__iexact=role.title).exclude(pk=role.pk)
    if role.title.casefold() in {name.casefold() for name in StaffRole.values} or taken.exists():
        problems.append(Problem(code="already_exists", detail=f"A role “{role.title}” exists already.", attr="title"))
    if unknown := set(values.grants) - set(capabilities()):
        detail = f"No functionality has this name: {', '.join(sorted(map(str, unknown))[:3])[:200]}."
        problems.append(Problem(code="invalid_choice", detail=detail, attr="grants"))
    problems += [
        Problem(
            code="required",
            detail=f"“{describe_grant(grant)}” needs “{describe_grant(need)}”: tick that too.",
            attr="grants",
        )
        for grant, need in missing_needs(role.grants).items()
    ]
    if given_by is not None:
        problems += _denials(role, authority_of(account_id=role.account_id, user=given_by))
    return problems


def _denials(role: Role, own: Authority) -> list[Problem]:
    """Return what somebody would give with a role and does not have themselves."""
    problems = []
    if beyond := [grant for grant in role.grants if grant not in own.grants]:
        named = get_text_list([f"“{describe_grant(grant)}”" for grant in beyond[:5]], "and")
        problems.append(
            Problem(
                code=GrantDenied.code,
                detail=f"You can only give permissions that you have yourself. You do not have: {named}.",
                attr="grants",
            )
        )
    limits = {"points_at_once": own.allowance.at_once, "points_per_day": own.allowance.per_day}
    for name, limit in limits.items():
        asked = getattr(role, name)
        if ADJUST_POINTS in role.grants and limit is not None and (asked is None or asked > limit):
            problems.append(
                Problem(code=GrantDenied.code, detail=f"You may give up to {limit:,}: your own limit.", attr=name)
            )
    return problems


def role_delete(*, account_id: int, role_id: int, given_by: User | None) -> None:
    """Delete a role that nobody holds.

    Raises:
        NotFound: the account has no such role of its own.
        GrantDenied: the role may do more than who deletes it.
        RoleInUse: somebody holds it; the refusal has the memberships.
    """
    # Race: somebody is given the role meanwhile. The account's lock admits one at a time.
    with transaction.atomic():
        account_lock(account_id=account_id)
        role = own_role(account_id=account_id, role_id=role_id)
        require_covered(account_id=account_id, role=role, given_by=given_by)
        holders = list(role.memberships.select_related("user").order_by("user__username"))
        if holders:
            raise RoleInUse(holders)
        role.delete()


def own_role(*, account_id: int, role_id: int) -> Role:
    """Return a role that the account made.

    Raises:
        NotFound: it made no such role.
    """
    role = Role.objects.filter(account_id=account_id, pk=role_id).first()
    if role is None:
        raise NotFound("This account does not have this role.")
    return role


def role_templates_sync(sender: Any, using: str = "default", apps: Apps = global_apps, **kwargs: Any) -> None:
    """Create the templates that are missing, after each migration and after a test empties the tables."""
    try:
        roles = apps.get_model("consumers", "Role")._default_manager.using(using)
    except LookupError:
        # Migrated up to a state that has no roles yet.
        return
    present = set(roles.filter(account=None).values_list("name", flat=True))
    for role in StaffRole:
        if role.value not in present:
            roles.create(name=role.value, title=role.label)
