"""Roles of staff: one table of permissions per app, in code.

Each role is a Django group of that name, updated to the tables after every migration. A package registers its table
when it starts; docs/permissions.md shows them all.
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
    """Return the codenames, such as ``view_site``, of every action and model named."""
    return {f"{action}_{model}" for action in actions.split() for model in models.split()}


def role_grants_register(app_label: str, grants: Grants) -> None:
    """Register the permissions that the roles have of an app."""
    _grants[app_label] = grants


def role_grants() -> dict[str, Grants]:
    """Return the registered tables, by app."""
    return dict(_grants)


def role_groups_sync(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """Create the roles' groups, and give them exactly the permissions of the app ``sender`` in its table."""
    grants = _grants.get(sender.label)
    if grants is None:
        return
    # One transaction: nobody sees a role with half of its permissions.
    with transaction.atomic(using=using):
        permissions = {
            permission.codename: permission
            for permission in Permission.objects.using(using).filter(content_type__app_label=sender.label)
        }
        for role in StaffRole:
            group, _ = Group.objects.using(using).get_or_create(name=role.value)
            granted = {permissions[name] for name in grants.get(role, ()) if name in permissions}
            current = set(group.permissions.filter(content_type__app_label=sender.label))
            group.permissions.remove(*(current - granted))
            group.permissions.add(*(granted - current))


_VIEWABLE = "site consumer consumergroup membership card account job"
_PEOPLE = "consumer membership card"

# "change job" allows cancelling; without view_job_of_others, users see their own jobs only.
_VIEWER = codenames("view", _VIEWABLE) | codenames("change", "job")
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
