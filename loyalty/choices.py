"""Types and states of the loyalty programme."""

from django.db import models


class PromotionType(models.TextChoices):
    FIXED_POINTS = "fixed_points", "Fixed points"
    POINTS_MULTIPLIER = "points_multiplier", "Points multiplier"
    BONUS_POINTS = "bonus_points", "Bonus points"
    REDEEM_OFFER = "redeem_offer", "Redeem offer"


class OfferKind(models.TextChoices):
    PERSONALISED = "personalised", "Personalised offer"
    TIERED = "tiered", "Tiered offer (costs points)"


class Benefit(models.TextChoices):
    AMOUNT = "amount", "Amount off"
    PERCENTAGE = "percentage", "Percentage off"
    PRODUCT = "product", "Free product"
    EXTERNAL = "external", "External (honoured by the till)"


class VoucherStatus(models.TextChoices):
    """The stored status; see ``Voucher`` for why ``expires_at`` decides."""

    ISSUED = "issued", "Issued"
    REDEEMED = "redeemed", "Redeemed"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"


class MessageState(models.TextChoices):
    """The state of a redemption message; ``uncertain`` and ``failed`` need attention."""

    WAITING = "waiting", "Waiting"
    CLAIMED = "claimed", "Being sent"
    SENT = "sent", "Sent"
    UNCERTAIN = "uncertain", "Uncertain"
    FAILED = "failed", "Not sent"
    CANCELLED = "cancelled", "Cancelled"


class TransactionKind(models.TextChoices):
    SALE = "sale", "Sale"
    PAST_SALE = "past_sale", "Past sale (imported)"
    UNLINKED_RETURN = "unlinked_return", "Return without its sale (imported)"


class TransactionStatus(models.TextChoices):
    COMMITTED = "committed", "Committed"
    PARTLY_RETURNED = "partly_returned", "Partly returned"
    RETURNED = "returned", "Returned"
    VOIDED = "voided", "Voided"


class ReversalKind(models.TextChoices):
    RETURN = "return", "Return"
    VOID = "void", "Void"


class EntryKind(models.TextChoices):
    """Why a ledger entry was written."""

    BASE = "base", "Base points"
    PROMOTION = "promotion", "Promotion"
    ADJUSTMENT = "adjustment", "Adjustment"
    CLAIM = "claim", "Claim of an offer"
    RETURN = "return", "Return"


class UpliftMetric(models.TextChoices):
    """What is compared per consumer, net of returns."""

    CONTRIBUTION = "contribution", "Contribution"
    SALES = "sales", "Sales"
    VISITS = "visits", "Visits"
    UNITS = "units", "Units"


class ResultsSource(models.TextChoices):
    """What results are counted from."""

    SALES = "sales", "Sales"
    RETURNS = "returns", "Returns"
