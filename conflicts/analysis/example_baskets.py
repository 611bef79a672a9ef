"""What two promotions want in one basket: products that fit their rules, real ones or made up. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import islice, product
from typing import Any

from conflicts.analysis.satisfiability import Conjunction, Grid, TooManyConjunctions, solve, ways
from promotions.engine.benefits.discounts import Discount, PersonalizedTerms
from promotions.engine.facts.basket import Item, ProductFacts, fold_text
from promotions.engine.money import exponent, minor_unit, to_minor
from promotions.engine.rulebook.promotion import OfferFacts, Promotion, Terms
from promotions.engine.rules.attributes import Operator, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

_FEW = 4
_USUAL_PRICE = 10
_ANY_DAY = date(2000, 1, 1)
_GRIDS = {
    "quantity": Grid(step=Decimal(1), least=Decimal(1)),
    "cost_price": Grid(step=Decimal("0.01"), least=Decimal(0)),
    "retail_price": Grid(step=Decimal("0.01"), least=Decimal(0)),
}
_EXACT = frozenset({Operator.IS, Operator.IS_ANY_OF, Operator.IS_ALL_OF})


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueContext:
    """What of an account the judgement needs. ``products`` must hold every product of the catalogue that a promotion
    names by its SKU; others serve as examples."""

    terms: Terms
    products: Mapping[str, ProductFacts]
    offers: Mapping[str, OfferFacts]
    personalized: Mapping[str, PersonalizedTerms]

    def products_of(self, wanted: "Sequence[Wanted]") -> dict[str, ProductFacts]:
        """Of what is wanted, the entries of the catalogue."""
        return {one.sku: self.products[one.sku] for one in wanted if one.sku in self.products}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Units of one product. ``facts`` are of one that the catalogue would have; ``price`` of a unit in minor units."""

    sku: str
    units: int
    price: int
    facts: ProductFacts | None = None
    category: str = ""
    brand: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """That some units satisfy trees, and are of some products; None is any product. ``spend`` in minor units."""

    trees: tuple[Tree | None, ...] = ()
    products: frozenset[str] | None = None
    units: int = 1
    spend: int = 0

    def also(self, other: "Demand") -> "Demand":
        """The demand for units that meet both."""
        products = other.products if self.products is None else self.products
        if self.products is not None and other.products is not None:
            products = self.products & other.products
        return Demand(
            trees=(*self.trees, *other.trees),
            products=products,
            units=max(self.units, other.units),
            spend=max(self.spend, other.spend),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Baskets:
    """Baskets to try; ``impossible`` where it is proved that there is none."""

    baskets: tuple[tuple[Wanted, ...], ...]
    impossible: bool = False


def wanted_baskets(pair: Sequence[Promotion], world: CatalogueContext) -> Baskets:
    """Baskets that hold what both promotions ask for."""
    return _met([_demands(one) for one in pair], pair, world)


def shared_units(pair: Sequence[Promotion], world: CatalogueContext) -> Baskets:
    """Baskets in which two discounts want the same units."""
    found: list[tuple[Wanted, ...]] = []
    impossible = True
    first, second = (_set_demands(one) for one in pair)
    for (i, one), (j, other) in product(enumerate(first), enumerate(second)):
        both = one.also(other)
        sides = [
            [*_extra(pair[0]), *(both if n == i else demand for n, demand in enumerate(first))],
            [*_extra(pair[1]), *(both if n == j else demand for n, demand in enumerate(second))],
        ]
        met = _met([[_as_choice(demand) for demand in side] for side in sides], pair, world)
        impossible = impossible and _fitting(both, pair[0].source.currency, world).impossible
        found += met.baskets[:_FEW]
    return Baskets(baskets=tuple(found), impossible=impossible)


Choice = list[Demand]
"""Demands of which one is enough."""


def _as_choice(demand: Demand) -> Choice:
    return [demand]


def _demands(promotion: Promotion) -> list[Choice]:
    """Everything that a promotion asks of the products in a basket."""
    if promotion.source.family == "discount":
        return [_as_choice(demand) for demand in (*_extra(promotion), *_set_demands(promotion))]
    return [*(_as_choice(demand) for demand in _extra(promotion)), *_selected(promotion)]


def _extra(promotion: Promotion) -> list[Demand]:
    tree = promotion.source.eligibility["line_item_rules"]
    return [Demand(trees=(tree,))] if tree else []


def _selected(promotion: Promotion) -> Iterator[Choice]:
    outcome = promotion.source.outcome
    sets, quantity = outcome["product_selection"]["sets"], outcome["quantity_rule"]
    every: int = quantity["units"] if quantity and quantity["apply_to"] == "every" else 1
    if outcome["product_selection"]["match"] == "all" and len(sets) > 1:
        for one in sets:
            yield [Demand(trees=(one["rules"],), units=one["units"] * every)]
    elif sets:
        yield [Demand(trees=(one["rules"],), units=every) for one in sets]
    else:
        yield [Demand(units=every)]


def _set_demands(promotion: Promotion) -> list[Demand]:
    """What each product set of a discount asks for. Any product may be on a consumer's list."""
    discount = promotion.discount
    return [
        Demand(
            trees=(said.get("rules"),),
            products=one.products,
            units=one.required_quantity,
            spend=one.required_spend or 0,
        )
        for one, said in zip(discount.sets, promotion.source.outcome["product_sets"], strict=True)
    ]


def _met(sides: Sequence[Sequence[Choice]], pair: Sequence[Promotion], world: CatalogueContext) -> Baskets:
    """Baskets that meet a choice of every promotion's demands, with as few units as will do for both."""
    currency = pair[0].source.currency
    choices: list[list[tuple[int, Wanted]]] = []
    for side, demands in enumerate(sides):
        for choice in demands:
            fitting = [_fitting(demand, currency, world) for demand in choice]
            if all(one.impossible for one in fitting):
                return Baskets(baskets=(), impossible=True)
            choices.append([(side, wanted) for one in fitting for wanted in islice(one.wanted, _FEW)])
    price = _price(pair)
    return Baskets(baskets=tuple(_merged(some, price) for some in islice(product(*choices), 3 * _FEW)))


def _merged(some: Sequence[tuple[int, Wanted]], price: int) -> tuple[Wanted, ...]:
    """One line for each product: a promotion's demands add up, and what one takes serves the other too."""
    units: dict[str, list[int]] = {}
    wanted: dict[str, Wanted] = {}
    for side, one in some:
        units.setdefault(one.sku, [0, 0])[side] += one.units
        known = wanted.setdefault(one.sku, one)
        wanted[one.sku] = replace(known, price=max(known.price, one.price, price))
    return tuple(replace(one, units=max(units[sku])) for sku, one in wanted.items())


def _price(pair: Sequence[Promotion]) -> int:
    """A unit's price, in minor units, that is enough for something to be given."""
    minor = 10 ** exponent(pair[0].source.currency)
    asked: list[int] = [_USUAL_PRICE * minor]
    for one in pair:
        outcome = one.source.outcome
        if outcome.get("issue_points_on") == "currency":
            asked.append(int(Fraction(outcome["conversion_units"]) * minor) + 1)
        if isinstance(one.effect, Discount) and one.effect.kind == "fixed_price":
            asked.append(int(one.effect.value) + minor)
    return max(asked)


# --- products that fit ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fitting:
    wanted: tuple[Wanted, ...]
    impossible: bool


def _fitting(demand: Demand, currency: str, world: CatalogueContext) -> _Fitting:
    """Products that meet a demand."""
    try:
        found = ways(*demand.trees)
    except TooManyConjunctions:
        return _Fitting(wanted=(), impossible=False)
    wanted: list[Wanted] = []
    impossible = True
    for way in found:
        fitting = _fitting_way(way, demand, currency, world)
        wanted += fitting.wanted
        impossible = impossible and fitting.impossible
    return _Fitting(wanted=tuple(wanted), impossible=impossible)


def _fitting_way(way: Conjunction, demand: Demand, currency: str, world: CatalogueContext) -> _Fitting:
    things: dict[str, list[Tree]] = {}
    for one in way:
        things.setdefault(one["attribute"], []).append(one)
    solved = {
        name: solve(Scope.LINE_ITEM, some, today=_ANY_DAY, grid=_GRIDS.get(name)) for name, some in things.items()
    }
    numbers = [int(value) for value in solved["quantity"].values if value is not None] if "quantity" in solved else []
    if any(one.impossible for one in solved.values()) or ("quantity" in solved and not numbers):
        return _Fitting(wanted=(), impossible=True)
    units = next((number for number in sorted(numbers) if number >= demand.units), demand.units)
    rest = [one for one in way if one["attribute"] != "quantity"]
    predicate = compile_tree({"match": "all", "rules": rest}, Scope.LINE_ITEM)
    price = -(-demand.spend // units)
    named = _named_skus(things, demand, world)
    skus = named if named is not None else [*world.products, *_made_up_skus(solved)]
    wanted = [
        one
        for sku in skus
        for one in _entries(sku, solved, world)
        if predicate is None or predicate(_item(one, units, world))
    ]
    if named is not None and not wanted:
        # What the catalogue says of a product holds; of others a till might say anything.
        return _Fitting(wanted=(), impossible=all(sku in world.products for sku in named))
    shown = sorted(islice(wanted, 50), key=lambda one: one.sku not in world.products)
    least = minor_unit(currency)
    return _Fitting(
        wanted=tuple(
            replace(one, units=units, price=max(price, _retail(one, world, currency, least))) for one in shown[:_FEW]
        ),
        impossible=False,
    )


def _named_skus(things: Mapping[str, Sequence[Tree]], demand: Demand, world: CatalogueContext) -> list[str] | None:
    """The only SKUs that can be meant; None where there is no such list. The catalogue's own spelling comes first."""
    spelt: dict[str, list[str]] = {}
    for known in world.products:
        spelt.setdefault(known.casefold(), []).append(known)
    if demand.products is not None:
        return sorted(demand.products)
    lists: list[list[str]] = []
    tests: tuple[tuple[str, Callable[[str], list[str]]], ...] = (
        ("product", lambda value: [value]),
        ("sku", lambda value: spelt.get(value.casefold(), [value])),
    )
    for name, spellings in tests:
        for one in things.get(name, ()):
            if one["operator"] in _EXACT:
                values = one["value"] if isinstance(one["value"], list) else [one["value"]]
                lists.append([sku for value in values for sku in spellings(value)])
    return min(lists, key=len, default=None)


def _made_up_skus(solved: Mapping[str, Any]) -> list[str]:
    if "sku" in solved:
        return [value for value in solved["sku"].values if value]
    return ["EXAMPLE"]


def _entries(sku: str, solved: Mapping[str, Any], world: CatalogueContext) -> Iterator[Wanted]:
    """A product as the catalogue has it; or else as a till might send it, and as the catalogue might have it."""
    if sku in world.products:
        yield Wanted(sku=sku, units=1, price=0)
        return

    def value(name: str, default: Any) -> Any:
        values = [one for one in solved[name].values if one is not None] if name in solved else []
        return values[0] if values else default

    yield Wanted(sku=sku, units=1, price=0, category=value("category", ""), brand=value("product_brand", ""))
    retail: Decimal = value("retail_price", Decimal(_USUAL_PRICE))
    cost = value("cost_price", None)
    if "profit_margin" in solved and retail:
        margin = Fraction(value("profit_margin", 0))
        cost = Decimal(retail) * (100 * margin.denominator - margin.numerator) / (100 * margin.denominator)
    yield Wanted(
        sku=sku,
        units=1,
        price=0,
        facts=ProductFacts(
            product_brand=value("product_brand", ""),
            program_brand=value("program_brand", ""),
            category=value("category", ""),
            labels=tuple(sorted(value("labels", frozenset()))),
            cost_price=cost,
            retail_price=retail,
        ),
    )


def _item(one: Wanted, units: int, world: CatalogueContext) -> Item:
    facts = world.products.get(one.sku, one.facts)
    return Item(
        sku=one.sku.casefold(),
        quantity=units,
        product=one.sku if facts is not None else None,
        product_brand=fold_text(facts.product_brand if facts is not None else one.brand),
        program_brand=fold_text(facts.program_brand) if facts is not None else None,
        category=fold_text(facts.category if facts is not None else one.category),
        labels=frozenset(label.casefold() for label in facts.labels) if facts is not None else frozenset(),
        cost_price=facts.cost_price if facts is not None else None,
        retail_price=facts.retail_price if facts is not None else None,
    )


def _retail(one: Wanted, world: CatalogueContext, currency: str, least: Decimal) -> int:
    facts = world.products.get(one.sku)
    if facts is None or not facts.retail_price or currency != world.terms.currency:
        return 0
    return to_minor(facts.retail_price.quantize(least), currency)
