"""How an account decides between promotions that compete."""

from django.db import models


class PromotionBias(models.TextChoices):
    MAX_CUSTOMER_SAVING = "max_customer_saving", "Max-customer saving"
    MIN_CUSTOMER_SAVING = "min_customer_saving", "Min-customer saving"


class DiscountCombination(models.TextChoices):
    RANKED = "ranked", "Ranked"
    BEST_TOTAL = "best_total", "Best total"


class PromotionAge(models.TextChoices):
    NEWEST = "newest", "Newest promotion"
    OLDEST = "oldest", "Oldest promotion"
