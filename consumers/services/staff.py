"""Write staff memberships."""

from dataclasses import replace

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from consumers.choices import StaffRole
from consumers.exceptions import AlreadyExists, ConsumersError, LastAdministrator, NotFound
from consumers.models import Role, StaffMembership, User
from consumers.selectors import role_titled
from consumers.services.account import account_lock
from consumers.services.role import require_covered
from consumers.services.saved_filter import saved_filters_remove
from consumers.services.upsert import model_problems, validation_problems


def staff_member_add(
    *,
    account_id: int,
    username: str,
    role: str,
    given_by: User | None = None,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
    password: str | None = None,
) -> StaffMembership:
    """Make a user a member of an account; an unknown user is created, a known one keeps name, address and password.

    Without a ``password`` a new user cannot log in until one is set. ``role`` is the title of a template or of a role
    that the account made; ``given_by`` is who gives it, None for the installation itself.

    Raises:
        AlreadyExists: the user is a member of the account.
        GrantDenied: the role may do more than who gives it.
        ConsumersError: values are invalid; each problem under its field.
    """
    # Race: two calls for one user, or a role that changes while it is given. The account's lock admits one at a time,
    # and the second sees the first's user and role.
    username = User.normalize_username(username)
    with transaction.atomic():
        account_lock(account_id=account_id)
        given = _role_to_give(account_id, role, given_by)
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User(username=username, email=email, first_name=first_name, last_name=last_name, is_staff=True)
            _validate_and_set_password(user, password)
            user.save()
        elif not user.is_staff:
            user.is_staff = True
            user.save(update_fields=["is_staff"])
        membership, created = StaffMembership.objects.get_or_create(
            user=user, account_id=account_id, defaults={"role": given}
        )
        if not created:
            raise AlreadyExists(f"{username} is a member of this account already.", attr="username")
    return membership


def staff_role_set(*, account_id: int, username: str, role: str, given_by: User | None = None) -> StaffMembership:
    """Give a member another role: ``role`` is its title.

    Raises:
        GrantDenied: the new role, or the one before, may do more than who gives it.
        NotFound: the account has no such member.
        LastAdministrator: the account would be left without an administrator.
    """
    # Race: two administrators step down at once. The account's lock admits one at a time.
    with transaction.atomic():
        membership = _member_lock(account_id, username)
        had_administrator = _has_administrator(account_id)
        require_covered(account_id=account_id, role=membership.role, given_by=given_by)
        membership.role = _role_to_give(account_id, role, given_by)
        membership.save()
        if had_administrator:
            _require_administrator(account_id)
    return membership


def staff_member_remove(*, account_id: int, username: str, given_by: User | None = None) -> None:
    """End a membership, with the filters that the member saved. The user stays, and stays a member of other accounts.

    Raises:
        GrantDenied: the member may do more than who removes them.
        NotFound: the account has no such member.
        LastAdministrator: the account would be left without an administrator.
    """
    # Race: two administrators leave at once. The account's lock admits one at a time.
    with transaction.atomic():
        membership = _member_lock(account_id, username)
        require_covered(account_id=account_id, role=membership.role, given_by=given_by)
        had_administrator = _has_administrator(account_id)
        saved_filters_remove(account_id=account_id, user_id=membership.user_id)
        membership.delete()
        if had_administrator:
            _require_administrator(account_id)


def _member_lock(account_id: int, username: str) -> StaffMembership:
    account_lock(account_id=account_id)
    memberships = StaffMembership.objects.filter(account_id=account_id).select_related("role")
    membership = memberships.filter(user__username=User.normalize_username(username)).first()
    if membership is None:
        raise NotFound(f"{username} is not a member of this account.")
    return membership


def _role_to_give(account_id: int, title: str, given_by: User | None) -> Role:
    role = role_titled(account_id=account_id, title=title)
    if role is None:
        raise ConsumersError("This account does not have this role.", attr="role")
    require_covered(account_id=account_id, role=role, given_by=given_by)
    return role


def _has_administrator(account_id: int) -> bool:
    return StaffMembership.objects.filter(
        account_id=account_id, role__account=None, role__name=StaffRole.ADMINISTRATOR, user__is_active=True
    ).exists()


def _require_administrator(account_id: int) -> None:
    if not _has_administrator(account_id):
        raise LastAdministrator("An account needs an administrator. Make someone else an administrator first.")


def _validate_and_set_password(user: User, password: str | None) -> None:
    problems = [*model_problems(user, exclude=("password",))]
    if password is None:
        user.set_unusable_password()
    else:
        try:
            validate_password(password, user)
        except ValidationError as error:
            problems += [replace(problem, attr="password") for problem in validation_problems(error)]
        user.set_password(password)
    if problems:
        raise ConsumersError(problems=problems)
