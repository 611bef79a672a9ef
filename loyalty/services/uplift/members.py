"""Measure members of populations: which arm they are in, what they bought, and whether the promotion was redeemed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from django.db import connection, transaction

from consumers.models import Account
from consumers.types import JsonObject
from loyalty.choices import TransactionStatus
from loyalty.models import Transaction, UpliftMember, UpliftPopulation
from loyalty.selectors.stored_decision import VOUCHER_FAMILY, ghosts_of_facts, redeemed_keys
from loyalty.selectors.uplift import arm_judge, left_out_judge, promotions_that_ignore_the_holdout
from loyalty.services.uplift.figures import Figures, PointCost, sale_figures

BEFORE = timedelta(weeks=8)
"""How long before the promotion the same metric is taken."""

_COLUMNS = (
    "is_control",
    "is_triggered",
    "is_left_out",
    "is_stale",
    *("contribution", "sales", "visits", "units", "uncosted_sales"),
    *("contribution_before", "sales_before", "visits_before", "units_before"),
)

_SALE_COLUMNS = (
    *("account_id", "consumer_id", "occurred_at", "status", "currency"),
    *("base_points", "promotion_points", "lines", "facts", "answer"),
)


class MeasuredSale(NamedTuple):
    """A transaction of a member: when it was, what it comes to, and which promotions were redeemed or withheld.

    ``redeemed`` are families and codes; ``withheld`` are the ids of promotions that their control groups withheld, and
    ``is_withheld`` says whether the universal holdout withheld any. All are as the sale was decided: a return changes
    none.
    """

    occurred_at: datetime
    figures: Figures
    redeemed: frozenset[tuple[str, str]]
    withheld: frozenset[int]
    is_withheld: bool

    @property
    def promotions(self) -> frozenset[tuple[str, str]]:
        """What was redeemed, without the vouchers that paid."""
        return frozenset(key for key in self.redeemed if key[0] != VOUCHER_FAMILY)


def members_measure(*, limit: int) -> int:
    """Measure up to ``limit`` members that never were, or whose sales changed; return how many.

    Races: another worker measures the same member: rows that it has locked are passed over. A sale is counted
    meanwhile: it was committed before, and either is seen here or marks the member again once this has committed.
    """
    with transaction.atomic():
        stale = UpliftMember.objects.filter(is_stale=True).select_related("consumer").order_by("id")
        has_skip = connection.features.has_select_for_update_skip_locked
        members = list(stale.select_for_update(skip_locked=has_skip, of=("self",))[:limit])
        populations = UpliftPopulation.objects.select_related("promotion", "account").in_bulk(
            {member.population_id for member in members}
        )
        sales = _sales_of(members, populations)
        arms = {pk: arm_judge(population) for pk, population in populations.items()}
        left_out = {pk: left_out_judge(population) for pk, population in populations.items()}
        ignoring = promotions_that_ignore_the_holdout(
            account_ids={population.account_id for population in populations.values() if not population.promotion_id}
        )
        for member in members:
            population = populations[member.population_id]
            if member.is_control is None:
                member.is_control = arms[population.pk](member.consumer.consumer_id)
                member.is_left_out = left_out[population.pk](member.consumer.consumer_id)
                _set_before(member, _between(sales[member.consumer_id], _before(population)))
            counted = _between(sales[member.consumer_id], (population.measured_from, population.measured_to))
            _set_period(member, counted)
            member.is_triggered = _is_triggered(member, population, counted, ignoring)
            member.is_stale = False
        _write(members)
    return len(members)


def _write(members: Iterable[UpliftMember]) -> None:
    """Write what was measured: one plain statement, many times. Django's ``bulk_update`` takes many times as long."""
    columns = ", ".join(f"{name} = %s" for name in _COLUMNS)
    statement = f"UPDATE {UpliftMember._meta.db_table} SET {columns} WHERE id = %s"  # noqa: S608 - our own names
    rows = [[*(getattr(member, name) for name in _COLUMNS), member.pk] for member in members]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)


def _before(population: UpliftPopulation) -> tuple[datetime, datetime]:
    return population.measured_from - BEFORE, population.measured_from


def _between(sales: Iterable[MeasuredSale], period: tuple[datetime, datetime | None]) -> list[MeasuredSale]:
    start, end = period
    return [sale for sale in sales if start <= sale.occurred_at and (end is None or sale.occurred_at < end)]


def _set_before(member: UpliftMember, sales: Sequence[MeasuredSale]) -> None:
    figures = sum((sale.figures for sale in sales), Figures())
    member.contribution_before, member.sales_before = figures.contribution, figures.sales
    member.visits_before, member.units_before = figures.visits, figures.units


def _set_period(member: UpliftMember, sales: Sequence[MeasuredSale]) -> None:
    figures = sum((sale.figures for sale in sales), Figures())
    member.contribution, member.sales = figures.contribution, figures.sales
    member.visits, member.units = figures.visits, figures.units
    member.uncosted_sales = figures.uncosted_sales


def _is_triggered(
    member: UpliftMember,
    population: UpliftPopulation,
    sales: Iterable[MeasuredSale],
    ignoring: Mapping[int, frozenset[tuple[str, str]]],
) -> bool:
    """Return whether a member redeemed the promotion, or any of the programme, or would have.

    ``ignoring`` are the promotions that both arms of the programme get, by account.
    """
    promotion = population.promotion
    if promotion is None:
        others = ignoring[population.account_id]
        return any(sale.is_withheld if member.is_control else sale.promotions - others for sale in sales)
    if member.is_control:
        return any(promotion.pk in sale.withheld for sale in sales)
    return any((promotion.family, promotion.code) in sale.redeemed for sale in sales)


def _sales_of(
    members: Iterable[UpliftMember], populations: Mapping[int, UpliftPopulation]
) -> Mapping[int, list[MeasuredSale]]:
    """Return the sales of members by consumer, as far back as any of their populations asks."""
    if not populations:
        return {}
    accounts = {population.account_id: population.account for population in populations.values()}
    since = min(_before(population)[0] for population in populations.values())
    return sales_measure(consumer_ids={member.consumer_id for member in members}, since=since, accounts=accounts)


def sales_measure(
    *, consumer_ids: Collection[int], since: datetime, accounts: Mapping[int, Account]
) -> Mapping[int, list[MeasuredSale]]:
    """Return what the sales of consumers since a moment come to, by consumer; ``accounts`` are theirs, by id."""
    sales: dict[int, list[MeasuredSale]] = defaultdict(list)
    rows = Transaction.objects.filter(consumer_id__in=consumer_ids, occurred_at__gte=since).only(*_SALE_COLUMNS)
    for sale in rows.iterator(500):
        sales[sale.consumer_id or 0].append(_measured(sale, accounts[sale.account_id]))
    return sales


def _measured(sale: Transaction, account: Account) -> MeasuredSale:
    is_void = sale.status == TransactionStatus.VOIDED
    ghosts = () if is_void else ghosts_of_facts(sale.facts)
    figures = sale_figures(
        lines=sale.lines,
        status=sale.status,
        points=sale.base_points + sale.promotion_points,
        point_cost=point_cost(account, sale.facts),
        currency_counts=sale.currency == account.currency,
    )
    return MeasuredSale(
        occurred_at=sale.occurred_at,
        figures=figures,
        redeemed=frozenset() if is_void else redeemed_keys(sale.answer),
        withheld=frozenset(ghost.promotion for ghost in ghosts if not ghost.is_universal),
        is_withheld=any(ghost.is_universal for ghost in ghosts),
    )


def point_cost(account: Account, facts: JsonObject) -> PointCost:
    """Return what a point of a sale is expected to cost: its value at the sale, as far as points are redeemed."""
    redeemed = Fraction(account.expected_redemption) / 100
    return PointCost(value=Fraction(facts.get("point_value", "0")), redeemed=redeemed)
