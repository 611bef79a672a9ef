"""Staff users, and the accounts they are members of."""

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.models.account import Account


class User(AbstractUser):
    """A person who logs in to the admin; the role in the current account gives the permissions."""

    list_orders = models.JSONField(default=dict, blank=True, editable=False)
    """The last order of each admin list: columns by model."""

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
