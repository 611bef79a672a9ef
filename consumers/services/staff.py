"""Write staff memberships."""

from dataclasses import replace

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from consumers.choices import StaffRole
from consumers.exceptions import AlreadyExists, ConsumersError, LastAdministrator, NotFound
from consumers.models import StaffMembership, User
from consumers.services.account import account_lock
from consumers.services.upsert import model_problems, validation_problems


def staff_member_add(
    *,
    account_id: int,
    username: str,
    role: StaffRole,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
    password: str | None = None,
) -> StaffMembership:
    """Make a user a member of an account; an unknown user is created, a known one keeps name, address and password.

    Without a ``password`` a new user cannot log in until one is set.

    Raises:
        AlreadyExists: the user is a member of the account.
        ConsumersError: values are invalid; each problem under its field.
    """
    # Race: two calls for one user. The account's lock admits one at a time, and the second sees the first's user.
    username = User.normalize_username(username)
    with transaction.atomic():
        account_lock(account_id=account_id)
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User(username=username, email=email, first_name=first_name, last_name=last_name, is_staff=True)
            _validate_and_set_password(user, password)
            user.save()
        elif not user.is_staff:
            user.is_staff = True
            user.save(update_fields=["is_staff"])
        group = Group.objects.get(name=role.value)
        membership, created = StaffMembership.objects.get_or_create(
            user=user, account_id=account_id, defaults={"role": group}
        )
        if not created:
            raise AlreadyExists(f"{username} is a member of this account already.", attr="username")
    return membership


def staff_role_set(*, account_id: int, username: str, role: StaffRole) -> StaffMembership:
    """Give a member another role.

    Raises:
        NotFound: the account has no such member.
        LastAdministrator: the account would be left without an administrator.
    """
    # Race: two administrators step down at once. The account's lock admits one at a time.
    with transaction.atomic():
        membership = _member_lock(account_id, username)
        had_administrator = _has_administrator(account_id)
        membership.role = Group.objects.get(name=role.value)
        membership.save()
        if had_administrator:
            _require_administrator(account_id)
    return membership


def staff_member_remove(*, account_id: int, username: str) -> None:
    """End a membership. The user stays, and stays a member of other accounts.

    Raises:
        NotFound: the account has no such member.
        LastAdministrator: the account would be left without an administrator.
    """
    # Race: two administrators leave at once. The account's lock admits one at a time.
    with transaction.atomic():
        membership = _member_lock(account_id, username)
        had_administrator = _has_administrator(account_id)
        membership.delete()
        if had_administrator:
            _require_administrator(account_id)


def _member_lock(account_id: int, username: str) -> StaffMembership:
    account_lock(account_id=account_id)
    membership = StaffMembership.objects.filter(
        account_id=account_id, user__username=User.normalize_username(username)
    ).first()
    if membership is None:
        raise NotFound(f"{username} is not a member of this account.")
    return membership


def _has_administrator(account_id: int) -> bool:
    return StaffMembership.objects.filter(
        account_id=account_id, role__name=StaffRole.ADMINISTRATOR, user__is_active=True
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
