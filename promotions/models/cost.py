"""What promotions cost the decisions that evaluate them, from sampled timings."""

from django.db import models

from promotions.models.promotion import Promotion


class PromotionCost(models.Model):
    """The processor time that sampled baskets took to evaluate one version of a promotion.

    All nodes add to the one row; a newer version starts again from nothing.
    """

    promotion = models.OneToOneField(Promotion, on_delete=models.CASCADE, primary_key=True, related_name="cost")
    version = models.PositiveIntegerField()
    baskets = models.PositiveBigIntegerField()
    nanoseconds = models.PositiveBigIntegerField()
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(baskets__gt=0), name="promotion_cost_of_some_baskets"),
        ]

    def __str__(self) -> str:
        return f"{self.promotion}: {self.nanoseconds} ns in {self.baskets} baskets"
