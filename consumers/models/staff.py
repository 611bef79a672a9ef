"""Staff users, and the accounts they are members of."""

import unicodedata
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.db import models
from django.db.models.functions import Lower
from simple_history.models import HistoricalRecords

from consumers.models.account import Account


class StaffManager(UserManager["User"]):
    """Finds people by their name, however it was written."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return super().get_by_natural_key(User.normalize_username(username or ""))


class User(AbstractUser):
    """A person who logs in to the admin; the role in the current account gives the permissions.

    User names are stored in small letters: two of them differ by more than case.
    """

    objects: ClassVar[StaffManager] = StaffManager()

    list_orders = models.JSONField(default=dict, blank=True, editable=False)
    """The last order of each admin list: columns by model."""

    class Meta(AbstractUser.Meta):
        constraints = (
            models.CheckConstraint(condition=models.Q(username=Lower("username")), name="user_name_in_small_letters"),
        )

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Return a user name as it is stored, and looked for."""
        # Folded twice: what folding makes of a character may be composed, or written small, in a further step.
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
        return folded.lower()

    current_membership: "StaffMembership | None" = None
    """Set once per request by the account switch; None outside a request and for users without an account."""


class StaffMembership(models.Model):
    """A user's membership of an account, with a role (a group of permissions) in it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="staff_memberships", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="staff_memberships")
    role = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ("account__name", "user__username")
        verbose_name = "member of staff"
        verbose_name_plural = "staff"
        constraints = [models.UniqueConstraint(fields=("user", "account"), name="staff_membership_once_per_account")]

    def __str__(self) -> str:
        return f"{self.user} · {self.account}"
