"""Links with which a person sets a new password, once and within ``PASSWORD_RESET_TIMEOUT``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from consumers.exceptions import NotFound, PasswordLinkDenied
from consumers.log_in import count_within
from consumers.models import StaffMembership, User
from consumers.services.role import Authority, role_authority

HOUR = 3600
MANAGE_STAFF = "Staff.change"
MAX_MAILS_OF_AN_HOUR = 3
"""To one person, whoever asks."""

MAX_USERS_OF_AN_ADDRESS = 5
"""Who share an e-mail address get a mail each."""


class PasswordTokens(PasswordResetTokenGenerator):
    """Tokens that end with the password, the last log-in, the e-mail address, and any change of what the user may do.

    So a link never gives more than the person might do when it was made.
    """

    key_salt = "consumers.services.password"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        rights = f"{user.is_active}{user.is_staff}{user.is_superuser}{sorted(_roles_by_account(user))}"
        return super()._make_hash_value(user, timestamp) + rights


password_tokens = PasswordTokens()


@dataclass(frozen=True, kw_only=True)
class PasswordLink:
    """The two parts of a link's address."""

    user_code: str
    token: str


def _link_of(user: User) -> PasswordLink:
    return PasswordLink(user_code=urlsafe_base64_encode(force_bytes(user.pk)), token=password_tokens.make_token(user))


def password_link_make(*, account_id: int, username: str, asked_by: User) -> PasswordLink:
    """Make a link for a member of the account, which an administrator hands to them.

    Raises:
        NotFound: the account has no such member.
        PasswordLinkDenied: the link would give the administrator more than they may do themselves.
    """
    membership = (
        StaffMembership.objects.filter(account_id=account_id, user__username=User.normalize_username(username))
        .select_related("user")
        .first()
    )
    if membership is None:
        raise NotFound(f"{username} is not a member of this account.")
    # Race: the person is made a member of another account meanwhile. The link is made before the check, and a link
    # ends with any change of memberships.
    link = _link_of(membership.user)
    if denial := password_link_denial(user=membership.user, asked_by=asked_by):
        raise PasswordLinkDenied(denial)
    return link


def password_link_denial(*, user: User, asked_by: User) -> str:
    """Return why somebody must not make a link for a user: it would give them more than they may do; "" if they may."""
    if user.pk == asked_by.pk:
        return "Change your own password in the menu below your name."
    if not user.is_active:
        return f"{user.username} is not active."
    if asked_by.is_superuser:
        return ""
    if user.is_superuser:
        return f"{user.username} is an administrator of the whole installation: you cannot make a link for them."
    own, theirs = _authority_by_account(asked_by), _authority_by_account(user)
    if any(account not in own or MANAGE_STAFF not in own[account].grants for account in theirs):
        return (
            f"{user.username} also works for an account whose staff you do not manage. "
            "They can ask for a link by e-mail, or an administrator of all their accounts can make one."
        )
    if any(not own[account].covers(authority) for account, authority in theirs.items()):
        return f"{user.username} has more permissions than you. Ask an administrator who has them all to make a link."
    return ""


def _authority_by_account(user: User) -> dict[int, Authority]:
    return {
        membership.account_id: role_authority(account_id=membership.account_id, role=membership.role)
        for membership in user.staff_memberships.select_related("role")
    }


def _roles_by_account(user: User) -> Iterator[tuple[int, int, list[str], str]]:
    """Yield of each account the role, its grants and its allowance."""
    for membership in user.staff_memberships.select_related("role"):
        role = membership.role
        yield membership.account_id, role.pk, sorted(role.held_grants), str(role.own_allowance)


def password_mails_send(*, entered: str, address_of: Callable[[PasswordLink], str]) -> int:
    """Send a link to each person with this user name or e-mail address; return how many.

    Nobody, or somebody without an address, is not an error: who asks must not learn whether a person exists.
    """
    users = User.objects.filter(
        Q(username=User.normalize_username(entered)) | Q(email__iexact=entered), is_active=True, is_staff=True
    ).exclude(email="")
    sent = 0
    for user in users.order_by("pk")[:MAX_USERS_OF_AN_ADDRESS]:
        if count_within(f"password mail {user.pk}", seconds=HOUR) > MAX_MAILS_OF_AN_HOUR:
            continue
        context = {
            "user": user,
            "address": address_of(_link_of(user)),
            "hours": settings.PASSWORD_RESET_TIMEOUT // HOUR,
        }
        body = render_to_string("admin/password/mail.txt", context)
        sent += send_mail("Your new password", body, None, [user.email])
    return sent
