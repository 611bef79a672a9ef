"""Baskets that meet what two promotions require of the products bought, of real products or invented ones. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import islice, product
from typing import TypeVar

from conflicts.analysis.satisfiability import (
    Conjunction,
    NumberDomain,
    SatisfyingValues,
    conditions_by_attribute,
    conjunctions_of,
    satisfying_values,
)
from promotions.engine.benefits.discounts import Discount, PersonalizedTerms
from promotions.engine.facts.basket import Item, ProductFacts, fold_text
from promotions.engine.money import exponent, minor_unit, to_minor
from promotions.engine.rulebook.promotion import OfferFacts, Promotion, Terms
from promotions.engine.rules.attributes import Operator, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

_MAX_PRODUCTS = 4
"""Products tried for one requirement."""

_MAX_BASKETS = 12
"""Baskets made of the products tried."""

_MAX_PRODUCTS_SORTED = 50
"""Products among which those of the catalogue are preferred."""

T = TypeVar("T")

_USUAL_PRICE = 10
_ANY_DAY = date(2000, 1, 1)
_DOMAINS = {
    "quantity": NumberDomain(step=Decimal(1), minimum=Decimal(1)),
    "cost_price": NumberDomain(step=Decimal("0.01"), minimum=Decimal(0)),
    "retail_price": NumberDomain(step=Decimal("0.01"), minimum=Decimal(0)),
}
_ANY_VALUE = NumberDomain()
_NAMING_OPERATORS = frozenset({Operator.IS, Operator.IS_ANY_OF, Operator.IS_ALL_OF})


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueContext:
    """What the analysis needs of an account.

    ``products`` must hold every product of the catalogue that a promotion names by its SKU; others serve as examples.
    """

    terms: Terms
    products: Mapping[str, ProductFacts]
    offers: Mapping[str, OfferFacts]
    personalized: Mapping[str, PersonalizedTerms]

    def products_of(self, lines: "Sequence[ExampleLine]") -> dict[str, ProductFacts]:
        """Return the catalogue's entries of the products on some lines."""
        return {line.sku: self.products[line.sku] for line in lines if line.sku in self.products}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleLine:
    """Units of one product in an example basket, each at ``price`` in minor units.

    ``facts`` are of an invented product, as the catalogue would have it.
    """

    sku: str
    units: int
    price: int
    facts: ProductFacts | None = None
    category: str = ""
    brand: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """Units that satisfy rule trees and are of some products (None: of any), worth ``spend`` in minor units."""

    trees: tuple[Tree | None, ...] = ()
    products: frozenset[str] | None = None
    units: int = 1
    spend: int = 0

    def combined_with(self, other: "Requirement") -> "Requirement":
        """Return the requirement of units that meet both."""
        products = other.products if self.products is None else self.products
        if self.products is not None and other.products is not None:
            products = self.products & other.products
        return Requirement(
            trees=(*self.trees, *other.trees),
            products=products,
            units=max(self.units, other.units),
            spend=max(self.spend, other.spend),
        )


Alternatives = list[Requirement]
"""Requirements of which one is enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleBaskets:
    """Baskets to try; ``impossible``: it is proved that there are none."""

    baskets: tuple[tuple[ExampleLine, ...], ...]
    impossible: bool = False


def baskets_for_both(pair: Sequence[Promotion], catalogue: CatalogueContext) -> ExampleBaskets:
    """Return baskets that hold what each of two promotions requires."""
    return _baskets_meeting([_requirements(promotion) for promotion in pair], pair, catalogue)


def baskets_with_shared_units(pair: Sequence[Promotion], catalogue: CatalogueContext) -> ExampleBaskets:
    """Return baskets in which two discounts compete for the same units."""
    baskets: list[tuple[ExampleLine, ...]] = []
    impossible = True
    currency = pair[0].source.currency
    first, second = (_product_set_requirements(promotion) for promotion in pair)
    for i, j in product(range(len(first)), range(len(second))):
        shared = first[i].combined_with(second[j])
        both = [
            [*_line_item_requirements(pair[0]), *first[:i], shared, *first[i + 1 :]],
            [*_line_item_requirements(pair[1]), *second[:j], shared, *second[j + 1 :]],
        ]
        alternatives = [[[requirement] for requirement in requirements] for requirements in both]
        impossible = impossible and _products_meeting(shared, currency, catalogue).impossible
        baskets += _baskets_meeting(alternatives, pair, catalogue).baskets[:_MAX_PRODUCTS]
    return ExampleBaskets(baskets=tuple(baskets), impossible=impossible)


# --- what a promotion requires ----------------------------------------------------------------------------------------


def _requirements(promotion: Promotion) -> list[Alternatives]:
    """Return everything that a promotion requires of the products in a basket."""
    line_items = [[requirement] for requirement in _line_item_requirements(promotion)]
    if promotion.source.family == "discount":
        return [*line_items, *([requirement] for requirement in _product_set_requirements(promotion))]
    return [*line_items, *_selection_requirements(promotion)]


def _line_item_requirements(promotion: Promotion) -> list[Requirement]:
    tree = promotion.source.eligibility["line_item_rules"]
    return [Requirement(trees=(tree,))] if tree else []


def _selection_requirements(promotion: Promotion) -> Iterator[Alternatives]:
    outcome = promotion.source.outcome
    sets, quantity = outcome["product_selection"]["sets"], outcome["quantity_rule"]
    every: int = quantity["units"] if quantity and quantity["apply_to"] == "every" else 1
    if outcome["product_selection"]["match"] == "all" and len(sets) > 1:
        for selected in sets:
            yield [Requirement(trees=(selected["rules"],), units=selected["units"] * every)]
    elif sets:
        yield [Requirement(trees=(selected["rules"],), units=every) for selected in sets]
    else:
        yield [Requirement(units=every)]


def _product_set_requirements(promotion: Promotion) -> list[Requirement]:
    """Return what each product set of a discount requires. Any product may be on a consumer's list."""
    return [
        Requirement(
            trees=(definition.get("rules"),),
            products=product_set.products,
            units=product_set.required_quantity,
            spend=product_set.required_spend or 0,
        )
        for product_set, definition in zip(
            promotion.discount.sets, promotion.source.outcome["product_sets"], strict=True
        )
    ]


# --- baskets ----------------------------------------------------------------------------------------------------------


def _baskets_meeting(
    required: Sequence[Sequence[Alternatives]], pair: Sequence[Promotion], catalogue: CatalogueContext
) -> ExampleBaskets:
    """Return baskets that meet one alternative of each of both promotions' requirements, with as few units as do."""
    currency = pair[0].source.currency
    choices: list[list[tuple[int, ExampleLine]]] = []
    for side, requirements in enumerate(required):
        for alternatives in requirements:
            fitting = [_products_meeting(requirement, currency, catalogue) for requirement in alternatives]
            if all(products.impossible for products in fitting):
                return ExampleBaskets(baskets=(), impossible=True)
            choices.append([(side, line) for products in fitting for line in products.lines[:_MAX_PRODUCTS]])
    price = _sufficient_price(pair)
    combinations = islice(product(*choices), _MAX_BASKETS)
    return ExampleBaskets(baskets=tuple(_merged(combination, price) for combination in combinations))


def _merged(chosen: Sequence[tuple[int, ExampleLine]], price: int) -> tuple[ExampleLine, ...]:
    """Return one line for each product.

    The units that one promotion requires add up; those of the two do not, as one unit serves both.
    """
    units: dict[str, list[int]] = {}
    lines: dict[str, ExampleLine] = {}
    for side, line in chosen:
        units.setdefault(line.sku, [0, 0])[side] += line.units
        known = lines.setdefault(line.sku, line)
        lines[line.sku] = replace(known, price=max(known.price, line.price, price))
    return tuple(replace(line, units=max(units[sku])) for sku, line in lines.items())


def _sufficient_price(pair: Sequence[Promotion]) -> int:
    """Return a unit's price, in minor units, at which both promotions give something."""
    minor = 10 ** exponent(pair[0].source.currency)
    prices: list[int] = [_USUAL_PRICE * minor]
    for promotion in pair:
        outcome = promotion.source.outcome
        if outcome.get("issue_points_on") == "currency":
            prices.append(int(Fraction(outcome["conversion_units"]) * minor) + 1)
        if isinstance(promotion.effect, Discount) and promotion.effect.kind == "fixed_price":
            prices.append(int(promotion.effect.value) + minor)
    return max(prices)


# --- products that meet a requirement ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _FittingProducts:
    """Products that meet a requirement; ``impossible``: it is proved that there are none."""

    lines: tuple[ExampleLine, ...]
    impossible: bool


def _products_meeting(requirement: Requirement, currency: str, catalogue: CatalogueContext) -> _FittingProducts:
    conjunctions = conjunctions_of(*requirement.trees)
    if conjunctions is None:
        return _FittingProducts(lines=(), impossible=False)
    lines: list[ExampleLine] = []
    impossible = True
    for conjunction in conjunctions:
        fitting = _products_satisfying(conjunction, requirement, currency, catalogue)
        lines += fitting.lines
        impossible = impossible and fitting.impossible
    return _FittingProducts(lines=tuple(lines), impossible=impossible)


def _products_satisfying(
    conjunction: Conjunction, requirement: Requirement, currency: str, catalogue: CatalogueContext
) -> _FittingProducts:
    """Return products that meet a requirement by satisfying one conjunction of its trees."""
    conditions = conditions_by_attribute(conjunction)
    solved = {
        name: satisfying_values(Scope.LINE_ITEM, on_it, today=_ANY_DAY, domain=_DOMAINS.get(name, _ANY_VALUE))
        for name, on_it in conditions.items()
    }
    units = _sufficient_units(solved, requirement)
    if units is None or any(values.impossible for values in solved.values()):
        return _FittingProducts(lines=(), impossible=True)
    others = [condition for condition in conjunction if condition["attribute"] != "quantity"]
    predicate = compile_tree({"match": "all", "rules": others}, Scope.LINE_ITEM)
    named = _named_skus(conditions, requirement, catalogue)
    skus = named if named is not None else [*catalogue.products, *_invented_skus(solved)]
    fitting = [
        line
        for sku in skus
        for line in _lines_of(sku, solved, catalogue)
        if predicate is None or predicate(_item(line, units, catalogue))
    ]
    if named is not None and not fitting:
        # The catalogue is right about its products; what it does not know a till may send in any category.
        return _FittingProducts(lines=(), impossible=all(sku in catalogue.products for sku in named))
    preferred = sorted(fitting[:_MAX_PRODUCTS_SORTED], key=lambda line: line.sku not in catalogue.products)
    price = -(-requirement.spend // units)
    return _FittingProducts(
        lines=tuple(
            replace(line, units=units, price=max(price, _retail_price(line, currency, catalogue)))
            for line in preferred[:_MAX_PRODUCTS]
        ),
        impossible=False,
    )


def _sufficient_units(solved: Mapping[str, SatisfyingValues], requirement: Requirement) -> int | None:
    """Return the fewest units that meet a requirement; None where no quantity satisfies the rules."""
    if "quantity" not in solved:
        return requirement.units
    quantities = sorted(int(value) for value in solved["quantity"].values if isinstance(value, Decimal))
    if not quantities:
        return None
    return next((quantity for quantity in quantities if quantity >= requirement.units), requirement.units)


def _named_skus(
    conditions: Mapping[str, Sequence[Tree]], requirement: Requirement, catalogue: CatalogueContext
) -> list[str] | None:
    """Return the only SKUs that a requirement can mean, in the catalogue's own spelling; None where it names none."""
    if requirement.products is not None:
        return sorted(requirement.products)
    spellings: dict[str, list[str]] = {}
    for sku in catalogue.products:
        spellings.setdefault(sku.casefold(), []).append(sku)
    lists: list[list[str]] = []
    spell: tuple[tuple[str, Callable[[str], list[str]]], ...] = (
        ("product", lambda value: [value]),
        ("sku", lambda value: spellings.get(value.casefold(), [value])),
    )
    for name, spelt in spell:
        for condition in conditions.get(name, ()):
            if condition["operator"] in _NAMING_OPERATORS:
                values = condition["value"] if isinstance(condition["value"], list) else [condition["value"]]
                lists.append([sku for value in values for sku in spelt(value)])
    return min(lists, key=len, default=None)


def _invented_skus(solved: Mapping[str, SatisfyingValues]) -> list[str]:
    if "sku" in solved:
        return [value for value in solved["sku"].values if isinstance(value, str) and value]
    return ["EXAMPLE"]


def _lines_of(sku: str, solved: Mapping[str, SatisfyingValues], catalogue: CatalogueContext) -> Iterator[ExampleLine]:
    """Yield a product of the catalogue; an invented one as a till sends it, and as the catalogue could have it."""
    if sku in catalogue.products:
        yield ExampleLine(sku=sku, units=1, price=0)
        return
    facts = _invented_facts(solved)
    yield ExampleLine(sku=sku, units=1, price=0, category=facts.category, brand=facts.product_brand)
    yield ExampleLine(sku=sku, units=1, price=0, facts=facts)


def _invented_facts(solved: Mapping[str, SatisfyingValues]) -> ProductFacts:
    retail_price = _first_value(solved, "retail_price", Decimal)
    if retail_price is None:
        retail_price = Decimal(_USUAL_PRICE)
    cost_price = _first_value(solved, "cost_price", Decimal)
    if "profit_margin" in solved and retail_price:
        margin = _first_value(solved, "profit_margin", Fraction) or Fraction(0)
        cost_price = retail_price * (100 * margin.denominator - margin.numerator) / (100 * margin.denominator)
    return ProductFacts(
        product_brand=_first_value(solved, "product_brand", str) or "",
        program_brand=_first_value(solved, "program_brand", str) or "",
        category=_first_value(solved, "category", str) or "",
        labels=tuple(sorted(_first_value(solved, "labels", frozenset) or ())),
        cost_price=cost_price,
        retail_price=retail_price,
    )


def _first_value(solved: Mapping[str, SatisfyingValues], name: str, kind: type[T]) -> T | None:
    """Return the first value of an attribute that satisfies its conditions, if it is a value at all."""
    values = solved[name].values if name in solved else ()
    return next((value for value in values if isinstance(value, kind)), None)


def _item(line: ExampleLine, units: int, catalogue: CatalogueContext) -> Item:
    """Return a line as the rules on line items read it."""
    facts = catalogue.products.get(line.sku, line.facts)
    if facts is None:
        return Item(
            sku=line.sku.casefold(),
            quantity=units,
            product=None,
            product_brand=fold_text(line.brand),
            program_brand=None,
            category=fold_text(line.category),
            labels=frozenset(),
            cost_price=None,
            retail_price=None,
        )
    return Item(
        sku=line.sku.casefold(),
        quantity=units,
        product=line.sku,
        product_brand=fold_text(facts.product_brand),
        program_brand=fold_text(facts.program_brand),
        category=fold_text(facts.category),
        labels=frozenset(label.casefold() for label in facts.labels),
        cost_price=facts.cost_price,
        retail_price=facts.retail_price,
    )


def _retail_price(line: ExampleLine, currency: str, catalogue: CatalogueContext) -> int:
    """Return a product's price in the catalogue, in minor units; 0 where it has none in this currency."""
    facts = catalogue.products.get(line.sku)
    if facts is None or not facts.retail_price or currency != catalogue.terms.currency:
        return 0
    return to_minor(facts.retail_price.quantize(minor_unit(currency)), currency)
