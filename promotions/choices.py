"""Families, types and lifecycle of promotions."""

from django.db import models


class Family(models.TextChoices):
    LOYALTY = "loyalty", "Loyalty promotion"
    DISCOUNT = "discount", "Discount"


class DiscountType(models.TextChoices):
    AMOUNT = "amount", "Amount off"
    PERCENTAGE = "percentage", "Percentage off"
    FIXED_PRICE = "fixed_price", "Fixed price"
    FREE_PRODUCT = "free_product", "Free product"


class PriceOrder(models.TextChoices):
    CHEAPEST = "cheapest", "Cheapest first"
    MOST_EXPENSIVE = "most_expensive", "Most expensive first"


class SoldBy(models.TextChoices):
    UNIT = "unit", "Unit"
    WEIGHT = "weight", "Weight"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    ACTIVE = "active", "Active"
    STOPPED = "stopped", "Stopped"
    ENDED = "ended", "Ended"


class ReferenceKind(models.TextChoices):
    """The kinds of rows that a promotion may reference; such a row cannot be deleted."""

    GROUP = "group", "Group"
    SITE = "site", "Site"
    PRODUCT = "product", "Product"
    OFFER = "offer", "Offer"
    PERSONALIZED_PROMOTION = "personalized_promotion", "Personalized promotion"
