"""Messages to consumers about redemptions."""

from django.db import models

from consumers.models import AccountOwned, Consumer
from loyalty.choices import MessageState
from loyalty.models.transaction import AppliedPromotion


class RedemptionMessage(AccountOwned):
    """The e-mail about one promotion that applied to one transaction: recorded with the sale, sent by a worker.

    ``address``, ``subject`` and ``body`` (HTML) are those of the commit. A waiting message is due from
    ``next_attempt_at``; one that was not sent by ``give_up_at`` has failed. ``claimed_at`` is when a worker last
    claimed it, and tells one claim from a later one.
    """

    applied = models.OneToOneField(AppliedPromotion, on_delete=models.PROTECT, related_name="message")
    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="redemption_messages")
    address = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=16, choices=MessageState.choices, default=MessageState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    recorded_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ("-recorded_at", "-id")
        verbose_name = "redemption message"
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state=MessageState.CLAIMED) | models.Q(claimed_at__isnull=False),
                name="message_claimed_at_a_moment",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=MessageState.SENT) | models.Q(sent_at__isnull=False),
                name="message_sent_at_a_moment",
            ),
        ]
        indexes = [
            models.Index(fields=("account", "-recorded_at", "-id"), name="message_by_moment"),
            models.Index(
                fields=("next_attempt_at", "id"), condition=models.Q(state=MessageState.WAITING), name="message_due"
            ),
            models.Index(
                fields=("account",),
                condition=models.Q(state__in=[MessageState.FAILED, MessageState.UNCERTAIN]),
                name="message_in_trouble",
            ),
            models.Index(
                fields=("claimed_at",), condition=models.Q(state=MessageState.CLAIMED), name="message_in_hand"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} → {self.address}"
