"""Staff users, and the accounts they are members of."""

import unicodedata
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from simple_history.models import HistoricalRecords

from consumers.choices import StaffRole
from consumers.functionalities import Allowance, permissions_of, template_grants
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


class Role(Group):
    """What staff may do in an account: grants of functionalities, and how many points they may adjust.

    The four templates belong to no account, and the code says what they grant: nobody changes or deletes them. Every
    other role belongs to the account that made it. It is a Django group with a name that nobody sees, for groups are
    named once in the whole installation; its permissions come from its grants alone.
    """

    objects: ClassVar[models.Manager["Role"]] = models.Manager()  # type: ignore[assignment]

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", null=True, blank=True, editable=False, db_index=False
    )
    title = models.CharField("role name", max_length=60)
    description = models.CharField(max_length=200, blank=True)
    grants = models.JSONField(default=list, blank=True)
    points_at_once = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    points_per_day = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])

    history = HistoricalRecords(excluded_fields=["name"])

    class Meta:
        ordering = ("title",)
        verbose_name = "role"
        constraints = [models.UniqueConstraint("account", Lower("title"), name="role_title_once_per_account")]

    def __str__(self) -> str:
        return self.title

    @property
    def template(self) -> StaffRole | None:
        """Return which of the four templates this is; None for a role that an account made."""
        return StaffRole(self.name) if self.account_id is None else None

    @property
    def held_grants(self) -> frozenset[str]:
        """Return the grants of the role, such as ``Discounts.see``."""
        return template_grants(self.template) if self.template else frozenset(self.grants)

    @property
    def permission_names(self) -> frozenset[str]:
        """Return the permissions (``app.codename``) of the role."""
        return permissions_of(self.held_grants)

    @property
    def own_allowance(self) -> Allowance:
        """Return how many points holders of a role that an account made may adjust."""
        return Allowance(self.points_at_once, self.points_per_day)


class StaffMembership(models.Model):
    """A user's membership of an account, with a role in it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="staff_memberships", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="staff_memberships")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="memberships")
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ("account__name", "user__username")
        verbose_name = "member of staff"
        verbose_name_plural = "staff"
        constraints = [models.UniqueConstraint(fields=("user", "account"), name="staff_membership_once_per_account")]

    def __str__(self) -> str:
        return f"{self.user} · {self.account}"
