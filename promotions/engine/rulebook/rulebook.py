"""Promotions compiled and indexed for one account: built once per version, shared by all threads, read by all.

Each promotion has an ordinal, and each key that a basket or shopper may have (a site, a currency, a SKU, a category, a
group, …) has a mask: a Python integer with the bits of the promotions that the key could satisfy. The candidates of a
basket are a few ANDs and ORs of masks; only they are looked at, so a decision costs what matches, not what exists. A
mask never loses a promotion: it only leaves out those that some check would refuse.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from itertools import islice

from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.facts.basket import LINE_ITEM_KEYS, Basket, SiteFacts
from promotions.engine.facts.consumer import Shopper
from promotions.engine.rulebook.indexes import HourMasks, LifeMasks, MinimumMasks, SiteMasks, mask_of
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import (
    OfferFacts,
    Promotion,
    PromotionSource,
    Terms,
    life_moments,
    needs_consumer,
)
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import Predicate, compile_tree
from promotions.engine.rules.index import Key, necessary_keys, necessary_minimum, necessary_part
from promotions.engine.rules.tree import Tree, conditions

CUSTOMER_KEYS = frozenset({"groups", "home_site", "is_loyalty_member"})
TRANSACTION_KEYS = frozenset(
    {"payment_card_type", "source", "loyalty_card_type", "transaction_date", "transaction_weekday"}
)
TRANSACTION_NUMBERS = ("total_inc_tax", "total_ex_tax")
CUSTOMER_NUMBERS = ("points_balance",)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Needs:
    """What a basket and its shopper must have for a promotion to be a candidate: one of some keys, at least so much of
    some numbers, by attribute, and the right time of day, which may come or end at ``boundaries``."""

    items: frozenset[Key] | None
    customer: frozenset[Key] | None
    transaction: frozenset[Key] | None
    minima: Mapping[str, Decimal | None]
    hours: Predicate | None
    boundaries: frozenset[time]


def _needs(source: PromotionSource) -> _Needs:
    eligibility = source.eligibility
    hours = necessary_part(eligibility["transaction_rules"], "transaction_time")
    return _Needs(
        items=_item_keys(source),
        customer=_customer_needs(source),
        transaction=necessary_keys(eligibility["transaction_rules"], TRANSACTION_KEYS, Scope.TRANSACTION),
        minima={
            **{name: necessary_minimum(eligibility["transaction_rules"], name) for name in TRANSACTION_NUMBERS},
            **{name: necessary_minimum(eligibility["customer_rules"], name) for name in CUSTOMER_NUMBERS},
        },
        hours=compile_tree(hours, Scope.TRANSACTION),
        boundaries=frozenset(_times(hours)),
    )


def _times(hours: Tree | None) -> Iterator[time]:
    """The times of day that rules name."""
    for rule in conditions(hours):
        value = rule["value"]
        yield from map(time.fromisoformat, value if isinstance(value, list) else [value])


def _customer_needs(source: PromotionSource) -> frozenset[Key] | None:
    """The fewest keys known: of the qualification rules, or any list under a personalized promotion that feeds it."""
    lists: frozenset[Key] = frozenset(
        ("personalized", one["personalized_promotion"])
        for one in source.outcome.get("product_sets", ())
        if "personalized_promotion" in one
    )
    return _fewest([necessary_keys(source.eligibility["customer_rules"], CUSTOMER_KEYS, Scope.CUSTOMER), lists or None])


def _fewest(choices: Iterable[frozenset[Key] | None]) -> frozenset[Key] | None:
    return min((keys for keys in choices if keys is not None), key=len, default=None)


def _item_keys(source: PromotionSource) -> frozenset[Key] | None:
    """The fewest keys known: of the qualification rules, or of what the promotion takes."""
    choices = [necessary_keys(source.eligibility["line_item_rules"], LINE_ITEM_KEYS, Scope.LINE_ITEM)]
    choices += _discount_keys(source) if source.family == "discount" else _selection_keys(source)
    return _fewest(choices)


def _discount_keys(source: PromotionSource) -> Iterator[frozenset[Key] | None]:
    """Every set needs its units, but for one that the till is told to add."""
    for one in source.outcome["product_sets"]:
        if one["default_product"] is not None:
            continue
        if "products" in one:
            yield frozenset(("sku", sku.casefold()) for sku in one["products"])
        elif "rules" in one:
            yield necessary_keys(one["rules"], LINE_ITEM_KEYS, Scope.LINE_ITEM)


def _selection_keys(source: PromotionSource) -> Iterator[frozenset[Key] | None]:
    selection = source.outcome["product_selection"]
    sets = [necessary_keys(one["rules"], LINE_ITEM_KEYS, Scope.LINE_ITEM) for one in selection["sets"]]
    known = [keys for keys in sets if keys is not None]
    if selection["match"] == "all":
        yield from known
    elif sets and len(known) == len(sets):
        yield frozenset().union(*known)


@dataclass(kw_only=True, slots=True)
class _KeyIndex:
    """Masks by key, and the mask of the promotions that need none."""

    by_key: dict[Key, int] = field(default_factory=dict)
    unkeyed: int = 0

    def copy(self) -> "_KeyIndex":
        return _KeyIndex(by_key=dict(self.by_key), unkeyed=self.unkeyed)

    def add(self, bit: int, keys: frozenset[Key] | None) -> None:
        if keys is None:
            self.unkeyed |= bit
            return
        for key in keys:
            self.by_key[key] = self.by_key.get(key, 0) | bit

    def remove(self, bit: int, keys: frozenset[Key] | None) -> None:
        if keys is None:
            self.unkeyed &= ~bit
            return
        for key in keys:
            left = self.by_key[key] & ~bit
            if left:
                self.by_key[key] = left
            else:
                del self.by_key[key]

    def of(self, keys: Iterable[Key]) -> int:
        mask, by_key = self.unkeyed, self.by_key
        for key in keys:
            found = by_key.get(key)
            if found is not None:
                mask |= found
        return mask


MOST_CORRECTED = 100
"""Promotions put or removed at once by which masks are corrected; after more they are made anew."""


class Rulebook:
    """An account's promotions (drafts too, archived ones not), compiled and indexed. Never changed once built."""

    def __init__(
        self, *, terms: Terms, offers: Mapping[str, OfferFacts], personalized: Mapping[str, PersonalizedTerms]
    ) -> None:
        self.terms = terms
        self.offers = offers
        self.personalized = personalized
        self._promotions: list[Promotion | None] = []
        self._needs: list[_Needs | None] = []
        self._ordinals: dict[int, int] = {}
        self._currencies: dict[str, int] = {}
        self._items, self._customer, self._transaction = _KeyIndex(), _KeyIndex(), _KeyIndex()
        self._with_consumer = self._with_member = self._listed = 0
        # Made when they are first asked for, and from then on corrected at an edit.
        self._lives: LifeMasks | None = None
        self._sites: SiteMasks | None = None
        self._hours: HourMasks | None = None
        self._minima: dict[str, MinimumMasks] = {}
        self._by_code: list[tuple[int, Promotion]] | None = None

    @classmethod
    def build(
        cls,
        promotions: Iterable[Promotion],
        *,
        terms: Terms,
        offers: Mapping[str, OfferFacts] | None = None,
        personalized: Mapping[str, PersonalizedTerms] | None = None,
    ) -> "Rulebook":
        """A rulebook of compiled promotions."""
        rulebook = cls(terms=terms, offers=offers or {}, personalized=personalized or {})
        for promotion in promotions:
            rulebook._put(promotion)
        return rulebook

    def changed(
        self,
        *,
        put: Iterable[Promotion] = (),
        removed: Iterable[int] = (),
        terms: Terms | None = None,
        offers: Mapping[str, OfferFacts] | None = None,
        personalized: Mapping[str, PersonalizedTerms] | None = None,
    ) -> "Rulebook":
        """A rulebook with some promotions added or replaced, others (by id) removed; the rest is shared."""
        other = Rulebook(
            terms=terms or self.terms,
            offers=self.offers if offers is None else offers,
            personalized=self.personalized if personalized is None else personalized,
        )
        other._promotions, other._needs = list(self._promotions), list(self._needs)
        other._ordinals, other._currencies = dict(self._ordinals), dict(self._currencies)
        other._items, other._customer = self._items.copy(), self._customer.copy()
        other._transaction = self._transaction.copy()
        other._with_consumer, other._with_member = self._with_consumer, self._with_member
        other._listed = self._listed
        removed, put = list(removed), list(put)
        if len(removed) + len(put) <= MOST_CORRECTED:
            other._lives = self._lives and self._lives.copy()
            other._sites = self._sites and self._sites.copy()
            other._hours = self._hours and self._hours.copy()
            other._minima = {name: masks.copy() for name, masks in self._minima.items()}
            other._by_code = None if self._by_code is None else self._by_code.copy()
        for promotion_id in removed:
            other._remove(promotion_id)
        for promotion in put:
            other._put(promotion)
        return other

    def _put(self, promotion: Promotion) -> None:
        self._remove(promotion.id)
        source = promotion.source
        ordinal = self._ordinals.get(promotion.id)
        if ordinal is None:
            ordinal = self._ordinals[promotion.id] = len(self._promotions)
            self._promotions.append(None)
            self._needs.append(None)
        bit = 1 << ordinal
        needs = _needs(source)
        self._promotions[ordinal], self._needs[ordinal] = promotion, needs
        self._currencies[source.currency] = self._currencies.get(source.currency, 0) | bit
        self._items.add(bit, needs.items)
        self._customer.add(bit, needs.customer)
        self._transaction.add(bit, needs.transaction)
        if needs_consumer(promotion):
            self._with_consumer |= bit
        if promotion.gives_points:
            self._with_member |= bit
        if promotion.personalized:
            self._listed |= bit
        if self._lives is not None:
            self._lives.put(ordinal, life_moments(source), lambda at: life_reason(source, at) is None)
        if self._sites is not None:
            self._sites.put(ordinal, promotion.site_rules)
        if self._hours is not None:
            self._hours.put(ordinal, needs.hours, needs.boundaries)
        for name, masks in self._minima.items():
            masks.put(ordinal, needs.minima[name])
        if self._by_code is not None:
            insort(self._by_code, (ordinal, promotion), key=_numbered_by_code)

    def _remove(self, promotion_id: int) -> None:
        ordinal = self._ordinals.get(promotion_id)
        if ordinal is None:
            return
        promotion, needs = self._promotions[ordinal], self._needs[ordinal]
        if promotion is None or needs is None:
            return
        bit = 1 << ordinal
        self._promotions[ordinal] = self._needs[ordinal] = None
        self._currencies[promotion.source.currency] &= ~bit
        self._items.remove(bit, needs.items)
        self._customer.remove(bit, needs.customer)
        self._transaction.remove(bit, needs.transaction)
        for name in ("_with_consumer", "_with_member", "_listed"):
            setattr(self, name, getattr(self, name) & ~bit)
        made = [masks for masks in (self._lives, self._sites, self._hours) if masks is not None]
        for masks in (*made, *self._minima.values()):
            masks.remove(ordinal)
        if self._by_code is not None:
            self._by_code = [numbered for numbered in self._by_code if numbered[0] != ordinal]

    # --- reading ----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Promotion]:
        return (promotion for promotion in self._promotions if promotion is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, promotion_id: int) -> Promotion | None:
        """A promotion by its id."""
        ordinal = self._ordinals.get(promotion_id)
        return None if ordinal is None else self._promotions[ordinal]

    def candidates(self, basket: Basket, shopper: Shopper | None) -> list[Promotion]:
        """The promotions that no mask rules out."""
        return self._of_mask(self._stages(basket, shopper)[-1])

    def nearest(self, basket: Basket, shopper: Shopper | None, *, most: int) -> list[Promotion]:
        """Up to so many promotions, those first that fewer masks rule out; among equals those first by code."""
        found: list[Promotion] = []
        seen = 0
        for mask in [*reversed(self._stages(basket, shopper)), (1 << len(self._promotions)) - 1]:
            found += self._first_by_code(mask & ~seen, most=most - len(found))
            seen |= mask
            if len(found) >= most:
                break
        return found

    def _stages(self, basket: Basket, shopper: Shopper | None) -> list[int]:
        """Masks that narrow step by step, in the order of the checks."""
        mask = self._live(basket.at)
        stages = [mask]

        def narrow(to: int) -> None:
            stages.append(stages[-1] & to)

        narrow(self._currencies.get(basket.currency, 0))
        if shopper is None:
            narrow(~self._with_consumer)
        elif not shopper.is_loyalty_member:
            narrow(~self._with_member)
        narrow(self._at_site(basket.site))
        if shopper is not None:
            narrow(self._customer.of(_customer_keys(shopper)) & self._reached("points_balance", shopper.points_balance))
        spent = self._reached("total_inc_tax", basket.total_inc_tax) & self._reached(
            "total_ex_tax", basket.total_ex_tax
        )
        narrow(self._transaction.of(_transaction_keys(basket)) & spent & self._at_hour(basket))
        # A personalized discount is looked at whatever is bought: the answer tells what the consumer may still choose.
        narrow(self._items.of(basket.runs.keys) | self._listed)
        return stages

    def _first_by_code(self, mask: int, *, most: int) -> list[Promotion]:
        """Up to so many promotions of a mask: the order in which they came to be is no reason to prefer one."""
        if mask.bit_count() <= most:
            return self._of_mask(mask)
        by_code = self._by_code
        if by_code is None:
            numbered = [(ordinal, p) for ordinal, p in enumerate(self._promotions) if p is not None]
            by_code = self._by_code = sorted(numbered, key=_numbered_by_code)
        bits = f"{mask:0{len(self._promotions)}b}"[::-1]
        return list(islice((promotion for ordinal, promotion in by_code if bits[ordinal] == "1"), most))

    def _of_mask(self, mask: int) -> list[Promotion]:
        found: list[Promotion] = []
        promotions = self._promotions
        while mask:
            lowest = mask & -mask
            mask ^= lowest
            promotion = promotions[lowest.bit_length() - 1]
            if promotion is not None:
                found.append(promotion)
        return found

    def _live(self, at: datetime) -> int:
        """Promotions in force at a moment."""
        lives = self._lives
        if lives is None:
            lives = self._lives = LifeMasks(moment for one in self for moment in life_moments(one.source))
        return lives.at(
            at, lambda: [one is not None and life_reason(one.source, at) is None for one in self._promotions]
        )

    def _at_site(self, site: SiteFacts) -> int:
        """Promotions whose site rules a site satisfies."""
        sites = self._sites
        if sites is None:
            free = mask_of(one is not None and one.site_rules is None for one in self._promotions)
            rules = {i: one.site_rules for i, one in enumerate(self._promotions) if one is not None and one.site_rules}
            sites = self._sites = SiteMasks(free, rules)
        return sites.at(site)

    def _at_hour(self, basket: Basket) -> int:
        """Promotions that may apply at the time of day."""
        hours = self._hours
        if hours is None:
            free = mask_of(needs is not None and needs.hours is None for needs in self._needs)
            rules = {i: needs.hours for i, needs in enumerate(self._needs) if needs is not None and needs.hours}
            boundaries = (boundary for needs in self._needs if needs is not None for boundary in needs.boundaries)
            hours = self._hours = HourMasks(free, rules, boundaries)
        return hours.at(basket)

    def _reached(self, name: str, have: Decimal | int | None) -> int:
        """Promotions that do not ask for more of a number than there is; None is no number."""
        masks = self._minima.get(name)
        if masks is None:
            asked = [None if needs is None else needs.minima[name] for needs in self._needs]
            free = mask_of(needs is not None and needs.minima[name] is None for needs in self._needs)
            minima = [(ordinal, minimum) for ordinal, minimum in enumerate(asked) if minimum is not None]
            masks = self._minima[name] = MinimumMasks(free, minima)
        return masks.up_to(have)


def _numbered_by_code(numbered: tuple[int, Promotion]) -> tuple[str, str]:
    return numbered[1].code, numbered[1].source.family


def _customer_keys(shopper: Shopper) -> Iterator[Key]:
    yield ("is_loyalty_member", shopper.is_loyalty_member)
    if shopper.home_site is not None:
        yield ("home_site", shopper.home_site)
    for group in shopper.groups:
        yield ("groups", group)
    for backend_id in shopper.personalized:
        yield ("personalized", backend_id)


def _transaction_keys(basket: Basket) -> Iterator[Key]:
    yield ("transaction_date", basket.transaction_date)
    yield ("transaction_weekday", basket.transaction_weekday)
    yield ("source", basket.source)
    yield ("payment_card_type", basket.payment_card_type)
    yield ("loyalty_card_type", basket.loyalty_card_type)
