"""Freeze who is compared when a promotion with a control group starts, and keep what they buy up to date.

A year of the programme, which the universal holdout leaves consumers out of, is a population as well.

Members are listed in one statement, at one moment. They are measured in batches: what is left to do is in the rows, so
that a run that ends anywhere is followed by one that goes on. A member is always measured from all of their sales, so
that measuring twice is measuring once.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from consumers.models import Account, Consumer, ConsumerGroup
from loyalty.models import UpliftMember, UpliftPopulation
from loyalty.selectors.universal_holdout import holdout_period
from loyalty.selectors.uplift import accounts_to_freeze, later_joiners_of, promotions_to_freeze
from loyalty.services.results.readers import CountedBatch
from loyalty.services.uplift.members import members_measure
from promotions.models import Promotion, PromotionVersion

MEMBERS_AT_ONCE = 500
"""Members that are measured in one database transaction."""

JOINERS_COUNTED_EVERY = timedelta(hours=1)


def populations_update(*, clock: Callable[[], datetime], for_at_most: timedelta) -> int:
    """Freeze the populations of promotions that have started, and measure members; return how many were measured.

    Args:
        clock: returns the database's current time.
        for_at_most: the time after which the rest is left to the next run.
    """
    begun = clock()
    for promotion in promotions_to_freeze(at=begun):
        population_freeze(promotion=promotion, at=begun)
    for account, year in accounts_to_freeze(at=begun):
        programme_freeze(account=account, year=year, at=begun)
    populations_follow_their_promotions()
    programmes_follow_their_accounts(at=begun)
    measured = 0
    while clock() - begun < for_at_most:
        batch = members_measure(limit=MEMBERS_AT_ONCE)
        measured += batch
        if batch < MEMBERS_AT_ONCE:
            populations_complete(at=clock())
            break
    return measured


def population_freeze(*, promotion: Promotion, at: datetime) -> UpliftPopulation | None:
    """List the members of the group of a promotion's control group, as those who are compared.

    Returns:
        The population; None if somebody else has frozen it.
    """
    control = promotion.eligibility["control_group"]
    population = UpliftPopulation(
        account_id=promotion.account_id,
        promotion=promotion,
        group=control["group"],
        percentage=Decimal(control["percentage"]),
        measured_from=_measured_from(promotion),
        measured_to=promotion_end(promotion),
        frozen_at=at,
    )
    group = ConsumerGroup.objects.filter(account_id=promotion.account_id, code=control["group"]).first()
    members = f"SELECT %s, consumer_id FROM {Consumer.groups.through._meta.db_table} WHERE consumergroup_id = %s"  # noqa: S608 - our own names
    return _freeze(population, members=f"{members} ORDER BY consumer_id", of=0 if group is None else group.pk)


def programme_freeze(*, account: Account, year: int, at: datetime) -> UpliftPopulation | None:
    """List the consumers of an account as those who are compared for a year of its programme.

    Returns:
        The population; None if somebody else has frozen it, or if nobody is held out in that year.
    """
    period = holdout_period(account, year)
    if period is None or account.holdout_percentage is None:
        return None
    population = UpliftPopulation(
        account=account,
        year=year,
        percentage=account.holdout_percentage,
        measured_from=period[0],
        measured_to=period[1],
        frozen_at=at,
    )
    consumers = f"SELECT %s, id FROM {Consumer._meta.db_table} WHERE account_id = %s AND NOT archived ORDER BY id"  # noqa: S608 - our own names
    return _freeze(population, members=consumers, of=account.pk)


def _freeze(population: UpliftPopulation, *, members: str, of: int) -> UpliftPopulation | None:
    """Store a population with its members, in one statement; None if somebody else has frozen it.

    ``members`` selects the population's id and those of the consumers ``of`` a group or an account.

    Race: two workers freeze the same population. It is unique to its promotion, or to the account's year: the second
    inserts nothing.
    """
    key = Q(promotion=population.promotion) if population.promotion else Q(year=population.year)
    with transaction.atomic():
        UpliftPopulation.objects.bulk_create([population], ignore_conflicts=True)
        stored = UpliftPopulation.objects.select_for_update().get(key, account_id=population.account_id)
        if stored.members or stored.is_complete or stored.frozen_at != population.frozen_at:
            return None
        with connection.cursor() as cursor:
            table = UpliftMember._meta.db_table
            cursor.execute(f"INSERT INTO {table} (population_id, consumer_id) {members}", [stored.pk, of])
            stored.members = int(cursor.rowcount)
        stored.is_complete = not stored.members
        stored.save(update_fields=["members", "is_complete"])
        return stored


def _measured_from(promotion: Promotion) -> datetime:
    """Return the moment from which a promotion's control group held consumers out.

    That is its start, or the version that brought the group to a promotion that had run without it.
    """
    with_group = None
    versions = PromotionVersion.objects.filter(promotion=promotion).order_by("-number")
    for control, created_at in versions.values_list("definition__eligibility__control_group", "created_at"):
        if not control:
            return max(promotion.starts_at, with_group or promotion.starts_at)
        with_group = created_at
    return promotion.starts_at


def promotion_end(promotion: Promotion) -> datetime | None:
    """Return the moment from which a promotion gives nothing; None where it has no end."""
    return min((end for end in (promotion.ends_at, promotion.stopped_at) if end is not None), default=None)


def populations_follow_their_promotions() -> None:
    """Move the end of the period of those whose promotion was given another end; measure their members again.

    Race: the promotion is changed again meanwhile. The next run sees that.
    """
    populations = UpliftPopulation.objects.select_related("promotion").filter(promotion__isnull=False)
    for population in populations.exclude(_has_the_end_of_its_promotion()):
        assert population.promotion is not None  # noqa: S101 - filtered
        with transaction.atomic():
            population.measured_to = promotion_end(population.promotion)
            population.save(update_fields=["measured_to"])
            _mark_stale(UpliftMember.objects.filter(population=population))


def _has_the_end_of_its_promotion() -> Q:
    ends_at, stopped_at = F("promotion__ends_at"), F("promotion__stopped_at")
    return (
        Q(promotion__ends_at=None, promotion__stopped_at=None, measured_to=None)
        | Q(promotion__stopped_at=None, measured_to=ends_at)
        | Q(promotion__ends_at=None, measured_to=stopped_at)
        | Q(promotion__ends_at__lte=stopped_at, measured_to=ends_at)
        | Q(promotion__stopped_at__lt=ends_at, measured_to=stopped_at)
    )


def programmes_follow_their_accounts(*, at: datetime) -> None:
    """Move the period of a year of the programme whose account has changed its universal holdout.

    One that was taken away ends now. Where the first day is another, everybody is measured anew. The days of years that
    are over stay.

    Race: the account is changed again meanwhile. The next run sees that.
    """
    for population in UpliftPopulation.objects.select_related("account").filter(year__isnull=False):
        if population.measured_to is None or population.measured_to <= at - FOLLOWED_FOR:
            continue
        period = holdout_period(population.account, population.year or 0)
        measured_from, measured_to = period or (population.measured_from, min(population.measured_to, at))
        if (measured_from, measured_to) == (population.measured_from, population.measured_to):
            continue
        with transaction.atomic():
            members = UpliftMember.objects.filter(population=population)
            _mark_stale(members)
            if measured_from != population.measured_from:
                members.update(is_control=None)
                population.is_complete = False
            population.measured_from, population.measured_to = measured_from, measured_to
            population.save(update_fields=["measured_from", "measured_to", "is_complete"])


FOLLOWED_FOR = timedelta(days=7)
"""How long after its end a year of the programme still follows its account, whose settings then are of other years."""


def populations_complete(*, at: datetime) -> None:
    """Mark populations whose members were all measured, and count who joined their groups since."""
    for population in UpliftPopulation.objects.filter(is_complete=False):
        if not UpliftMember.objects.filter(population=population, is_control=None).exists():
            UpliftPopulation.objects.filter(pk=population.pk).update(is_complete=True)
    due = Q(joiners_counted_at=None) | Q(joiners_counted_at__lte=at - JOINERS_COUNTED_EVERY)
    for population in UpliftPopulation.objects.filter(due, Q(measured_to=None) | Q(measured_to__gt=at)):
        joiners = later_joiners_of(population)
        UpliftPopulation.objects.filter(pk=population.pk).update(later_joiners=joiners, joiners_counted_at=at)


def counted_sales_mark(batch: CountedBatch) -> None:
    """Have the consumers of counted sales and returns measured again: a reader of results."""
    sales = [sale.row for sale in batch.sales] + [counted.sale for counted in batch.returns]
    members_mark_stale(consumer_ids=(sale.consumer_id for sale in sales if sale.consumer_id is not None))


def members_mark_stale(*, consumer_ids: Iterable[int]) -> int:
    """Have consumers measured again whose sales changed; return how many members that are.

    Call it where a sale or a return is counted, in the same database transaction.
    """
    return _mark_stale(UpliftMember.objects.filter(consumer_id__in=set(consumer_ids)))


def _mark_stale(members: QuerySet[UpliftMember]) -> int:
    """Mark members, and return how many. Call it inside a transaction.

    Race: a worker is measuring one of them, and has read the sales already. Those that are stale are marked as well, so
    that this waits for that worker and is not undone by it. Rows are locked in order of their ids: whoever else marks
    them waits, and never for ever.
    """
    locked = members.order_by("id").select_for_update(of=("self",)).values_list("id", flat=True)
    return members.update(is_stale=True) if list(locked) else 0
