"""Discounts: which units of a basket form matching sets, and what is taken off their prices."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, takewhile
from types import MappingProxyType
from typing import NamedTuple

from promotions.engine.benefits.matching_sets import MatchingSets, deal, sets_one_by_one
from promotions.engine.definition.fields import Document
from promotions.engine.facts.basket import UnitGroups
from promotions.engine.facts.consumer import PersonalizedChoice
from promotions.engine.matching.item_rules import ItemRules, compile_item_rules
from promotions.engine.matching.prices import PricedUnits, PriceReduction, Prices, share_reduction
from promotions.engine.matching.selection import assign, most_bundles, units_lacking
from promotions.engine.money import exponent, round_half_up_ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonalizedTerms:
    """The terms of a personalized promotion. Without a maximum all products of a list may be chosen."""

    maximum_distinct_products: int | None
    lock_after_first_apply: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscountProductSet:
    """A product set of a discount: where its products come from, what a matching set takes, how much is discounted.

    One of ``products``, ``personalized`` (a backend id) and ``rules`` is its source; all None is every product.
    ``required_spend``, in minor units, takes the place of a quantity; with ``repeats`` each such spend is a redemption.
    A ``discounted_quantity`` of None discounts all units of a set with a spend.
    """

    rules: ItemRules | None
    products: frozenset[str] | None
    personalized: str | None
    required_quantity: int
    required_spend: int | None
    discounted_quantity: int | None
    gets_discount: bool
    default_product: str | None
    repeats: bool = False

    @property
    def discounts_all_units(self) -> bool:
        """Whether all the units that it takes are discounted."""
        if self.required_spend is None:
            return self.discounted_quantity == self.required_quantity
        return self.discounted_quantity is None


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonalizedLists:
    """What the personalized product sets of a discount choose from, all by backend id.

    ``terms`` are the personalized promotions in force, ``choices`` the shopper's lists, and ``taken`` the products that
    other discounts of the decision took from lists without a choice. With ``any_listed`` every listed product is
    accepted where there is no choice, beyond the maximum of distinct products too.
    """

    terms: Mapping[str, PersonalizedTerms]
    choices: Mapping[str, PersonalizedChoice]
    taken: Mapping[str, Sequence[str]]
    any_listed: bool = False


NO_LISTS = PersonalizedLists(terms={}, choices={}, taken={})
_NO_PRODUCTS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_NO_BACKEND_IDS: frozenset[str] = frozenset()
_NO_ORDINALS: frozenset[int] = frozenset()


class Fit(NamedTuple):
    """Which unit groups, by ordinal, a discount's product sets accept for one shopper.

    ``accepted`` are those of each set, ``unit_groups`` those of any. ``undecided`` are the personalized promotions, by
    backend id, of which any listed product is accepted because there is no choice. ``defaults`` are the indexes of the
    sets that accept their default product.
    """

    accepted: tuple[Set[int], ...]
    unit_groups: Set[int]
    undecided: frozenset[str]
    defaults: frozenset[int]

    def has_units(self, index: int, prices: Prices) -> bool:
        """Return whether there is any unit that a set accepts."""
        accepted = self.accepted[index]
        return any(priced.unit_group in accepted for priced in prices.priced_units)


class MissingProduct(NamedTuple):
    """A default product of which the basket has no unit, and the units that a till should add."""

    sku: str
    units: int


class MissingSpend(NamedTuple):
    """What a product set's units fall short of its required spend, in minor units."""

    missing: int
    required: int


class DiscountResult(NamedTuple):
    """The result of a discount: redemptions, and a price reduction of all units taken (0 where they only qualified).

    ``taken_from_lists`` are the products taken from each list, by the backend id of its personalized promotion.
    """

    redemptions: int
    reductions: tuple[PriceReduction, ...]
    fit: Fit
    taken_from_lists: Mapping[str, tuple[str, ...]]

    @property
    def off(self) -> int:
        """The discount in minor units."""
        return sum(reduction.off for reduction in self.reductions)

    def cut_to(self, off: int) -> "DiscountResult":
        """Return the result with a smaller discount, shared over all discounted units by their value before it."""
        discounted = [reduction.priced for reduction in self.reductions if reduction.discounted]
        others = [reduction for reduction in self.reductions if not reduction.discounted]
        return self._replace(reductions=(*share_reduction(off, discounted), *others))


@dataclass(frozen=True, kw_only=True, slots=True)
class Discount:
    """A compiled discount.

    ``value`` is a percentage, or an amount in minor units; ``maximum`` is in minor units. ``personalized`` are the
    backend ids of the personalized promotions that feed it, each once, in the order written. ``_quantity_sets`` are the
    indexes of the sets that require a quantity; ``_is_plain``: no set has a list or a default product; ``_repeats``:
    its only set has a spend that repeats; ``_is_single``: its only set requires a quantity.
    """

    kind: str
    value: Fraction
    maximum: int | None
    most_expensive: bool
    sets: tuple[DiscountProductSet, ...]
    personalized: tuple[str, ...] = field(init=False)
    _quantity_sets: tuple[int, ...] = field(init=False)
    _is_plain: bool = field(init=False)
    _repeats: bool = field(init=False)
    _is_single: bool = field(init=False)

    def __post_init__(self) -> None:
        # Asked of every candidate of every basket.
        lists = dict.fromkeys(
            product_set.personalized for product_set in self.sets if product_set.personalized is not None
        )
        quantity_sets = [index for index, product_set in enumerate(self.sets) if product_set.required_spend is None]
        has_default = any(product_set.default_product is not None for product_set in self.sets)
        object.__setattr__(self, "personalized", tuple(lists))
        object.__setattr__(self, "_quantity_sets", tuple(quantity_sets))
        object.__setattr__(self, "_is_plain", not lists and not has_default)
        object.__setattr__(self, "_repeats", self.sets[0].repeats)
        object.__setattr__(self, "_is_single", len(self.sets) == 1 and bool(quantity_sets))

    # --- which units fit ----------------------------------------------------------------------------------------------

    def fit(self, unit_groups: UnitGroups, prices: Prices, lists: PersonalizedLists) -> Fit:
        """Return which unit groups the sets accept; ``prices`` are of the units that the discount may take."""
        discountable = unit_groups.discountable
        if self._is_plain:
            plain = tuple(
                [_accepted(discountable, product_set.products, product_set.rules) for product_set in self.sets]
            )
            return Fit(plain, _union(plain), _NO_BACKEND_IDS, _NO_ORDINALS)
        accepted: list[Set[int]] = []
        undecided, defaults = _NO_BACKEND_IDS, _NO_ORDINALS
        for index, product_set in enumerate(self.sets):
            allowed = product_set.products
            if product_set.personalized is not None:
                allowed, is_undecided = self._allowed(product_set, unit_groups, prices, lists)
                if is_undecided:
                    undecided |= {product_set.personalized}
            default = product_set.default_product
            if default is not None and (allowed is None or default in allowed):
                defaults |= {index}
            accepted.append(_accepted(discountable, allowed, product_set.rules))
        return Fit(accepted=tuple(accepted), unit_groups=_union(accepted), undecided=undecided, defaults=defaults)

    def _allowed(
        self, product_set: DiscountProductSet, unit_groups: UnitGroups, prices: Prices, lists: PersonalizedLists
    ) -> tuple[frozenset[str], bool]:
        """Return the products that a personalized set accepts, and whether that is because there is no choice."""
        backend_id = product_set.personalized or ""
        terms, choice = lists.terms.get(backend_id), lists.choices.get(backend_id)
        if terms is None or choice is None:
            return frozenset(), False
        if choice.selected:
            return frozenset(choice.selected), False
        if product_set.default_product in choice.products:
            return frozenset([product_set.default_product]), False
        listed = frozenset(choice.products)
        if terms.maximum_distinct_products is None or lists.any_listed:
            return listed, True
        skus = (unit_groups[priced.unit_group].sku for priced in prices.by_price(most_expensive=self.most_expensive))
        preferred = dict.fromkeys([*lists.taken.get(backend_id, ()), *(sku for sku in skus if sku in listed)])
        return frozenset(list(preferred)[: terms.maximum_distinct_products]), True

    def missing_products(self, prices: Prices, fit: Fit, *, redemptions_left: int | None) -> list[MissingProduct]:
        """Return default products of discounted sets of which the basket has no unit.

        There are none where the rest of the basket does not qualify, or where the limits leave no redemption.
        """
        missing = [
            index
            for index, product_set in enumerate(self.sets)
            if product_set.gets_discount and index in fit.defaults and not fit.has_units(index, prices)
        ]
        if not missing:
            return []
        others = [index for index in range(len(self.sets)) if index not in missing]
        count = 1
        if others:
            accepted = tuple([fit.accepted[index] for index in others])
            rest = replace(self, maximum=None, sets=tuple([self.sets[index] for index in others]))
            matching_sets = rest.match(prices, fit._replace(accepted=accepted, unit_groups=_union(accepted)))
            count = sum(sets.count for sets in matching_sets)
        if redemptions_left is not None:
            count = min(count, redemptions_left)
        if not count:
            return []
        product_sets = [self.sets[index] for index in missing]
        return [MissingProduct(part.default_product or "", part.required_quantity * count) for part in product_sets]

    # --- matching sets -----------------------------------------------------------------------------------------------

    def match(self, prices: Prices, fit: Fit) -> list[MatchingSets]:
        """Return all matching sets that the units allow, in sorted order; those of one composition together."""
        fitting = fit.unit_groups
        if not fitting:
            return []
        preferred = [
            priced for priced in prices.by_price(most_expensive=self.most_expensive) if priced.unit_group in fitting
        ]
        if self._is_single:
            demand = self.sets[0].required_quantity
            return deal([preferred], [demand], sum([priced.units for priced in preferred]) // demand)
        quantity_sets = self._quantity_sets
        taken: dict[int, list[PricedUnits]] = {}
        if quantity_sets:
            demands = [self.sets[index].required_quantity for index in quantity_sets]
            supply = self._supply(preferred, fit)
            count = most_bundles(supply, demands)
            if len(quantity_sets) < len(self.sets):
                count = min(count, 1)
            if not count:
                return []
            taken, preferred = self._assign(preferred, supply, demands, count)
            if len(quantity_sets) == len(self.sets):
                return deal([taken[index] for index in quantity_sets], demands, count)
        for index, required, units in self._units_of_spends(preferred, fit):
            if sum(priced.total for priced in units) < required:
                return []
            taken[index] = units
        return [MatchingSets(count=1, units_by_set=tuple(tuple(taken[index]) for index in range(len(self.sets))))]

    def lacking(self, prices: Prices, fit: Fit) -> tuple[int, list[MissingSpend]]:
        """Return the units that a first matching set lacks, and what each set with a required spend falls short of."""
        demands = [self.sets[index].required_quantity for index in self._quantity_sets]
        if len(demands) == len(self.sets) and not fit.unit_groups:
            return sum(demands), []
        preferred = prices.by_price(most_expensive=self.most_expensive)
        units_missing = 0
        if demands:
            supply = self._supply(preferred, fit)
            units_missing = units_lacking(supply, demands)
            if not units_missing:
                _, preferred = self._assign(preferred, supply, demands, 1)
        spends = []
        for _, required, units in self._units_of_spends(preferred, fit):
            spent = sum(priced.total for priced in units)
            if spent < required:
                spends.append(MissingSpend(required - spent, required))
        return units_missing, spends

    def _supply(self, preferred: Sequence[PricedUnits], fit: Fit) -> list[tuple[int, int]]:
        """Return for all priced units how many they are, and a mask of the sets with a quantity that accept them."""
        accepted = [(1 << bit, fit.accepted[index]) for bit, index in enumerate(self._quantity_sets)]
        return [
            (priced.units, sum([bit for bit, ordinals in accepted if priced.unit_group in ordinals]))
            for priced in preferred
        ]

    def _assign(
        self, preferred: Sequence[PricedUnits], supply: Sequence[tuple[int, int]], demands: Sequence[int], count: int
    ) -> tuple[dict[int, list[PricedUnits]], list[PricedUnits]]:
        """Return what each set with a quantity takes for some matching sets, by its index, and the units left."""
        taken: dict[int, list[PricedUnits]] = {}
        used = [0] * len(preferred)
        numbered = [(position, units, mask) for position, (units, mask) in enumerate(supply)]
        for index, assigned in zip(self._quantity_sets, assign(numbered, demands, count), strict=True):
            taken[index] = []
            for position, units in assigned:
                taken[index].append(preferred[position].part(used[position], units))
                used[position] += units
        left = [
            priced.part(units, priced.units - units)
            for priced, units in zip(preferred, used, strict=True)
            if units < priced.units
        ]
        return taken, left

    def _units_of_spends(self, left: Sequence[PricedUnits], fit: Fit) -> Iterator[tuple[int, int, list[PricedUnits]]]:
        """Yield for each set with a spend its index, the spend, and all units that it accepts and no set before it."""
        for index, product_set in enumerate(self.sets):
            if product_set.required_spend is not None:
                accepted = fit.accepted[index]
                units = [priced for priced in left if priced.unit_group in accepted]
                left = [priced for priced in left if priced.unit_group not in accepted]
                yield index, product_set.required_spend, units

    # --- what is taken off -------------------------------------------------------------------------------------------

    def take_off(
        self,
        matching_sets: Sequence[MatchingSets],
        prices: Prices,
        fit: Fit,
        unit_groups: UnitGroups,
        *,
        redemptions_left: int | None,
    ) -> DiscountResult:
        """Discount the matching sets that get something, up to the redemptions that the limits leave.

        Args:
            matching_sets: as ``match`` returned them.
            prices: of the units that the discount may take.
            fit: which of these its sets accept.
            unit_groups: the basket's.
            redemptions_left: None without a limit.
        """
        if self._repeats:
            return self._take_off_each_spend(matching_sets, fit, unit_groups, redemptions_left=redemptions_left)
        redemptions = off = 0
        reductions: list[PriceReduction] = []
        taken_from_lists: dict[str, dict[str, None]] = {}
        for sets, off_each, discounted, others in self._giving(matching_sets, prices, fit):
            count = sets.count if redemptions_left is None else min(sets.count, redemptions_left - redemptions)
            parts = self._within_maximum(sets.part(0, count), off_each, off) if count > 0 else []
            if not parts:
                break
            for part, amount in parts:
                if part is not sets:
                    discounted, others = self._apart(part)  # noqa: PLW2901 - those of the part
                reductions += share_reduction(amount, discounted, times=part.count)
                if others:
                    reductions += [PriceReduction(priced, 0, discounted=False) for priced in others]
                redemptions += part.count
                off += amount * part.count
                if self.personalized:
                    self._note_taken(part, unit_groups, taken_from_lists)
        taken = _as_tuples(taken_from_lists) if taken_from_lists else _NO_PRODUCTS
        return DiscountResult(redemptions, tuple(reductions), fit, taken)

    def _take_off_each_spend(
        self,
        matching_sets: Sequence[MatchingSets],
        fit: Fit,
        unit_groups: UnitGroups,
        *,
        redemptions_left: int | None,
    ) -> DiscountResult:
        """Discount the one set of a repeated spend: its amount as often as its units are worth the spend."""
        taken_from_lists: dict[str, dict[str, None]] = {}
        reductions: list[PriceReduction] = []
        redemptions = 0
        for sets in matching_sets:
            (units,) = sets.units_by_set
            worth = sum([priced.total for priced in units])
            redemptions = worth // (self.sets[0].required_spend or 1)
            if redemptions_left is not None:
                redemptions = min(redemptions, redemptions_left)
            if redemptions:
                reductions = share_reduction(min(self._amount * redemptions, worth), units)
                self._note_taken(sets, unit_groups, taken_from_lists)
        return DiscountResult(redemptions, tuple(reductions), fit, _as_tuples(taken_from_lists))

    def _giving(self, matching_sets: Sequence[MatchingSets], prices: Prices, fit: Fit) -> "Iterable[_GivingSets]":
        """Return the matching sets that get something: those dealt, then those that the units of the others still make.

        The units of a set that would get nothing are free again. From the dear end they may make sets that get
        something, so that a gift at nothing or one more cheap unit never takes a discount away.
        """
        giving: list[_GivingSets] = []
        for sets in matching_sets:
            # Spelled out, not asked of ``_valued``: every candidate of every basket comes here.
            discounted, others = self._apart(sets)
            off_each = self._discount_on(sum([priced.total for priced in discounted]) // sets.count)
            if off_each:
                giving.append(_GivingSets(sets, off_each, discounted, others))
        if len(giving) == len(matching_sets) or len(self._quantity_sets) < len(self.sets):
            return giving
        standing = [valued.sets for valued in giving]
        formed_again = map(self._valued, self._sets_from_dear_end(standing, prices, fit))
        return chain(giving, takewhile(lambda valued: valued.off_each, formed_again))

    def _sets_from_dear_end(self, standing: Iterable[MatchingSets], prices: Prices, fit: Fit) -> Iterator[MatchingSets]:
        """Yield the sets that the units outside the ``standing`` ones make, one at a time, the dearest units first."""
        left = prices.without(priced for sets in standing for units in sets.units_by_set for priced in units)
        dear = [priced for priced in left.by_price(most_expensive=True) if priced.unit_group in fit.unit_groups]
        masks = [mask for _, mask in self._supply(dear, fit)]
        for sets in sets_one_by_one(dear, masks, [product_set.required_quantity for product_set in self.sets]):
            if self.most_expensive:
                yield sets
            else:
                in_price_order = (tuple(sorted(units, key=_cheapest_first)) for units in sets.units_by_set)
                yield MatchingSets(count=sets.count, units_by_set=tuple(in_price_order))

    def _valued(self, sets: MatchingSets) -> "_GivingSets":
        """Return matching sets of one composition with what each of them gets."""
        discounted, others = self._apart(sets)
        off_each = self._discount_on(sum([priced.total for priced in discounted]) // sets.count)
        return _GivingSets(sets, off_each, discounted, others)

    def _discount_on(self, value: int) -> int:
        """Return the discount of one matching set whose discounted units cost ``value``, rounded once."""
        own = self.value
        match self.kind:
            case "amount":
                return min(self._amount, value)
            case "percentage":
                return round_half_up_ratio(own.numerator * value, own.denominator * 100)
            case "fixed_price":
                return max(value - self._amount, 0)
            case _:
                return value

    @property
    def _amount(self) -> int:
        """The value of an amount or a fixed price, in minor units."""
        return self.value.numerator // self.value.denominator

    def _within_maximum(self, sets: MatchingSets, each: int, off: int) -> list[tuple[MatchingSets, int]]:
        """Return matching sets with the amount off each of them; the maximum leaves the last one only the rest.

        There are none where the maximum is spent. ``off`` is what was taken off before.
        """
        if self.maximum is None or off + each * sets.count <= self.maximum:
            return [(sets, each)]
        whole, rest = divmod(self.maximum - off, each)
        parts = [(sets.part(0, whole), each)] if whole else []
        if rest:
            parts.append((sets.part(whole, 1), rest))
        return parts

    def _apart(self, sets: MatchingSets) -> tuple[list[PricedUnits], list[PricedUnits]]:
        """Return the units of matching sets that are discounted, and those that only qualify."""
        discounted: list[PricedUnits] = []
        others: list[PricedUnits] = []
        for product_set, units in zip(self.sets, sets.units_by_set, strict=True):
            if not product_set.gets_discount:
                others += units
            elif product_set.discounts_all_units:
                discounted += units
            else:
                _split(units, (product_set.discounted_quantity or 0) * sets.count, discounted, others)
        return discounted, others

    def _note_taken(self, sets: MatchingSets, unit_groups: UnitGroups, taken: dict[str, dict[str, None]]) -> None:
        """Add the products that matching sets take from lists to those taken before, by backend id."""
        for product_set, units in zip(self.sets, sets.units_by_set, strict=True):
            if product_set.personalized is not None:
                skus = taken.setdefault(product_set.personalized, {})
                skus.update(dict.fromkeys([unit_groups[priced.unit_group].sku for priced in units]))


class _GivingSets(NamedTuple):
    """Matching sets of one composition, what each of them gets, and all their units: discounted, and only qualifying.

    ``off_each`` is in minor units.
    """

    sets: MatchingSets
    off_each: int
    discounted: list[PricedUnits]
    others: list[PricedUnits]


def _as_tuples(products: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {backend_id: tuple(skus) for backend_id, skus in products.items()}


def _cheapest_first(priced: PricedUnits) -> tuple[int, int, int]:
    return priced.value, priced.unit_group, priced.first


def _union(accepted: Sequence[Set[int]]) -> Set[int]:
    """Return the unit groups that any set accepts."""
    return accepted[0] if len(accepted) == 1 else _NO_ORDINALS.union(*accepted)


def _accepted(unit_groups: UnitGroups, allowed: frozenset[str] | None, rules: ItemRules | None) -> Set[int]:
    """Return the unit groups that a set accepts: of the products allowed, or else those that satisfy the rules."""
    if allowed is None:
        return {group.ordinal for group in (unit_groups if rules is None else rules.select(unit_groups))}
    if allowed.isdisjoint(unit_groups.skus):
        return _NO_ORDINALS
    return {group.ordinal for group in unit_groups if group.sku in allowed}


def _split(units: Sequence[PricedUnits], count: int, first: list[PricedUnits], others: list[PricedUnits]) -> None:
    """Add the first ``count`` of some units to ``first``, the rest to ``others``."""
    for priced in units:
        part = min(count, priced.units)
        if part:
            first.append(priced.part(0, part))
        if part < priced.units:
            others.append(priced.part(part, priced.units - part))
        count -= part


def compile_discount(discount_type: str, outcome: Document, currency: str) -> Discount:
    """Compile the outcome of a discount, which must be in normal form."""
    minor = 10 ** exponent(currency)

    def amount(text: str) -> int:
        return int(Fraction(text) * minor)

    value = Fraction(outcome["value"] or 0)
    return Discount(
        kind=discount_type,
        value=value if discount_type == "percentage" else value * minor,
        maximum=amount(outcome["maximum_discount"]) if outcome["maximum_discount"] else None,
        most_expensive=outcome["price_order"] == "most_expensive",
        sets=tuple(
            DiscountProductSet(
                rules=compile_item_rules(product_set.get("rules")),
                products=frozenset(product_set["products"]) if "products" in product_set else None,
                personalized=product_set.get("personalized_promotion"),
                required_quantity=product_set["required_quantity"] or 1,
                required_spend=amount(product_set["required_spend"]) if product_set["required_spend"] else None,
                discounted_quantity=product_set["discounted_quantity"],
                gets_discount=product_set["gets_discount"],
                default_product=product_set["default_product"],
                # Versions of before repeats have no such key.
                repeats=product_set.get("repeats", False),
            )
            for product_set in outcome["product_sets"]
        ),
    )
