"""Lists of many consumers, replaced at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from django.db import transaction

from consumers.exceptions import Problem
from consumers.services.account import account_lock
from consumers.services.consumer import consumers_lock
from consumers.services.upsert import rows_by_values, rows_delete
from promotions.models import PersonalizedList, PersonalizedPromotion
from promotions.selectors.personalized_promotion import personalized_promotion_by_backend_id
from promotions.services.personalized.lists import in_list_order, known_products
from promotions.services.personalized.problems import list_problems, refuse_if_any, unknown_products


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerProducts:
    """The new list of one consumer: products in order, and those of them that count as chosen."""

    consumer_id: str
    products: Sequence[str]
    selected: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """How many consumers got a list, had theirs replaced, lost it, or kept it as the call asked."""

    created: int = 0
    replaced: int = 0
    cleared: int = 0
    kept: int = 0


def personalized_lists_assign(
    *,
    account_id: int,
    backend_id: str,
    rows: Sequence[ConsumerProducts],
    skip_unresolved: bool = False,
    keep_locked: bool = False,
    keep_lists: bool = False,
) -> Assigned:
    """Replace the lists and choices of many consumers and unlock them, as ``personalized_list_push``: all or none.

    ``keep_locked`` leaves out consumers whose choice is final, ``keep_lists`` all who have a list. The number of SQL
    statements is small, whatever the number of rows.

    Raises:
        PersonalizedPromotionNotFound: the account has no such promotion.
        ListRefused: each problem under ``<index>.consumer`` or ``<index>.products``.
    """
    # One transaction under the account's lock and those of the consumers, in order; see ``lists``.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        promotion = personalized_promotion_by_backend_id(account_id=account_id, backend_id=backend_id)
        refuse_if_any(_row_problems(promotion, rows))
        consumers = consumers_lock(account_id=account_id, consumer_ids={row.consumer_id for row in rows})
        known = known_products(account, chain.from_iterable(row.products for row in rows))
        refuse_if_any(_unknown_in_rows(rows, consumers, known if not skip_unresolved else None))
        stored = _stored_lists(promotion, consumers)
        lists: list[PersonalizedList] = []
        cleared: list[int] = []
        kept = 0
        for row in rows:
            consumer_pk = consumers[row.consumer_id]
            pk, locked = stored.get(consumer_pk, (None, False))
            products = [sku for sku in dict.fromkeys(row.products) if sku in known]
            if (keep_locked and locked) or (keep_lists and pk is not None):
                kept += 1
            elif products:
                selected = in_list_order(products, row.selected)
                lists.append(
                    PersonalizedList(promotion=promotion, consumer_id=consumer_pk, products=products, selected=selected)
                )
            elif pk is not None:
                cleared.append(pk)
        _write(lists, cleared)
    replaced = sum(1 for listed in lists if listed.consumer_id in stored)
    return Assigned(created=len(lists) - replaced, replaced=replaced, cleared=len(cleared), kept=kept)


def _stored_lists(promotion: PersonalizedPromotion, consumers: Mapping[str, int]) -> dict[int, tuple[int, bool]]:
    """Return the ids of the consumers' lists and whether they are locked, by primary key of the consumer."""
    lists = PersonalizedList.objects.filter(promotion=promotion).values_list("consumer_id", "pk", "locked")
    return {
        consumer_pk: (pk, locked)
        for consumer_pk, pk, locked in rows_by_values(lists, "consumer_id", consumers.values())
    }


def _write(lists: Sequence[PersonalizedList], cleared: Sequence[int]) -> None:
    rows_delete(PersonalizedList.objects.all(), cleared)
    PersonalizedList.objects.bulk_create(
        lists,
        update_conflicts=True,
        unique_fields=["promotion", "consumer"],
        update_fields=["products", "selected", "locked", "locked_by_id", "updated_at"],
    )


def _row_problems(promotion: PersonalizedPromotion, rows: Sequence[ConsumerProducts]) -> Iterator[Problem]:
    """Yield the problems of rows that are found without a query."""
    first_index: dict[str, int] = {}
    for index, row in enumerate(rows):
        if first_index.setdefault(row.consumer_id, index) != index:
            detail = "Another row of this call has this consumer."
            yield Problem(code="duplicate", detail=detail, attr=f"{index}.consumer")
        yield from _under(index, list_problems(promotion, row.products, row.selected))


def _unknown_in_rows(
    rows: Sequence[ConsumerProducts], consumers: Mapping[str, int], known: Collection[str] | None
) -> Iterator[Problem]:
    """Yield the consumers and products that the account does not have; ``known`` is None if products are skipped."""
    for index, row in enumerate(rows):
        if row.consumer_id not in consumers:
            detail = f"There is no consumer {row.consumer_id}."
            yield Problem(code="does_not_exist", detail=detail, attr=f"{index}.consumer")
        if known is not None:
            yield from _under(index, unknown_products(row.products, known))


def _under(index: int, problems: Iterator[Problem]) -> Iterator[Problem]:
    return (replace(problem, attr=f"{index}.{problem.attr}") for problem in problems)
