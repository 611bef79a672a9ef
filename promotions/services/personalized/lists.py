"""Writes of consumers' lists and of what they choose from them.

Each of them holds the consumer's row first, before it reads the list: a sale holds that row while it reads the choice,
decides, and makes the choice final. So neither a sale nor a writer decides on a list that is changing underneath.
Writers that put products on a list hold the account's row before that, as who deletes a product or a promotion does:
what is on a list stays in the catalogue.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

from django.db import transaction

from consumers.exceptions import MAXIMUM_PROBLEMS, NotFound, Problem
from consumers.models import Account
from consumers.services.account import account_lock
from consumers.services.consumer import consumers_locked
from consumers.services.upsert import rows_delete, rows_named
from promotions.exceptions import ListRefused, SelectionLocked
from promotions.models import PersonalizedList, PersonalizedPromotion, Product
from promotions.models.personalized_promotion import MAX_LIST_PRODUCTS
from promotions.selectors.personalized_promotion import personalized_promotion_by_backend_id

MAX_SKU_LENGTH = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerProducts:
    """What one consumer is to have: products in order, and those of them that count as chosen."""

    consumer_id: str
    products: Sequence[str]
    selected: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """How many consumers were given a list, had theirs replaced, lost it, or kept it because it was locked."""

    created: int = 0
    replaced: int = 0
    cleared: int = 0
    kept: int = 0


def personalized_list_add(
    *, account_id: int, backend_id: str, consumer_id: str, products: Sequence[str]
) -> PersonalizedList:
    """Put products behind those on a consumer's list; those that are there already stay where they are.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``no_products``, ``too_many_products`` or ``product_not_available``.
    """
    _check_some(products)
    _check_number(products)
    # One transaction under the account's and the consumer's locks; see the module.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        listed = _list_locked(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        _check_known(account, products)
        listed.products = list(dict.fromkeys([*listed.products, *products]))
        _check_number(listed.products)
        return _list_stored(listed)


def personalized_list_push(
    *,
    account_id: int,
    backend_id: str,
    consumer_id: str,
    products: Sequence[str],
    selected: Sequence[str] = (),
    skip_unresolved: bool = False,
) -> PersonalizedList:
    """Replace a consumer's list and choice, and unlock it; no products clear it.

    ``selected`` are those of ``products`` that count as chosen. ``skip_unresolved`` leaves out what the catalogue
    does not know.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``too_many_products``, ``maximum_distinct_products_exceeded`` or ``product_not_available``.
    """
    # One transaction under the account's and the consumer's locks; see the module.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        listed = _list_locked(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        _refuse(_list_problems(listed.promotion, products, selected))
        known = _known(account, products) if skip_unresolved else _check_known(account, products)
        listed.products = [sku for sku in dict.fromkeys(products) if sku in known]
        listed.selected = _those_of(listed.products, selected)
        return _list_stored(listed, unlock=True)


def personalized_list_remove(
    *, account_id: int, backend_id: str, consumer_id: str, products: Sequence[str]
) -> PersonalizedList:
    """Take products off a consumer's list; those that are not on it are gone already.

    What is taken off is no longer chosen; without any chosen product left the list is unlocked.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``no_products``.
    """
    _check_some(products)
    gone = set(products)
    # One transaction under the consumer's lock; see the module.
    with transaction.atomic():
        listed = _list_locked(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        listed.products = [sku for sku in listed.products if sku not in gone]
        listed.selected = [sku for sku in listed.selected if sku not in gone]
        return _list_stored(listed, unlock=not listed.selected)


def personalized_list_clear(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """Take everything off a consumer's list.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
    """
    # One transaction under the consumer's lock; see the module.
    with transaction.atomic():
        listed = _list_locked(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        listed.products, listed.selected = [], []
        return _list_stored(listed, unlock=True)


def personalized_list_select(
    *, account_id: int, backend_id: str, consumer_id: str, products: Sequence[str]
) -> PersonalizedList:
    """Replace what a consumer has chosen; no products take the choice back.

    A choice is final where the promotion locks after the first; taking it back while it is open locks nothing. The
    same choice again is accepted, also when it is final or above a maximum that was lowered meanwhile.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``maximum_distinct_products_exceeded`` or ``product_not_available``.
        SelectionLocked: another choice was final.
    """
    chosen = list(dict.fromkeys(products))
    # One transaction under the consumer's lock, so that of two choices the first is final; see the module.
    with transaction.atomic():
        listed = _list_locked(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        if set(chosen) != set(listed.selected):
            _check_maximum(listed.promotion, chosen)
            if listed.locked:
                raise SelectionLocked("This choice was final.")
            _check_listed(listed, products)
            listed.selected = chosen
        if listed.locked or not listed.products:
            return listed
        listed.locked = bool(chosen) and listed.promotion.lock_after_first_apply
        return _list_stored(listed)


def personalized_list_reset(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """Take back what a consumer has chosen, and unlock the list: they may choose again.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
    """
    # One transaction under the consumer's lock; see the module.
    with transaction.atomic():
        listed = _list_locked(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        listed.selected = []
        return _list_stored(listed, unlock=True)


def personalized_lists_assign(
    *,
    account_id: int,
    backend_id: str,
    rows: Sequence[ConsumerProducts],
    skip_unresolved: bool = False,
    keep_locked: bool = False,
) -> Assigned:
    """Replace the lists and choices of many consumers and unlock them, as ``personalized_list_push``: all or none.

    ``keep_locked`` leaves those alone whose choice is final. However many the rows, the statements are few.

    Raises:
        PersonalizedPromotionNotFound: the account has no such promotion.
        ListRefused: each problem under ``<index>.consumer`` or ``<index>.products``.
    """
    # One transaction under the account's lock and those of the consumers, in order; see the module.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        promotion = personalized_promotion_by_backend_id(account_id=account_id, backend_id=backend_id)
        _refuse(_rows_problems(promotion, rows))
        consumers = consumers_locked(account_id=account_id, consumer_ids={row.consumer_id for row in rows})
        known = _known(account, chain.from_iterable(row.products for row in rows))
        _refuse(_unknown_in_rows(rows, consumers, known if not skip_unresolved else None))
        lists = PersonalizedList.objects.filter(promotion=promotion).values_list("consumer_id", "pk", "locked")
        stored = {
            consumer_pk: (pk, locked)
            for consumer_pk, pk, locked in rows_named(lists, "consumer_id", consumers.values())
        }
        written: list[PersonalizedList] = []
        cleared: list[int] = []
        kept = 0
        for row in rows:
            consumer_pk = consumers[row.consumer_id]
            pk, locked = stored.get(consumer_pk, (None, False))
            products = [sku for sku in dict.fromkeys(row.products) if sku in known]
            if keep_locked and locked:
                kept += 1
            elif products:
                selected = _those_of(products, row.selected)
                written.append(
                    PersonalizedList(promotion=promotion, consumer_id=consumer_pk, products=products, selected=selected)
                )
            elif pk is not None:
                cleared.append(pk)
        rows_delete(PersonalizedList.objects.all(), cleared)
        PersonalizedList.objects.bulk_create(
            written,
            update_conflicts=True,
            unique_fields=["promotion", "consumer"],
            update_fields=["products", "selected", "locked", "locked_by_id", "updated_at"],
        )
    replaced = sum(1 for listed in written if listed.consumer_id in stored)
    return Assigned(created=len(written) - replaced, replaced=replaced, cleared=len(cleared), kept=kept)


def personalized_choices_lock(*, choices: Mapping[int, Sequence[str]], transaction_id: int, at: datetime) -> None:
    """Make choices final, in one statement. Belongs in the sale's transaction, which holds the consumer's row.

    Args:
        choices: by id of the list, what is chosen from then on.
        transaction_id: of the sale that made them so; a void of it takes back what it made.
        at: now.
    """
    PersonalizedList.objects.bulk_update(
        [
            PersonalizedList(pk=pk, selected=list(products), locked=True, locked_by_id=transaction_id, updated_at=at)
            for pk, products in choices.items()
        ],
        ["selected", "locked", "locked_by_id", "updated_at"],
    )


def personalized_choices_release(
    *, consumer_pk: int, transaction_id: int, selections_made: Collection[str], at: datetime
) -> None:
    """Take back the locks that a sale made, in two statements. Belongs in its void, which holds the consumer's row.

    Args:
        consumer_pk: whose lists.
        transaction_id: of the sale; a list that was pushed or chosen from anew since is left alone.
        selections_made: backend ids of those whose selection it made too.
        at: now.
    """
    locked = PersonalizedList.objects.filter(consumer_id=consumer_pk, locked_by_id=transaction_id)
    if selections_made:
        locked.filter(promotion__backend_id__in=selections_made).update(selected=[])
    locked.update(locked=False, locked_by_id=None, updated_at=at)


# --- one list -------------------------------------------------------------------------------------------------------


def _list_locked(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """A consumer's list with its promotion, new if they have none; their row is held until the transaction ends."""
    consumers = consumers_locked(account_id=account_id, consumer_ids=[consumer_id])
    if consumer_id not in consumers:
        raise NotFound(f"There is no consumer {consumer_id}.")
    listed = (
        PersonalizedList.objects.select_related("promotion")
        .filter(promotion__account_id=account_id, promotion__backend_id=backend_id, consumer_id=consumers[consumer_id])
        .first()
    )
    if listed is None:
        promotion = personalized_promotion_by_backend_id(account_id=account_id, backend_id=backend_id)
        listed = PersonalizedList(promotion=promotion, consumer_id=consumers[consumer_id])
    return listed


def _those_of(products: Sequence[str], chosen: Collection[str]) -> list[str]:
    """Those of ``products`` that are chosen, in their order."""
    wanted = set(chosen)
    return [sku for sku in products if sku in wanted]


def _list_stored(listed: PersonalizedList, *, unlock: bool = False) -> PersonalizedList:
    """The list, stored; one without products has no row."""
    if unlock:
        listed.locked, listed.locked_by_id = False, None
    if listed.products:
        listed.save()
    elif listed.pk is not None:
        listed.delete()
    return listed


# --- what is refused ------------------------------------------------------------------------------------------------


def _check_some(products: Sequence[str]) -> None:
    if not products:
        raise ListRefused(problems=[Problem(code="no_products", detail="Name at least one product.", attr="products")])


def _too_many(products: Sequence[str]) -> Iterator[Problem]:
    if len(set(products)) > MAX_LIST_PRODUCTS:
        detail = f"A list has at most {MAX_LIST_PRODUCTS} products."
        yield Problem(code="too_many_products", detail=detail, attr="products")


def _above_maximum(promotion: PersonalizedPromotion, chosen: Collection[str]) -> Iterator[Problem]:
    most = promotion.maximum_distinct_products or MAX_LIST_PRODUCTS
    if len(set(chosen)) > most:
        detail = f"At most {most} {'product' if most == 1 else 'products'} may be chosen."
        yield Problem(code="maximum_distinct_products_exceeded", detail=detail, attr="products")


def _unknown(products: Sequence[str], known: Collection[str]) -> Iterator[Problem]:
    for place, sku in enumerate(products):
        if sku not in known:
            detail = f"There is no product {sku}."
            yield Problem(code="product_not_available", detail=detail, attr=f"products.{place}")


def _chosen_elsewhere(products: Sequence[str], chosen: Sequence[str]) -> Iterator[Problem]:
    listed = set(products)
    for place, sku in enumerate(chosen):
        if sku not in listed:
            detail = f"{sku} is chosen, but not on the list."
            yield Problem(code="product_not_available", detail=detail, attr=f"selected.{place}")


def _refuse(problems: Iterator[Problem]) -> None:
    if found := list(islice(problems, MAXIMUM_PROBLEMS)):
        raise ListRefused(problems=found)


def _check_number(products: Sequence[str]) -> None:
    _refuse(_too_many(products))


def _check_maximum(promotion: PersonalizedPromotion, chosen: Collection[str]) -> None:
    _refuse(_above_maximum(promotion, chosen))


def _check_listed(listed: PersonalizedList, products: Sequence[str]) -> None:
    on_list = set(listed.products)
    _refuse(
        Problem(code="product_not_available", detail=f"{sku} is not on this list.", attr=f"products.{place}")
        for place, sku in enumerate(products)
        if sku not in on_list
    )


def _check_known(account: Account, products: Sequence[str]) -> set[str]:
    known = _known(account, products)
    _refuse(_unknown(products, known))
    return known


def _known(account: Account, products: Iterable[str]) -> set[str]:
    """Those of ``products`` that may be on a list: in the catalogue, or anything like a SKU where that is off."""
    wanted = {sku for sku in products if sku.strip() and len(sku) <= MAX_SKU_LENGTH}
    if not account.catalogue_enabled:
        return wanted
    skus = Product.objects.filter(account=account).order_by().values_list("sku", flat=True)
    return set(rows_named(skus, "sku", wanted))


def _list_problems(
    promotion: PersonalizedPromotion, products: Sequence[str], selected: Sequence[str]
) -> Iterator[Problem]:
    """What is wrong with a list before anything is looked up."""
    yield from _too_many(products)
    yield from _above_maximum(promotion, selected)
    yield from _chosen_elsewhere(products, selected)


def _rows_problems(promotion: PersonalizedPromotion, rows: Sequence[ConsumerProducts]) -> Iterator[Problem]:
    """What is wrong with rows before anything is looked up."""
    places: dict[str, int] = {}
    for index, row in enumerate(rows):
        if places.setdefault(row.consumer_id, index) != index:
            detail = "Another row of this call is about this consumer."
            yield Problem(code="duplicate", detail=detail, attr=f"{index}.consumer")
        yield from _under(index, _list_problems(promotion, row.products, row.selected))


def _unknown_in_rows(
    rows: Sequence[ConsumerProducts], consumers: Mapping[str, int], known: Collection[str] | None
) -> Iterator[Problem]:
    """Consumers and products that the account does not have; ``known`` is None where products are passed over."""
    for index, row in enumerate(rows):
        if row.consumer_id not in consumers:
            detail = f"There is no consumer {row.consumer_id}."
            yield Problem(code="does_not_exist", detail=detail, attr=f"{index}.consumer")
        if known is not None:
            yield from _under(index, _unknown(row.products, known))


def _under(index: int, problems: Iterator[Problem]) -> Iterator[Problem]:
    return (Problem(code=one.code, detail=one.detail, attr=f"{index}.{one.attr}") for one in problems)
