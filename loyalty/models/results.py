"""What promotions gave and sold, added up by promotion, version, site and local day.

A task adds to these rows (``loyalty/services/results``): no till ever reads or writes them.

Amounts are whole millionths of the currency, so that every database adds them up exactly. Figures stand on the day and
site of the sale as it was sold and never fall; what came back is counted beside them, in the columns ``returned_…``.
"""

from django.db import models

from consumers.models import AccountOwned, Site
from loyalty.choices import ResultsSource
from promotions.models import Promotion, PromotionVersion

COUNTS = ("baskets", "redemptions", "points", "vouchers_issued", "vouchers_paid")
"""Figures that are numbers."""

AMOUNTS = (
    "discount",
    "points_value",
    "vouchers_discount",
    "promoted_sales",
    "basket_sales",
    "margin",
    "margin_unknown_sales",
)
"""Figures that are amounts of money."""

FIGURES = (*COUNTS, *AMOUNTS)
RETURNED_FIGURES = tuple(f"returned_{name}" for name in FIGURES)
COLUMNS = (*FIGURES, *RETURNED_FIGURES)
"""The columns that are added to."""


class ResultFigures(AccountOwned):
    """The figures of a row. ``expected_redemption`` is the account's percentage in force on the row's days."""

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey(PromotionVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    expected_redemption = models.DecimalField(max_digits=5, decimal_places=2)
    baskets = models.BigIntegerField(default=0)
    redemptions = models.BigIntegerField(default=0)
    points = models.BigIntegerField(default=0)
    vouchers_issued = models.BigIntegerField(default=0)
    vouchers_paid = models.BigIntegerField(default=0)
    discount = models.BigIntegerField(default=0)
    points_value = models.BigIntegerField(default=0)
    vouchers_discount = models.BigIntegerField(default=0)
    promoted_sales = models.BigIntegerField(default=0)
    basket_sales = models.BigIntegerField(default=0)
    margin = models.BigIntegerField(default=0)
    margin_unknown_sales = models.BigIntegerField(default=0)
    returned_baskets = models.BigIntegerField(default=0)
    returned_redemptions = models.BigIntegerField(default=0)
    returned_points = models.BigIntegerField(default=0)
    returned_vouchers_issued = models.BigIntegerField(default=0)
    returned_vouchers_paid = models.BigIntegerField(default=0)
    returned_discount = models.BigIntegerField(default=0)
    returned_points_value = models.BigIntegerField(default=0)
    returned_vouchers_discount = models.BigIntegerField(default=0)
    returned_promoted_sales = models.BigIntegerField(default=0)
    returned_basket_sales = models.BigIntegerField(default=0)
    returned_margin = models.BigIntegerField(default=0)
    returned_margin_unknown_sales = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class PromotionResult(ResultFigures):
    """The results of a promotion's version at a site on a local day."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("promotion", "day", "site", "version"), name="result_once_per_site_and_day")
        ]

    def __str__(self) -> str:
        return f"{self.promotion} at {self.site} on {self.day}"


class PromotionDayResult(ResultFigures):
    """The results of a promotion's version on a local day, at all sites: what totals and days are read from."""

    day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("promotion", "day", "version"), name="result_once_per_day_of_a_version")
        ]
        indexes = [models.Index(fields=("account", "day"), name="result_by_account_and_day")]

    def __str__(self) -> str:
        return f"{self.promotion} on {self.day}"


class PromotionMonthResult(ResultFigures):
    """The results of a promotion's version at a site in a month: what sites are read from, with the days at the ends.

    ``month`` is its first day. A month in which the expected redemption changed has a row for each figure, so that the
    cost stays exact.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("promotion", "month", "site", "version", "expected_redemption"),
                name="result_once_per_site_and_month",
            )
        ]

    def __str__(self) -> str:
        return f"{self.promotion} at {self.site} in {self.month:%Y-%m}"


class PromotionMonthTotal(ResultFigures):
    """The results of a promotion's version in a month, at all sites: what totals of long periods are read from.

    A month in which the expected redemption changed has a row for each figure.
    """

    month = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("promotion", "month", "version", "expected_redemption"), name="result_once_per_month"
            )
        ]
        indexes = [models.Index(fields=("account", "month"), name="result_by_account_and_month")]

    def __str__(self) -> str:
        return f"{self.promotion} in {self.month:%Y-%m}"


class PromotionDayConsumers(models.Model):
    """Who redeemed a promotion on a local day.

    ``consumers`` are their ids, a 64-bit Roaring bitmap (https://roaringbitmap.org) in its portable form: bitmaps of
    any days merge into the exact number of different consumers. ``count`` is how many the day has.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    count = models.PositiveIntegerField()
    consumers = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("promotion", "day"), name="result_consumers_once_per_day")]

    def __str__(self) -> str:
        return f"{self.promotion}: {self.count} on {self.day}"


class PromotionMonthConsumers(models.Model):
    """Who redeemed a promotion in a month that is over: the days' bitmaps, merged.

    A month without a row is read from its days.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    count = models.PositiveIntegerField()
    consumers = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("promotion", "month"), name="result_consumers_once_per_month")]

    def __str__(self) -> str:
        return f"{self.promotion}: {self.count} in {self.month:%Y-%m}"


class PromotionWeekConsumers(models.Model):
    """How many redeemed a promotion in a week that is over; ``week`` is its Monday.

    A week without a row is read from its days.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="+", db_index=False)
    week = models.DateField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("promotion", "week"), name="result_consumers_once_per_week")]

    def __str__(self) -> str:
        return f"{self.promotion}: {self.count} in the week of {self.week}"


class ResultsMark(models.Model):
    """How far sales and returns are counted: every id up to ``counted_to`` that is not in a gap.

    A run holds the lock on this row; it moves in the transaction that adds to the results. ``as_of`` is the moment up
    to which everything committed is in them.

    ``summed_to`` is how far months are added up: it differs from ``counted_to`` only where results were counted by a
    version that did not have them, and then the next run adds them up again. ``merged_to`` is the day up to which
    consumers of weeks and months are merged; the sales' mark has it for both.
    """

    source = models.CharField(max_length=8, choices=ResultsSource.choices, primary_key=True)
    counted_to = models.BigIntegerField(default=0)
    summed_to = models.BigIntegerField(null=True)
    merged_to = models.DateField(null=True)
    as_of = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.get_source_display()} up to {self.counted_to}"


class ResultsGap(models.Model):
    """Ids up to the mark that were not there when it passed: their transaction was open, or never committed.

    They are looked for in each run. ``seen_at`` is when they were first missed, by the database's clock.
    """

    source = models.CharField(max_length=8, choices=ResultsSource.choices)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("source", "first"), name="results_gap_once")]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.first}–{self.last}"
