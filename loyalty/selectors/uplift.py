"""Read populations, and the sums over their members that uplift is estimated from."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, FloatField, QuerySet, Sum
from django.db.models.functions import Cast

from consumers.models import Consumer, ConsumerGroup
from loyalty.choices import UpliftMetric
from loyalty.models import UpliftMember, UpliftPopulation
from loyalty.models.uplift import SCALE
from loyalty.uplift.statistics import ArmSums
from promotions.engine.facts.consumer import Shopper
from promotions.engine.rulebook.promotion import ControlGroup, PromotionSource, compile_promotion
from promotions.models import Promotion


def promotions_to_freeze(*, at: datetime) -> QuerySet[Promotion]:
    """Return the promotions with a control group that have started, and whose population is not frozen."""
    started = Promotion.objects.filter(starts_at__lte=at, draft=False, archived=False, uplift_population=None)
    return started.filter(eligibility__control_group__has_key="group").order_by("pk")


def population_of(*, promotion: Promotion) -> UpliftPopulation | None:
    """Return who is compared for a promotion; None where it has not started, or has no control group."""
    return UpliftPopulation.objects.filter(promotion=promotion).first()


def later_joiners_of(population: UpliftPopulation) -> int:
    """Return how many consumers have joined the group since the population was frozen."""
    group = ConsumerGroup.objects.filter(account_id=population.account_id, code=population.group).first()
    if group is None:
        return 0
    frozen = UpliftMember.objects.filter(population=population).values("consumer_id")
    joined = Consumer.groups.through.objects.filter(consumergroup_id=group.pk).exclude(consumer_id__in=frozen)
    return joined.count()


def arm_judge(population: UpliftPopulation) -> Callable[[str], bool]:
    """Return a function that tells of a consumer id whether its consumer is control, by the engine's own hash."""
    promotion = compile_promotion(_source(population.promotion))
    control = ControlGroup(group=population.group, percentage=population.percentage)
    today = population.frozen_at.date()

    def is_control(consumer_id: str) -> bool:
        shopper = Shopper(consumer_id=consumer_id, today=today, groups=frozenset({population.group}))
        return control.holds_out(promotion, shopper)

    return is_control


def _source(promotion: Promotion) -> PromotionSource:
    return PromotionSource(
        id=promotion.pk,
        family=promotion.family,
        code=promotion.code,
        type=promotion.type,
        subtype=promotion.subtype,
        name=promotion.name,
        version=promotion.version,
        version_id=0,
        currency=promotion.currency,
        starts_at=promotion.starts_at,
        ends_at=promotion.ends_at,
        draft=promotion.draft,
        stopped_at=promotion.stopped_at,
        outcome=promotion.outcome,
        eligibility=promotion.eligibility,
        content=promotion.content,
    )


class Arms(NamedTuple):
    """The sums of both arms."""

    treated: ArmSums
    control: ArmSums


class PopulationSums(NamedTuple):
    """The sums of a metric over all members as assigned, and over those whom the promotion reached or would have."""

    assigned: Arms
    triggered: Arms


def population_sums(*, population: UpliftPopulation) -> Mapping[UpliftMetric, PopulationSums]:
    """Return the sums of each metric over the members measured so far, by arm, in one statement."""
    sums: dict[str, Sum] = {}
    for metric in UpliftMetric.values:
        x, y = (Cast(F(name), FloatField()) / SCALE for name in (metric, f"{metric}_before"))
        terms = {"x": x, "xx": x * x, "y": y, "yy": y * y, "xy": x * y}
        sums |= {f"{metric}_{name}": Sum(term) for name, term in terms.items()}
    members = UpliftMember.objects.filter(population=population, is_control__isnull=False)
    rows = members.values("is_control", "is_triggered").annotate(n=Count("pk"), **sums).order_by()
    rows_by_arm: dict[tuple[bool | None, bool], Mapping[str, Any]] = {
        (row["is_control"], row["is_triggered"]): row for row in rows
    }
    return {metric: _sums_of(metric, rows_by_arm) for metric in UpliftMetric}


def _sums_of(metric: UpliftMetric, rows: Mapping[tuple[bool | None, bool], Mapping[str, Any]]) -> PopulationSums:
    def arm(*, is_control: bool, is_triggered: bool) -> ArmSums:
        row = rows.get((is_control, is_triggered))
        if row is None:
            return ArmSums()
        return ArmSums(n=row["n"], **{name: row[f"{metric}_{name}"] for name in ("x", "xx", "y", "yy", "xy")})

    triggered = Arms(arm(is_control=False, is_triggered=True), arm(is_control=True, is_triggered=True))
    others = Arms(arm(is_control=False, is_triggered=False), arm(is_control=True, is_triggered=False))
    assigned = Arms(triggered.treated + others.treated, triggered.control + others.control)
    return PopulationSums(assigned=assigned, triggered=triggered)


def uncosted_share(*, population: UpliftPopulation) -> float:
    """Return which share of the sales in the period had no known cost price, from 0 to 1."""
    members = UpliftMember.objects.filter(population=population, sales__gt=0)
    totals = members.aggregate(all_sales=Sum("sales"), uncosted=Sum("uncosted_sales"))
    return float(totals["uncosted"]) / float(totals["all_sales"]) if totals["all_sales"] else 0.0
