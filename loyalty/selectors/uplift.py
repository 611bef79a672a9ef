"""Read populations, and the sums over their members that uplift is estimated from."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, FloatField, OuterRef, QuerySet, Sum
from django.db.models.functions import Cast

from consumers.models import Account, Consumer, ConsumerGroup
from loyalty.choices import UpliftMetric
from loyalty.models import UpliftMember, UpliftPopulation
from loyalty.models.uplift import SCALE
from loyalty.selectors.universal_holdout import holdout_period, universal_holdout_of
from loyalty.uplift.statistics import ArmSums
from promotions.engine.definition.fields import IGNORES_UNIVERSAL_HOLDOUT
from promotions.engine.facts.consumer import Shopper
from promotions.engine.rulebook.promotion import ControlGroup, PromotionSource, compile_promotion
from promotions.engine.rulebook.universal_holdout import UniversalHoldout
from promotions.models import Promotion


def promotions_to_freeze(*, at: datetime) -> QuerySet[Promotion]:
    """Return the promotions with a control group that have started, and whose population is not frozen."""
    started = Promotion.objects.filter(starts_at__lte=at, draft=False, archived=False, uplift_population=None)
    return started.filter(eligibility__control_group__has_key="group").order_by("pk")


def population_of(*, promotion: Promotion) -> UpliftPopulation | None:
    """Return who is compared for a promotion; None where it has not started, or has no control group."""
    return UpliftPopulation.objects.filter(promotion=promotion).first()


def programme_population_of(*, account_id: int, year: int) -> UpliftPopulation | None:
    """Return who is compared for a year of the programme; None where it is not listed."""
    return UpliftPopulation.objects.filter(account_id=account_id, year=year).first()


def programme_years(*, account_id: int) -> Iterable[int]:
    """Return the years of the programme that are measured."""
    years = UpliftPopulation.objects.filter(account_id=account_id, year__isnull=False).values_list("year", flat=True)
    return [year for year in years if year is not None]


def accounts_to_freeze(*, at: datetime) -> Iterator[tuple[Account, int]]:
    """Yield the accounts whose universal holdout has begun in a year that is not frozen, each with the year."""
    for account in Account.objects.filter(holdout_percentage__isnull=False).order_by("pk"):
        year = at.astimezone(account.zone).year
        period = holdout_period(account, year)
        if period is None or not period[0] <= at < period[1]:
            continue
        if programme_population_of(account_id=account.pk, year=year) is None:
            yield account, year


def later_joiners_of(population: UpliftPopulation) -> int:
    """Return how many consumers have joined the group, or the account, since the population was frozen."""
    if population.promotion_id is None:
        # Who was deleted since is in neither count.
        consumers = Consumer.objects.filter(account_id=population.account_id, archived=False)
        listed = UpliftMember.objects.filter(population=population, consumer__archived=False)
        return max(consumers.count() - listed.count(), 0)
    group = ConsumerGroup.objects.filter(account_id=population.account_id, code=population.group).first()
    if group is None:
        return 0
    # Not NOT IN: of a million members PostgreSQL would look through all for each.
    listed = UpliftMember.objects.filter(population=population, consumer_id=OuterRef("consumer_id"))
    return Consumer.groups.through.objects.filter(~Exists(listed), consumergroup_id=group.pk).count()


def arm_judge(population: UpliftPopulation) -> Callable[[str], bool]:
    """Return a function that tells of a consumer id whether its consumer is control, by the engine's own hash."""
    if population.promotion is None:
        return partial(_drawn, population)
    promotion = compile_promotion(_source(population.promotion))
    control = ControlGroup(group=population.group, percentage=population.percentage)
    today = population.frozen_at.date()

    def is_control(consumer_id: str) -> bool:
        shopper = Shopper(consumer_id=consumer_id, today=today, groups=frozenset({population.group}))
        return control.holds_out(promotion, shopper)

    return is_control


def _drawn(population: UpliftPopulation, consumer_id: str) -> bool:
    """Return whether the draw of a programme's year has a consumer."""
    day = population.measured_from.date()
    draw = UniversalHoldout(percentage=population.percentage, starts_on=day, ends_on=None, zone=UTC)
    return draw.draws(consumer_id, population.year or 0)


def left_out_judge(population: UpliftPopulation) -> Callable[[str], bool]:
    """Return a function that tells of a consumer id whether its consumer is in neither arm.

    They are those whom the universal holdout has when the promotion starts: they get it in neither arm.
    """
    promotion, holdout = population.promotion, universal_holdout_of(population.account)
    if promotion is None or holdout is None or promotion.eligibility.get(IGNORES_UNIVERSAL_HOLDOUT, False):
        return lambda _: False
    return partial(holdout.holds_out, at=population.measured_from)


def promotions_that_ignore_the_holdout(*, account_ids: Collection[int]) -> Mapping[int, frozenset[tuple[str, str]]]:
    """Return family and code of the promotions that ignore the universal holdout, by account."""
    ignoring = Promotion.objects.filter(
        account_id__in=account_ids, **{f"eligibility__{IGNORES_UNIVERSAL_HOLDOUT}": True}
    )
    keys: dict[int, set[tuple[str, str]]] = {account_id: set() for account_id in account_ids}
    for account_id, family, code in ignoring.values_list("account_id", "family", "code"):
        keys[account_id].add((family, code))
    return {account_id: frozenset(names) for account_id, names in keys.items()}


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


class MetricSums(NamedTuple):
    """The sums of a metric over all members as assigned, and over those whom the promotion reached or would have."""

    assigned: Arms
    triggered: Arms


class PopulationSums(NamedTuple):
    """The sums of each metric, and the share of the sales whose cost price was not known, from 0 to 1."""

    metrics: Mapping[UpliftMetric, MetricSums]
    uncosted_share: float


def population_sums(*, population: UpliftPopulation) -> PopulationSums:
    """Return the sums over the members measured so far, by arm, in one statement."""
    sums: dict[str, Sum] = {}
    for metric in UpliftMetric.values:
        x, y = (Cast(F(name), FloatField()) for name in (metric, f"{metric}_before"))
        terms = {"x": x, "xx": x * x, "y": y, "yy": y * y, "xy": x * y}
        sums |= {f"{metric}_{name}": Sum(term) for name, term in terms.items()}
    members = UpliftMember.objects.filter(population=population, is_control__isnull=False, is_left_out=False)
    sums["uncosted"] = Sum(Cast(F("uncosted_sales"), FloatField()))
    rows = members.values("is_control", "is_triggered").annotate(n=Count("pk"), **sums).order_by()
    rows_by_arm: dict[tuple[bool | None, bool], Mapping[str, Any]] = {
        (row["is_control"], row["is_triggered"]): row for row in rows
    }
    sales = sum(row[f"{UpliftMetric.SALES}_x"] for row in rows_by_arm.values())
    uncosted = sum(row["uncosted"] for row in rows_by_arm.values())
    return PopulationSums(
        metrics={metric: _sums_of(metric, rows_by_arm) for metric in UpliftMetric},
        uncosted_share=uncosted / sales if sales > 0 else 0.0,
    )


def _sums_of(metric: UpliftMetric, rows: Mapping[tuple[bool | None, bool], Mapping[str, Any]]) -> MetricSums:
    def arm(*, is_control: bool, is_triggered: bool) -> ArmSums:
        row = rows.get((is_control, is_triggered))
        if row is None:
            return ArmSums()
        # Divided here, not for each row.
        return ArmSums(
            n=row["n"], **{name: row[f"{metric}_{name}"] / SCALE ** len(name) for name in ("x", "xx", "y", "yy", "xy")}
        )

    triggered = Arms(arm(is_control=False, is_triggered=True), arm(is_control=True, is_triggered=True))
    others = Arms(arm(is_control=False, is_triggered=False), arm(is_control=True, is_triggered=False))
    assigned = Arms(triggered.treated + others.treated, triggered.control + others.control)
    return MetricSums(assigned=assigned, triggered=triggered)
