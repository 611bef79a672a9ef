"""Indexes of a rulebook: each leaves out, without looking at them, the promotions that one stage of the checks refuses.

An index never loses a promotion: where it cannot tell, it lets the promotion through, and the checks decide. What it
knows is computed when it is first asked; from then on an edit copies it and corrects what changed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from typing import Protocol, Self

from promotions.engine.benefits.discounts import Discount
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper
from promotions.engine.matching.item_rules import ItemRules
from promotions.engine.matching.selection import Selection
from promotions.engine.rulebook.life import life_moments, life_reason
from promotions.engine.rulebook.masks import ALL, HourMasks, KeyMasks, LifeMasks, MinimumMasks, SiteMasks
from promotions.engine.rulebook.promotion import Promotion, PromotionSource, needs_consumer
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.index import Key, necessary_keys, necessary_minimum, necessary_part
from promotions.engine.rules.tree import Tree, conditions

CUSTOMER_KEYS = frozenset({"groups", "home_site", "is_loyalty_member"})
TRANSACTION_KEYS = frozenset(
    {"payment_card_type", "source", "loyalty_card_type", "transaction_date", "transaction_weekday"}
)


class PromotionIndex(Protocol):
    """One stage of the checks, for all promotions of a rulebook."""

    def copy(self, *, keep_masks: bool) -> Self:
        """Return a copy to be corrected; without its masks where so much changes that computing them is cheaper."""
        ...

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion whose ordinal is free."""
        ...

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion that was put under this ordinal."""
        ...

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the mask of the promotions that a basket and its shopper may have."""
        ...


class LifeIndex:
    """Promotions in force at the basket's moment."""

    def __init__(self) -> None:
        self._sources: list[PromotionSource | None] = []
        self._masks: LifeMasks | None = None

    def copy(self, *, keep_masks: bool) -> "LifeIndex":
        """Return a copy to be corrected."""
        other = LifeIndex()
        other._sources = self._sources.copy()
        if keep_masks and self._masks is not None:
            other._masks = self._masks.copy()
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        source = promotion.source
        if ordinal == len(self._sources):
            self._sources.append(source)
        else:
            self._sources[ordinal] = source
        if self._masks is not None:
            self._masks.put(ordinal, life_moments(source), lambda at: life_reason(source, at) is None)

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        self._sources[ordinal] = None
        if self._masks is not None:
            self._masks.remove(ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions in force."""
        masks = self._masks
        if masks is None:
            sources = [source for source in self._sources if source is not None]
            masks = self._masks = LifeMasks(moment for source in sources for moment in life_moments(source))
        return masks.at(basket.at, lambda: self._are_live(basket.at))

    def _are_live(self, at: datetime) -> Iterator[bool]:
        return (source is not None and life_reason(source, at) is None for source in self._sources)


class CurrencyIndex:
    """Promotions in the basket's currency."""

    def __init__(self) -> None:
        self._by_currency: dict[str, int] = {}

    def copy(self, *, keep_masks: bool) -> "CurrencyIndex":
        """Return a copy to be corrected."""
        other = CurrencyIndex()
        other._by_currency = self._by_currency.copy()
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        currency = promotion.source.currency
        self._by_currency[currency] = self._by_currency.get(currency, 0) | 1 << ordinal

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        self._by_currency[promotion.source.currency] &= ~(1 << ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions in the basket's currency."""
        return self._by_currency.get(basket.currency, 0)


class ConsumerIndex:
    """Promotions that need a consumer, and those that need an active loyalty member."""

    def __init__(self) -> None:
        self._for_consumers = self._for_members = 0

    def copy(self, *, keep_masks: bool) -> "ConsumerIndex":
        """Return a copy to be corrected."""
        other = ConsumerIndex()
        other._for_consumers, other._for_members = self._for_consumers, self._for_members
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        if needs_consumer(promotion):
            self._for_consumers |= 1 << ordinal
        if promotion.gives_points:
            self._for_members |= 1 << ordinal

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        self._for_consumers &= ~(1 << ordinal)
        self._for_members &= ~(1 << ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions that whoever buys may have."""
        if shopper is None:
            return ~self._for_consumers
        return ALL if shopper.is_loyalty_member else ~self._for_members


class SiteIndex:
    """Promotions whose site rules hold at the basket's site."""

    def __init__(self) -> None:
        self._sites = SiteMasks()

    def copy(self, *, keep_masks: bool) -> "SiteIndex":
        """Return a copy to be corrected."""
        other = SiteIndex()
        other._sites = self._sites.copy(keep_masks=keep_masks)
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        self._sites.put(ordinal, promotion.site_rules)

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        self._sites.remove(ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions that may apply at the site."""
        return self._sites.at(basket.site)


class CustomerIndex:
    """Promotions whose customer rules may hold, by the shopper's keys and points balance."""

    def __init__(self) -> None:
        self._keys = KeyMasks()
        self._points = MinimumMasks()

    def copy(self, *, keep_masks: bool) -> "CustomerIndex":
        """Return a copy to be corrected."""
        other = CustomerIndex()
        other._keys, other._points = self._keys.copy(), self._points.copy(keep_masks=keep_masks)
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        self._keys.put(1 << ordinal, _customer_keys(promotion))
        self._points.put(ordinal, necessary_minimum(promotion.source.eligibility["customer_rules"], "points_balance"))

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        self._keys.remove(1 << ordinal, _customer_keys(promotion))
        self._points.remove(ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions that may apply to the shopper; without one customer rules are left to the checks."""
        if shopper is None:
            return ALL
        return self._keys.of(_keys_of_shopper(shopper)) & self._points.up_to(shopper.points_balance)


class TransactionIndex:
    """Promotions whose transaction rules may hold, by the basket's keys, totals and time of day."""

    def __init__(self) -> None:
        self._keys = KeyMasks()
        self._total_inc_tax, self._total_ex_tax = MinimumMasks(), MinimumMasks()
        self._hours = HourMasks()

    def copy(self, *, keep_masks: bool) -> "TransactionIndex":
        """Return a copy to be corrected."""
        other = TransactionIndex()
        other._keys = self._keys.copy()
        other._total_inc_tax = self._total_inc_tax.copy(keep_masks=keep_masks)
        other._total_ex_tax = self._total_ex_tax.copy(keep_masks=keep_masks)
        other._hours = self._hours.copy(keep_masks=keep_masks)
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        tree = promotion.source.eligibility["transaction_rules"]
        hours = necessary_part(tree, "transaction_time")
        self._keys.put(1 << ordinal, necessary_keys(tree, TRANSACTION_KEYS, Scope.TRANSACTION))
        self._total_inc_tax.put(ordinal, necessary_minimum(tree, "total_inc_tax"))
        self._total_ex_tax.put(ordinal, necessary_minimum(tree, "total_ex_tax"))
        self._hours.put(ordinal, compile_tree(hours, Scope.TRANSACTION), _times(hours))

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        tree = promotion.source.eligibility["transaction_rules"]
        self._keys.remove(1 << ordinal, necessary_keys(tree, TRANSACTION_KEYS, Scope.TRANSACTION))
        self._total_inc_tax.remove(ordinal)
        self._total_ex_tax.remove(ordinal)
        self._hours.remove(ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions that may apply to the transaction."""
        return (
            self._keys.of(_keys_of_basket(basket))
            & self._total_inc_tax.up_to(basket.total_inc_tax)
            & self._total_ex_tax.up_to(basket.total_ex_tax)
            & self._hours.at(basket)
        )


class ItemIndex:
    """Promotions of which the basket may have an item.

    A personalized discount is let through whatever is bought: the answer says what the consumer may still choose.
    """

    def __init__(self) -> None:
        self._keys = KeyMasks()
        self._personalized = 0

    def copy(self, *, keep_masks: bool) -> "ItemIndex":
        """Return a copy to be corrected."""
        other = ItemIndex()
        other._keys, other._personalized = self._keys.copy(), self._personalized
        return other

    def put(self, ordinal: int, promotion: Promotion) -> None:
        """Add a promotion."""
        self._keys.put(1 << ordinal, _item_keys(promotion))
        if promotion.personalized:
            self._personalized |= 1 << ordinal

    def remove(self, ordinal: int, promotion: Promotion) -> None:
        """Remove a promotion."""
        self._keys.remove(1 << ordinal, _item_keys(promotion))
        self._personalized &= ~(1 << ordinal)

    def mask(self, basket: Basket, shopper: Shopper | None) -> int:
        """Return the promotions that may apply to what is bought."""
        return self._keys.of(basket.unit_groups.counting.keys) | self._personalized


def empty_indexes() -> tuple[PromotionIndex, ...]:
    """Return the indexes of a rulebook without promotions, in the order of the checks."""
    return (
        LifeIndex(),
        CurrencyIndex(),
        ConsumerIndex(),
        SiteIndex(),
        CustomerIndex(),
        TransactionIndex(),
        ItemIndex(),
    )


# --- what a promotion needs -------------------------------------------------------------------------------------------


def _customer_keys(promotion: Promotion) -> frozenset[Key] | None:
    """Return the fewest keys known: of the customer rules, or any list under a personalized promotion that feeds it."""
    tree = promotion.source.eligibility["customer_rules"]
    lists: frozenset[Key] = frozenset(("personalized", backend_id) for backend_id in promotion.personalized)
    return _fewest([necessary_keys(tree, CUSTOMER_KEYS, Scope.CUSTOMER), lists or None])


def _item_keys(promotion: Promotion) -> frozenset[Key] | None:
    """Return the fewest keys known: of the line item rules, or of the products that the promotion takes."""
    known = [_necessary_keys(promotion.line_item_rules)]
    effect = promotion.effect
    known += _discount_keys(effect) if isinstance(effect, Discount) else _selection_keys(effect.selection)
    return _fewest(known)


def _discount_keys(discount: Discount) -> Iterator[frozenset[Key] | None]:
    """Yield the keys of each set: all need their units, except one whose default product the till is told to add."""
    for product_set in discount.sets:
        if product_set.default_product is not None:
            continue
        if product_set.products is not None:
            yield frozenset(("sku", sku.casefold()) for sku in product_set.products)
        elif product_set.personalized is None:
            yield _necessary_keys(product_set.rules)


def _selection_keys(selection: Selection) -> Iterator[frozenset[Key] | None]:
    """Yield the keys of each set of a bundle, or of the sets of a pool together, if all are known."""
    keys = [_necessary_keys(product_set.rules) for product_set in selection.sets]
    known = [keys_of_set for keys_of_set in keys if keys_of_set is not None]
    if selection.bundle:
        yield from known
    elif keys and len(known) == len(keys):
        yield frozenset().union(*known)


def _necessary_keys(rules: ItemRules | None) -> frozenset[Key] | None:
    return None if rules is None else rules.necessary_keys


def _fewest(choices: Iterable[frozenset[Key] | None]) -> frozenset[Key] | None:
    return min((keys for keys in choices if keys is not None), key=len, default=None)


def _times(hours: Tree | None) -> Iterator[time]:
    """Yield the times of day that rules name."""
    for condition in conditions(hours):
        value = condition["value"]
        yield from map(time.fromisoformat, value if isinstance(value, list) else [value])


# --- what a basket and its shopper have -------------------------------------------------------------------------------


def _keys_of_shopper(shopper: Shopper) -> Iterator[Key]:
    yield ("is_loyalty_member", shopper.is_loyalty_member)
    if shopper.home_site is not None:
        yield ("home_site", shopper.home_site)
    for group in shopper.groups:
        yield ("groups", group)
    for backend_id in shopper.personalized:
        yield ("personalized", backend_id)


def _keys_of_basket(basket: Basket) -> Iterator[Key]:
    yield ("transaction_date", basket.transaction_date)
    yield ("transaction_weekday", basket.transaction_weekday)
    yield ("source", basket.source)
    yield ("payment_card_type", basket.payment_card_type)
    yield ("loyalty_card_type", basket.loyalty_card_type)
