"""Each consumer's redemptions of, and progress towards, each promotion."""

from django.db import models

from consumers.models import Consumer
from promotions.models import Promotion


class PromotionUsage(models.Model):
    """A consumer's redemptions of a promotion, and their progress towards its application rules.

    ``progress`` is a summary of the consumer's qualifying transactions by local day, valid for the rules whose
    signature is ``progress_signature``; for another signature it is computed again from history.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="usage", db_index=False)
    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="promotion_usage", db_index=False)
    redemptions = models.PositiveIntegerField(default=0)
    progress_signature = models.CharField(max_length=64, blank=True)
    progress = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("promotion", "consumer"), name="usage_once_per_promotion_and_consumer")
        ]
        indexes = [models.Index(fields=("consumer", "promotion"), name="usage_by_consumer")]

    def __str__(self) -> str:
        return f"{self.consumer} · {self.promotion}: {self.redemptions}"
