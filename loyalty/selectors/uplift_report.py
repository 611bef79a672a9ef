"""Put together what is known of a promotion's uplift at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from consumers.models import Account
from loyalty.choices import UpliftMetric
from loyalty.exceptions import NoControlGroup, NotMeasuredYet, NoUniversalHoldout
from loyalty.models import UpliftPopulation
from loyalty.selectors.universal_holdout import holdout_period
from loyalty.selectors.uplift import (
    MetricSums,
    population_of,
    population_sums,
    programme_population_of,
)
from loyalty.uplift.statistics import SampleRatio, sample_ratio
from loyalty.uplift.verdict import Estimate, Verdict, days_more, estimate_arms, verdict_of
from promotions.models import Promotion


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricUplift:
    """The uplift of one metric.

    ``days_more`` is how long a verdict would take if the difference stays; None where it is known, where the promotion
    is over, or where it would take years.
    """

    metric: UpliftMetric
    assigned: Estimate
    triggered: Estimate
    verdict: Verdict
    days_more: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UpliftReport:
    """The uplift of a promotion or of the programme, by metric.

    ``uncosted_share`` is the share of sales without a known cost price; ``is_changed`` says that the control group is
    no longer the one that is measured.
    """

    population: UpliftPopulation
    ratio: SampleRatio
    metrics: Mapping[UpliftMetric, MetricUplift]
    is_over: bool
    uncosted_share: float
    is_changed: bool


def has_control_group(promotion: Promotion) -> bool:
    """Return whether a promotion's current definition has a control group."""
    return bool(promotion.eligibility.get("control_group"))


def uplift_report(*, promotion: Promotion, at: datetime) -> UpliftReport:
    """Return a promotion's uplift as measured by a moment.

    Raises:
        NoControlGroup: it has none, and had none when it started.
        NotMeasuredYet: it has not started, or its population is not listed yet.
    """
    population = population_of(promotion=promotion)
    if population is None:
        if has_control_group(promotion):
            raise NotMeasuredYet("The promotion has not started, or has only just: there is nothing to compare yet.")
        raise NoControlGroup("The promotion has no control group, so there is nothing to compare it with.")
    return _report(population, at=at, planned_end=promotion.ends_at, is_changed=_is_changed(promotion, population))


def programme_report(*, account: Account, year: int, at: datetime) -> UpliftReport:
    """Return what a year of the account's programme brought, against its universal holdout, as measured by a moment.

    Raises:
        NoUniversalHoldout: nobody was held out in that year.
        NotMeasuredYet: it has not begun, or its consumers are not listed yet.
    """
    population = programme_population_of(account_id=account.pk, year=year)
    period = holdout_period(account, year)
    if population is None:
        if period is not None and period[1] > at:
            raise NotMeasuredYet(
                "The universal holdout has not started, or only just: there is nothing to compare yet."
            )
        raise NoUniversalHoldout(f"The account had no universal holdout in {year}, so there is nothing to compare.")
    # Years that are over follow the settings no more: those are of other years.
    is_over = population.measured_to is not None and population.measured_to <= at
    return _report(
        population,
        at=at,
        planned_end=period[1] if period else None,
        is_changed=not is_over and account.holdout_percentage != population.percentage,
    )


def _report(
    population: UpliftPopulation, *, at: datetime, planned_end: datetime | None, is_changed: bool
) -> UpliftReport:
    sums = population_sums(population=population)
    treated, control = sums.metrics[UpliftMetric.CONTRIBUTION].assigned
    ratio = sample_ratio(treated=treated.n, control=control.n, control_share=float(population.percentage) / 100)
    is_over = population.measured_to is not None and population.measured_to <= at
    context = _Moment(
        population=population,
        ratio=ratio,
        days_so_far=(at - population.measured_from) / timedelta(days=1),
        is_over=is_over,
        is_planned_end=is_over and population.measured_to == planned_end,
    )
    return UpliftReport(
        population=population,
        ratio=ratio,
        metrics={metric: _metric_uplift(metric, sums.metrics[metric], context) for metric in UpliftMetric},
        is_over=is_over,
        uncosted_share=sums.uncosted_share,
        is_changed=is_changed,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moment:
    """When and of whom an uplift is estimated."""

    population: UpliftPopulation
    ratio: SampleRatio
    days_so_far: float
    is_over: bool
    is_planned_end: bool


def _metric_uplift(metric: UpliftMetric, sums: MetricSums, moment: _Moment) -> MetricUplift:
    # Planned are all members, also for the triggered: how many these will be is not known in advance.
    planned = max(moment.population.members, 1)
    assigned, triggered = (
        estimate_arms(treated=arms.treated, control=arms.control, planned=planned, is_planned_end=moment.is_planned_end)
        for arms in sums
    )
    verdict = verdict_of(assigned, moment.ratio)
    is_waiting = verdict == Verdict.UNKNOWN and not moment.is_over
    return MetricUplift(
        metric=metric,
        assigned=assigned,
        triggered=triggered,
        verdict=verdict,
        days_more=days_more(assigned, days_so_far=moment.days_so_far) if is_waiting else None,
    )


def _is_changed(promotion: Promotion, population: UpliftPopulation) -> bool:
    control = promotion.eligibility.get("control_group")
    if not control:
        return True
    return bool(control["group"] != population.group or Decimal(control["percentage"]) != population.percentage)
