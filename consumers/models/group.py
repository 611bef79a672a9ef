"""Named sets of consumers."""

from django.db import models

from consumers.lengths import MAX_KEY_LENGTH
from consumers.models.account import AccountOwned


class ConsumerGroup(AccountOwned):
    """A named set of consumers, known to integrators by its code."""

    code = models.CharField(max_length=MAX_KEY_LENGTH)
    name = models.CharField(max_length=200, blank=True)
    archived = models.BooleanField(default=False)

    class Meta:
        ordering = ("code",)
        verbose_name = "group"
        constraints = [models.UniqueConstraint(fields=("account", "code"), name="group_code_once_per_account")]

    def __str__(self) -> str:
        return self.name or self.code
