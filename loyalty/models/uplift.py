"""Who could have a promotion and who was its control group, with what they bought."""

from django.db import models

from consumers.models import AccountOwned, Consumer
from promotions.models import Promotion

SCALE = 10**6
"""Figures are whole millionths, so that every database adds them up exactly."""


class UpliftPopulation(AccountOwned):
    """The members of a promotion's group when it started: who is compared does not change with who joins.

    Without a promotion it is a ``year`` of the programme: all consumers of the account when the universal holdout began
    to leave out that year's draw. ``group`` is blank then, and ``percentage`` the holdout's.

    ``group`` and ``percentage`` are the control group's at that moment. Sales from ``measured_from`` on count, up to
    ``measured_to`` (None: no end yet), which follows the promotion's end. ``frozen_at`` is when the members were
    listed, and ``later_joiners`` how many consumers have joined the group since, at ``joiners_counted_at``.
    """

    promotion = models.OneToOneField(Promotion, on_delete=models.CASCADE, related_name="uplift_population", null=True)
    year = models.PositiveSmallIntegerField(null=True)
    group = models.CharField(max_length=64)
    percentage = models.DecimalField(max_digits=7, decimal_places=4)
    measured_from = models.DateTimeField()
    measured_to = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField()
    members = models.PositiveBigIntegerField(default=0)
    is_complete = models.BooleanField(default=False)
    later_joiners = models.PositiveBigIntegerField(default=0)
    joiners_counted_at = models.DateTimeField(null=True)

    class Meta:
        # Those of promotions have no year.
        constraints = [models.UniqueConstraint(fields=("account", "year"), name="uplift_programme_once_a_year")]

    def __str__(self) -> str:
        return f"{self.promotion or self.year}: {self.members} consumers"


class UpliftMember(models.Model):
    """A consumer of a population.

    ``is_control`` is None until the task has measured them first. Figures are millionths, net of returns: those of the
    promotion's period, and ``…_before`` those of the eight weeks before it. ``uncosted_sales`` are sales of products
    whose cost price was not known, which ``contribution`` leaves out. ``is_triggered`` says whether the promotion was
    redeemed, or would have been if it had not been held out; of the programme, any that does not ignore the universal
    holdout. ``is_left_out`` marks members of a promotion's population whom the universal holdout has: they are in
    neither arm. ``is_stale`` marks a member whose sales changed since.
    """

    population = models.ForeignKey(UpliftPopulation, on_delete=models.CASCADE, related_name="rows", db_index=False)
    consumer = models.ForeignKey(Consumer, on_delete=models.CASCADE, related_name="+", db_index=False)
    is_control = models.BooleanField(null=True)
    is_triggered = models.BooleanField(default=False, db_default=False)
    is_left_out = models.BooleanField(default=False, db_default=False)
    is_stale = models.BooleanField(default=True, db_default=True)
    contribution = models.BigIntegerField(default=0, db_default=0)
    sales = models.BigIntegerField(default=0, db_default=0)
    visits = models.BigIntegerField(default=0, db_default=0)
    units = models.BigIntegerField(default=0, db_default=0)
    uncosted_sales = models.BigIntegerField(default=0, db_default=0)
    contribution_before = models.BigIntegerField(default=0, db_default=0)
    sales_before = models.BigIntegerField(default=0, db_default=0)
    visits_before = models.BigIntegerField(default=0, db_default=0)
    units_before = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            # The consumer first: who sells to a consumer looks for their populations.
            models.UniqueConstraint(fields=("consumer", "population"), name="uplift_member_once_per_population")
        ]
        indexes = [
            models.Index(fields=("population", "id"), name="uplift_member_by_population"),
            models.Index(fields=("id",), condition=models.Q(is_stale=True), name="uplift_member_stale"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer} in {self.population_id}"
