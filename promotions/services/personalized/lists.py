"""Writes of one consumer's list, and of the choice from it.

Each of them locks the consumer's row before it reads the list: a sale holds that row while it reads the choice,
decides, and makes the choice final. So neither a sale nor a writer decides on a list that is changing meanwhile.
Writers that put products on a list lock the account's row before that, as a deletion of a product or a promotion does:
products on a list stay in the catalogue.
"""

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction

from consumers.exceptions import NotFound
from consumers.models import Account
from consumers.services.account import account_lock
from consumers.services.consumer import consumers_lock
from consumers.services.upsert import rows_by_values
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.exceptions import SelectionLocked
from promotions.models import PersonalizedList, Product
from promotions.selectors.personalized_promotion import personalized_promotion_by_backend_id
from promotions.services.personalized.problems import (
    list_problems,
    no_products,
    refuse_if_any,
    too_many_products,
    too_many_selected,
    unknown_products,
    unlisted_products,
)


def personalized_list_add(
    *, account_id: int, backend_id: str, consumer_id: str, products: Sequence[str]
) -> PersonalizedList:
    """Append products to a consumer's list; products that are on it already keep their place.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``no_products``, ``too_many_products`` or ``product_not_available``.
    """
    refuse_if_any(no_products(products))
    refuse_if_any(too_many_products(products))
    # One transaction under the account's and the consumer's locks; see the module.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        listed = _list_lock(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        refuse_if_any(unknown_products(products, known_products(account, products)))
        listed.products = list(dict.fromkeys([*listed.products, *products]))
        refuse_if_any(too_many_products(listed.products))
        return _list_store(listed)


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

    ``selected`` are those of ``products`` that count as chosen. ``skip_unresolved`` leaves out products that the
    catalogue does not have.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``too_many_products``, ``maximum_distinct_products_exceeded`` or ``product_not_available``.
    """
    # One transaction under the account's and the consumer's locks; see the module.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        listed = _list_lock(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        refuse_if_any(list_problems(listed.promotion, products, selected))
        known = known_products(account, products)
        if not skip_unresolved:
            refuse_if_any(unknown_products(products, known))
        listed.products = [sku for sku in dict.fromkeys(products) if sku in known]
        listed.selected = in_list_order(listed.products, selected)
        return _list_store(listed, unlock=True)


def personalized_list_remove(
    *, account_id: int, backend_id: str, consumer_id: str, products: Sequence[str]
) -> PersonalizedList:
    """Remove products from a consumer's list; products that are not on it are ignored.

    A removed product is no longer chosen; when no chosen product is left, the list is unlocked.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``no_products``.
    """
    refuse_if_any(no_products(products))
    removed = set(products)
    # One transaction under the consumer's lock; see the module.
    with transaction.atomic():
        listed = _list_lock(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        listed.products = [sku for sku in listed.products if sku not in removed]
        listed.selected = [sku for sku in listed.selected if sku not in removed]
        return _list_store(listed, unlock=not listed.selected)


def personalized_list_clear(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """Remove every product from a consumer's list.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
    """
    # One transaction under the consumer's lock; see the module.
    with transaction.atomic():
        listed = _list_lock(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        listed.products, listed.selected = [], []
        return _list_store(listed, unlock=True)


def personalized_list_select(
    *, account_id: int, backend_id: str, consumer_id: str, products: Sequence[str]
) -> PersonalizedList:
    """Replace what a consumer has chosen; no products undo the choice.

    The choice is final where the promotion locks after the first one; undoing an open choice locks nothing. The same
    choice again is accepted, even when it is final or exceeds a maximum that was lowered meanwhile.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
        ListRefused: ``maximum_distinct_products_exceeded`` or ``product_not_available``.
        SelectionLocked: another choice was final.
    """
    selected = list(dict.fromkeys(products))
    # One transaction under the consumer's lock, so that of two choices the first is final; see the module.
    with transaction.atomic():
        listed = _list_lock(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        if set(selected) != set(listed.selected):
            refuse_if_any(too_many_selected(listed.promotion, selected))
            if listed.locked:
                raise SelectionLocked("This choice is final. Reset it first.")
            refuse_if_any(unlisted_products(products, listed.products))
            listed.selected = selected
        if listed.locked or not listed.products:
            return listed
        listed.locked = bool(selected) and listed.promotion.lock_after_first_apply
        return _list_store(listed)


def personalized_list_reset(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """Undo what a consumer has chosen, and unlock the list: they may choose again.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
    """
    # One transaction under the consumer's lock; see the module.
    with transaction.atomic():
        listed = _list_lock(account_id=account_id, backend_id=backend_id, consumer_id=consumer_id)
        listed.selected = []
        return _list_store(listed, unlock=True)


def _list_lock(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """Lock the consumer's row until the transaction ends; return their list with its promotion, a new one if needed."""
    consumers = consumers_lock(account_id=account_id, consumer_ids=[consumer_id])
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


def _list_store(listed: PersonalizedList, *, unlock: bool = False) -> PersonalizedList:
    """Save the list, or delete its row where it has no products; return it."""
    if unlock:
        listed.locked, listed.locked_by_id = False, None
    if listed.products:
        listed.save()
    elif listed.pk is not None:
        listed.delete()
    return listed


def in_list_order(products: Sequence[str], selected: Collection[str]) -> list[str]:
    """Return those of ``products`` that are selected, in the order of the list."""
    chosen = set(selected)
    return [sku for sku in products if sku in chosen]


def known_products(account: Account, products: Iterable[str]) -> set[str]:
    """Return those of ``products`` that may be on a list.

    They are in the catalogue; without a catalogue they are anything that could be a SKU.
    """
    skus = {sku for sku in products if sku.strip() and len(sku) <= MAX_SKU_LENGTH}
    if not account.catalogue_enabled:
        return skus
    catalogue = Product.objects.filter(account=account).order_by().values_list("sku", flat=True)
    return set(rows_by_values(catalogue, "sku", skus))
