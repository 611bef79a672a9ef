"""Discounts: which units of a basket make matching sets, and what is taken off them."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from promotions.engine.definition.fields import Document
from promotions.engine.facts.basket import UnitGroups
from promotions.engine.facts.consumer import PersonalizedChoice
from promotions.engine.matching.item_rules import ItemRules, compile_item_rules
from promotions.engine.matching.prices import PricedUnits, PriceReduction, Prices, share_reduction
from promotions.engine.matching.selection import assign, most_bundles, units_lacking
from promotions.engine.money import exponent, round_half_up_ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonalizedTerms:
    """What a decision needs of a personalized promotion; without a maximum all of a list may be chosen."""

    maximum_distinct_products: int | None
    lock_after_first_apply: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscountSet:
    """One product set: where its products come from, what a matching set needs of it, and how much is discounted.

    One of ``products``, ``personalized`` (a backend id) and rules says what fits; all None is every product.
    ``required_spend`` in minor units stands for a quantity. Without a ``discounted_quantity`` all its units are
    discounted; 0 is a set that only qualifies.
    """

    rules: ItemRules | None
    products: frozenset[str] | None
    personalized: str | None
    required_quantity: int
    required_spend: int | None
    discounted_quantity: int | None
    gets_discount: bool
    default_product: str | None

    @property
    def is_discounted_whole(self) -> bool:
        """Whether all the units that it takes are discounted."""
        if self.required_spend is None:
            return self.discounted_quantity == self.required_quantity
        return self.discounted_quantity is None

    def discounted(self, sets: int) -> int:
        """The units that so many matching sets discount, of a set of which not all are."""
        return (self.discounted_quantity or 0) * sets


@dataclass(frozen=True, kw_only=True, slots=True)
class Lists:
    """What personalized sets draw from.

    ``terms`` are the personalized promotions in force, ``choices`` the shopper's lists, and ``taken`` the products that
    other discounts of the decision took of lists without a choice, all by backend id. ``any_listed`` asks what could
    qualify without a choice, however many distinct products may be taken.
    """

    terms: Mapping[str, PersonalizedTerms]
    choices: Mapping[str, PersonalizedChoice]
    taken: Mapping[str, Sequence[str]]
    any_listed: bool = False


NO_LISTS = Lists(terms={}, choices={}, taken={})
_NO_LISTS: frozenset[str] = frozenset()
_NO_NUMBERS: frozenset[int] = frozenset()


class Fit(NamedTuple):
    """Which unit groups a discount's sets accept for one shopper.

    ``accepted`` are the unit groups of each set, ``unit_groups`` those of any. ``undecided`` are the personalized
    promotions, by backend id, of which any listed product qualifies for want of a choice. ``defaults`` are the sets
    whose default product fits.
    """

    accepted: tuple[Set[int], ...]
    unit_groups: Set[int]
    undecided: frozenset[str]
    defaults: frozenset[int]

    def is_in(self, number: int, prices: Prices) -> bool:
        """Whether any unit fits a set."""
        accepted = self.accepted[number]
        return any(priced.unit_group in accepted for priced in prices.priced_units)


class DiscountResult(NamedTuple):
    """What a discount takes: redemptions, and a price reduction of all units taken (0 where they only qualified).

    ``taken_from_lists`` are the products taken of each list, by the backend id of its personalized promotion.
    """

    redemptions: int
    reductions: tuple[PriceReduction, ...]
    fit: Fit
    taken_from_lists: Mapping[str, tuple[str, ...]]

    @property
    def off(self) -> int:
        """The discount in minor units."""
        return sum(reduction.off for reduction in self.reductions)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchingSets:
    """So many matching sets of one composition: for each product set the units of all of them, in price order."""

    count: int
    columns: tuple[tuple[PricedUnits, ...], ...]

    def first(self, count: int) -> "MatchingSets":
        """The first so many of them."""
        if count == self.count:
            return self
        columns = tuple(
            tuple(priced.part(0, priced.units // self.count * count) for priced in column) for column in self.columns
        )
        return MatchingSets(count=count, columns=columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Discount:
    """A compiled discount.

    ``value`` is a percentage, or an amount in minor units; ``maximum`` in minor units. ``personalized`` are the backend
    ids of the personalized promotions that feed it, each once, in the order written; ``_by_quantity`` are the numbers
    of the sets that require a quantity. ``_is_plain`` says that no set has a list or a default product.
    """

    kind: str
    value: Fraction
    maximum: int | None
    most_expensive: bool
    sets: tuple[DiscountSet, ...]
    personalized: tuple[str, ...] = field(init=False)
    _by_quantity: tuple[int, ...] = field(init=False)
    _is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        # Asked of every candidate of every basket.
        lists = dict.fromkeys(one.personalized for one in self.sets if one.personalized is not None)
        by_quantity = [number for number, one in enumerate(self.sets) if one.required_spend is None]
        object.__setattr__(self, "personalized", tuple(lists))
        object.__setattr__(self, "_by_quantity", tuple(by_quantity))
        has_default = any(one.default_product is not None for one in self.sets)
        object.__setattr__(self, "_is_plain", not lists and not has_default)

    # --- what fits ---------------------------------------------------------------------------------------------------

    def fit(self, unit_groups: UnitGroups, prices: Prices, lists: Lists) -> Fit:
        """Which unit groups its sets accept; ``prices`` are of the units that it may take."""
        if self._is_plain:
            plain = tuple([_accepted(unit_groups, one.products, one.rules) for one in self.sets])
            return Fit(plain, _any_of(plain), _NO_LISTS, _NO_NUMBERS)
        accepted: list[Set[int]] = []
        undecided, defaults = _NO_LISTS, _NO_NUMBERS
        for number, one in enumerate(self.sets):
            allowed = one.products
            if one.personalized is not None:
                allowed, is_free = self._allowed(one, unit_groups, prices, lists)
                if is_free:
                    undecided |= {one.personalized}
            if one.default_product is not None and (allowed is None or one.default_product in allowed):
                defaults |= {number}
            accepted.append(_accepted(unit_groups, allowed, one.rules))
        return Fit(accepted=tuple(accepted), unit_groups=_any_of(accepted), undecided=undecided, defaults=defaults)

    def _allowed(
        self, one: DiscountSet, unit_groups: UnitGroups, prices: Prices, lists: Lists
    ) -> tuple[frozenset[str], bool]:
        """The products of a personalized set that qualify, and whether that is for want of a choice."""
        backend_id = one.personalized or ""
        term, choice = lists.terms.get(backend_id), lists.choices.get(backend_id)
        if term is None or choice is None:
            return frozenset(), False
        if choice.selected:
            return frozenset(choice.selected), False
        if one.default_product in choice.products:
            return frozenset([one.default_product]), False
        listed = frozenset(choice.products)
        if term.maximum_distinct_products is None or lists.any_listed:
            return listed, True
        present = [unit_groups[priced.unit_group].sku for priced in prices.by_price(most_expensive=self.most_expensive)]
        by_price = dict.fromkeys([*lists.taken.get(backend_id, ()), *(sku for sku in present if sku in listed)])
        return frozenset(list(by_price)[: term.maximum_distinct_products]), True

    def missing_products(self, prices: Prices, fit: Fit, *, most: int | None) -> list[tuple[str, int]]:
        """Default products of discounted sets of which the basket has no unit, with the units that would be taken.

        Empty where the rest of the basket does not qualify. ``most`` is what the limits leave.
        """
        missing = [
            number
            for number, one in enumerate(self.sets)
            if one.gets_discount and number in fit.defaults and not fit.is_in(number, prices)
        ]
        if not missing:
            return []
        rest = tuple(one for number, one in enumerate(self.sets) if number not in missing)
        accepted = tuple(unit_groups for number, unit_groups in enumerate(fit.accepted) if number not in missing)
        sets = 1
        if rest:
            others = Discount(
                kind=self.kind, value=self.value, maximum=None, most_expensive=self.most_expensive, sets=rest
            )
            kept = fit._replace(accepted=accepted, unit_groups=_any_of(accepted))
            sets = sum(group.count for group in others.match(prices, kept))
        if most is not None:
            sets = min(sets, most)
        found = [self.sets[number] for number in missing]
        return [(one.default_product or "", one.required_quantity * sets) for one in found if sets]

    # --- matching sets -----------------------------------------------------------------------------------------------

    def match(self, prices: Prices, fit: Fit) -> list[MatchingSets]:
        """All matching sets that the units allow, in sorted order; those of one composition together."""
        fitting = fit.unit_groups
        if not fitting:
            return []
        preferred = [
            priced for priced in prices.by_price(most_expensive=self.most_expensive) if priced.unit_group in fitting
        ]
        if len(self.sets) == 1 and self.sets[0].required_spend is None:
            demand = self.sets[0].required_quantity
            return _dealt([preferred], [demand], sum([priced.units for priced in preferred]) // demand)
        by_quantity = self._by_quantity
        columns: dict[int, list[PricedUnits]] = {}
        if by_quantity:
            demands = [self.sets[number].required_quantity for number in by_quantity]
            supply = self._supply(preferred, fit)
            bundles = most_bundles(supply, demands)
            if len(by_quantity) < len(self.sets):
                bundles = min(bundles, 1)
            if not bundles:
                return []
            columns, preferred = self._assigned(preferred, supply, demands, bundles)
            if len(by_quantity) == len(self.sets):
                return _dealt([columns[number] for number in by_quantity], demands, bundles)
        for number, required, column in self._spent_on(preferred, fit):
            if sum(priced.total for priced in column) < required:
                return []
            columns[number] = column
        return [MatchingSets(count=1, columns=tuple(tuple(columns[number]) for number in range(len(self.sets))))]

    def lacking(self, prices: Prices, fit: Fit) -> tuple[int, list[tuple[int, int]]]:
        """What a first matching set lacks: units, and for each set with a required spend that falls short of it the
        amount lacking and the amount required."""
        demands = [self.sets[number].required_quantity for number in self._by_quantity]
        if len(demands) == len(self.sets) and not fit.unit_groups:
            return sum(demands), []
        preferred = prices.by_price(most_expensive=self.most_expensive)
        units = 0
        if demands:
            supply = self._supply(preferred, fit)
            units = units_lacking(supply, demands)
            if not units:
                _, preferred = self._assigned(preferred, supply, demands, 1)
        spends = []
        for _, required, column in self._spent_on(preferred, fit):
            spent = sum(priced.total for priced in column)
            if spent < required:
                spends.append((required - spent, required))
        return units, spends

    def _supply(self, preferred: Sequence[PricedUnits], fit: Fit) -> list[tuple[int, int]]:
        """Units and mask of the priced units, as the sets with a quantity see it."""
        accepted = [(1 << k, fit.accepted[number]) for k, number in enumerate(self._by_quantity)]
        return [
            (priced.units, sum([bit for bit, unit_groups in accepted if priced.unit_group in unit_groups]))
            for priced in preferred
        ]

    def _assigned(
        self, preferred: Sequence[PricedUnits], supply: Sequence[tuple[int, int]], demands: Sequence[int], bundles: int
    ) -> tuple[dict[int, list[PricedUnits]], list[PricedUnits]]:
        """What each set with a quantity takes, by its number, and what they leave."""
        columns: dict[int, list[PricedUnits]] = {}
        used = [0] * len(preferred)
        numbered = [(index, units, mask) for index, (units, mask) in enumerate(supply)]
        for number, column in zip(self._by_quantity, assign(numbered, demands, bundles), strict=True):
            columns[number] = []
            for index, units in column:
                columns[number].append(preferred[index].part(used[index], units))
                used[index] += units
        left = [
            priced.part(taken, priced.units - taken)
            for priced, taken in zip(preferred, used, strict=True)
            if taken < priced.units
        ]
        return columns, left

    def _spent_on(self, left: Sequence[PricedUnits], fit: Fit) -> Iterator[tuple[int, int, list[PricedUnits]]]:
        """For each set with a required spend its number, the amount and all units that it fits and none before took."""
        for number, one in enumerate(self.sets):
            if one.required_spend is not None:
                accepted = fit.accepted[number]
                column = [priced for priced in left if priced.unit_group in accepted]
                left = [priced for priced in left if priced.unit_group not in accepted]
                yield number, one.required_spend, column

    # --- what is taken off -------------------------------------------------------------------------------------------

    def take_off(
        self, groups: Sequence[MatchingSets], fit: Fit, unit_groups: UnitGroups, *, redemptions_left: int | None
    ) -> DiscountResult:
        """What the matching sets get, the first so many that get anything where a limit leaves no more."""
        redemptions = off = 0
        reductions: list[PriceReduction] = []
        taken: dict[str, dict[str, None]] = {}
        for group in groups:
            discounted, others = self._apart(group)
            each = self._off(sum([priced.total for priced in discounted]) // group.count)
            if not each:
                continue
            count = group.count if redemptions_left is None else min(group.count, redemptions_left - redemptions)
            if count <= 0:
                break
            parts = [(group.first(count), each)]
            if self.maximum is not None and off + each * count > self.maximum:
                room = self.maximum - off
                whole, rest = divmod(room, each)
                parts = _capped(group.first(count), each, whole, rest)
            for part, amount in parts:
                if part is not group:
                    discounted, others = self._apart(part)
                reductions += share_reduction(amount, discounted, times=part.count)
                reductions += [PriceReduction(priced, 0) for priced in others]
                redemptions += part.count
                off += amount * part.count
                for one, column in zip(self.sets, part.columns, strict=True):
                    if one.personalized is not None:
                        products = taken.setdefault(one.personalized, {})
                        products.update(dict.fromkeys(unit_groups[priced.unit_group].sku for priced in column))
        return DiscountResult(
            redemptions=redemptions,
            reductions=tuple(reductions),
            fit=fit,
            taken_from_lists={backend_id: tuple(products) for backend_id, products in taken.items()},
        )

    def _off(self, worth: int) -> int:
        """The discount of one matching set whose discounted units are worth so much, rounded once."""
        value = self.value
        match self.kind:
            case "amount":
                return min(value.numerator // value.denominator, worth)
            case "percentage":
                return round_half_up_ratio(value.numerator * worth, value.denominator * 100)
            case "fixed_price":
                return max(worth - value.numerator // value.denominator, 0)
            case _:
                return worth

    def _apart(self, group: MatchingSets) -> tuple[list[PricedUnits], list[PricedUnits]]:
        """The units of all matching sets of a group that are discounted, and those that only qualify."""
        discounted: list[PricedUnits] = []
        others: list[PricedUnits] = []
        for one, column in zip(self.sets, group.columns, strict=True):
            if not one.gets_discount:
                others += column
            elif one.is_discounted_whole:
                discounted += column
            else:
                _split(column, one.discounted(group.count), discounted, others)
        return discounted, others


def _any_of(accepted: Sequence[Set[int]]) -> Set[int]:
    """The unit groups that any set accepts."""
    return accepted[0] if len(accepted) == 1 else _NO_NUMBERS.union(*accepted)


def _accepted(unit_groups: UnitGroups, allowed: frozenset[str] | None, rules: ItemRules | None) -> Set[int]:
    """The unit groups that a set accepts: those of the products allowed, or else those that satisfy the rules."""
    if allowed is not None:
        return (
            _NO_NUMBERS
            if allowed.isdisjoint(unit_groups.skus)
            else {unit_group.ordinal for unit_group in unit_groups if unit_group.sku in allowed}
        )
    return {unit_group.ordinal for unit_group in (unit_groups if rules is None else rules.select(unit_groups))}


def _capped(group: MatchingSets, each: int, whole: int, rest: int) -> list[tuple[MatchingSets, int]]:
    """A group of which only ``whole`` sets get their amount, and one more the rest."""
    parts = [(group.first(whole), each)] if whole else []
    if rest:
        after = tuple(
            tuple(priced.part(priced.units // group.count * whole, priced.units // group.count) for priced in column)
            for column in group.columns
        )
        parts.append((MatchingSets(count=1, columns=after), rest))
    return parts


def _split(column: Sequence[PricedUnits], left: int, first: list[PricedUnits], others: list[PricedUnits]) -> None:
    """Put the first so many units of a column with ``first``, the rest with ``others``."""
    for priced in column:
        part = min(left, priced.units)
        if part:
            first.append(priced.part(0, part))
        if part < priced.units:
            others.append(priced.part(part, priced.units - part))
        left -= part


def _dealt(columns: Sequence[Sequence[PricedUnits]], demands: Sequence[int], bundles: int) -> list[MatchingSets]:
    """Deal the units of each column to the matching sets, first to last; equal neighbours are one group.

    Within a group each column has units of one price, but for a single set that needs the last units of one price and
    the first of the next.
    """
    if bundles and len(columns) == 1 and len(columns[0]) == 1:
        # Mostly a discount speaks of one product, of which a basket has units of one price.
        return [MatchingSets(count=bundles, columns=((columns[0][0].part(0, demands[0] * bundles),),))]
    groups: list[MatchingSets] = []
    places = [(0, 0)] * len(columns)
    while bundles:
        count = bundles
        for column, (index, used), demand in zip(columns, places, demands, strict=True):
            count = min(count, max((column[index].units - used) // demand, 1))
        dealt = []
        for j, (column, demand) in enumerate(zip(columns, demands, strict=True)):
            (index, used), need = places[j], demand * count
            pieces = []
            while need:
                part = min(need, column[index].units - used)
                pieces.append(column[index].part(used, part))
                need -= part
                used += part
                if used == column[index].units:
                    index, used = index + 1, 0
            places[j] = (index, used)
            dealt.append(tuple(pieces))
        groups.append(MatchingSets(count=count, columns=tuple(dealt)))
        bundles -= count
    return groups


def compile_discount(discount_type: str, outcome: Document, currency: str) -> Discount:
    """The discount of an outcome in normal form."""
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
            DiscountSet(
                rules=compile_item_rules(one.get("rules")),
                products=frozenset(one["products"]) if "products" in one else None,
                personalized=one.get("personalized_promotion"),
                required_quantity=one["required_quantity"] or 1,
                required_spend=amount(one["required_spend"]) if one["required_spend"] else None,
                discounted_quantity=one["discounted_quantity"],
                gets_discount=one["gets_discount"],
                default_product=one["default_product"],
            )
            for one in outcome["product_sets"]
        ),
    )
