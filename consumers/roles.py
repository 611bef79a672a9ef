"""What staff of each role may do: one table of permissions per app, kept in the code.

The groups of these names are Django's, and are brought in line with the tables after every migration. A package
registers its own table when it starts; docs/permissions.md shows them all.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from consumers.choices import StaffRole

Grants = Mapping[StaffRole, Collection[str]]
"""Codenames of one app's permissions by role."""

_grants: dict[str, Grants] = {}


def codenames(actions: str, models: str) -> set[str]:
    """``view_site`` and so on, of every action and every model named."""
    return {f"{action}_{model}" for action in actions.split() for model in models.split()}


def role_grants_register(app_label: str, grants: Grants) -> None:
    """Let the roles have these permissions of an app."""
    _grants[app_label] = grants


def role_grants() -> dict[str, Grants]:
    """Every registered table by app."""
    return dict(_grants)


def role_groups_sync(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """Make the groups of the roles, and give them exactly the permissions of ``sender`` that its table says."""
    grants = _grants.get(sender.label)
    if grants is None:
        return
    # One transaction: nobody sees a role with half of its permissions.
    with transaction.atomic(using=using):
        known = {
            permission.codename: permission
            for permission in Permission.objects.using(using).filter(content_type__app_label=sender.label)
        }
        for role in StaffRole:
            group, _ = Group.objects.using(using).get_or_create(name=role.value)
            wanted = {known[codename] for codename in grants.get(role, ()) if codename in known}
            held = set(group.permissions.filter(content_type__app_label=sender.label))
            group.permissions.remove(*(held - wanted))
            group.permissions.add(*(wanted - held))


_SEEN = "site consumer consumergroup membership card account job"
_PEOPLE = "consumer membership card"

# To change a job is to cancel it; each sees their own.
_VIEWER = codenames("view", _SEEN) | codenames("change", "job")
_CUSTOMER_SERVICE = _VIEWER | codenames("add change", _PEOPLE) | codenames("delete", "card")
_MARKETER = _VIEWER | codenames("add change delete", "consumergroup") | codenames("add change", _PEOPLE)
_ADMINISTRATOR = (
    codenames("view add change delete", "site consumer consumergroup membership card staffmembership")
    | codenames("view change", "account job")
    | codenames("view", "job_of_others scheduledtask")
    | codenames("view add change", "apikey")
)

GRANTS: Grants = {
    StaffRole.ADMINISTRATOR: _ADMINISTRATOR,
    StaffRole.MARKETER: _MARKETER,
    StaffRole.CUSTOMER_SERVICE: _CUSTOMER_SERVICE,
    StaffRole.VIEWER: _VIEWER,
}
