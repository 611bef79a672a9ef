"""Promotions and baskets to measure with, generated so that it is known which promotions match.

Line ``n`` of every basket is of the product ``n``, with a category, brand and label of its own. A promotion that should
match names what one of the first ten lines has; one that should not names what no basket has, or has another condition
that does not hold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.definition.discount import check_discount
from promotions.engine.definition.loyalty import check_loyalty
from promotions.engine.definition.reader import Definition
from promotions.engine.facts.basket import ProductFacts
from promotions.engine.facts.consumer import PersonalizedChoice
from promotions.engine.rulebook.promotion import OfferFacts, PromotionSource, Terms, compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.engine.rules.attributes import WEEKDAYS

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
CURRENCY, SITE, TOWN, GROUP, CONSUMER, OFFER = "GBP", "S1", "York", "regulars", "c-0", "gift"
MATCHING_PRODUCTS = 10
"""The first lines: matching promotions name their products."""
FIRST_ABSENT_PRODUCT = 1_000
"""The first product that no basket has."""
ABSENT_PRODUCTS = 4_000
LISTS = 10
BALANCE = 500

Document = dict[str, Any]


def sku(product: int) -> str:
    """Return the SKU of a product."""
    return f"P{product:05d}"


def category(product: int) -> str:
    """Return the category of a product."""
    return f"Category {product}"


def brand(product: int) -> str:
    """Return the brand of a product."""
    return f"Brand {product}"


def label(product: int) -> str:
    """Return the label of a product."""
    return f"Label {product}"


def backend_id(product: int) -> str:
    """Return the personalized promotion whose lists have the product."""
    return f"list-{product}"


def product_facts(product: int) -> ProductFacts:
    """Return a product as it is in the catalogue."""
    return ProductFacts(
        product_brand=brand(product),
        program_brand="House",
        category=category(product),
        labels=(label(product), "All"),
        cost_price=Decimal("1.00"),
        retail_price=Decimal("2.50"),
    )


def condition(attribute: str, operator: str, value: Any) -> Document:
    """Return a tree of one condition."""
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


def _three_skus(product: int) -> list[str]:
    """Return the product's SKU, and two that no basket has."""
    return [
        sku(product),
        sku(FIRST_ABSENT_PRODUCT + ABSENT_PRODUCTS + product),
        sku(FIRST_ABSENT_PRODUCT + 2 * ABSENT_PRODUCTS + product),
    ]


@dataclass(frozen=True, kw_only=True)
class PromotionSpec:
    """A promotion's type, outcome and eligibility, as they are typed in."""

    type: str
    outcome: Document
    eligibility: Document

    @property
    def is_discount(self) -> bool:
        """Whether it takes something off prices."""
        return "product_sets" in self.outcome

    @classmethod
    def percentage_off(cls, product_set: Document) -> "PromotionSpec":
        """Return a discount of a tenth on a product set."""
        return cls(type="percentage", outcome={"value": "10", "product_sets": [product_set]}, eligibility={})

    def definition(self) -> Definition:
        """Check it; return its normal form, as it is stored."""
        if self.is_discount:
            return check_discount(
                self.type,
                outcome=self.outcome,
                eligibility=self.eligibility,
                currency=CURRENCY,
                catalogue_enabled=True,
            )
        return check_loyalty(
            self.type, outcome=self.outcome, eligibility=self.eligibility, content=None, catalogue_enabled=True
        )


def _spec(promotion_type: str, outcome: Document, **eligibility: Any) -> PromotionSpec:
    return PromotionSpec(type=promotion_type, outcome=outcome, eligibility=eligibility)


def _selected(tree: Document) -> Document:
    return {"match": "any", "sets": [{"rules": tree, "units": 1}]}


# --- kinds of promotions by a product: each takes the product that it names -------------------------------------------


def _points_on_sku(product: int) -> PromotionSpec:
    rules = condition("sku", "is_any_of", _three_skus(product))
    return _spec("fixed_points", {"points": 50}, line_item_rules=rules, total_redemption_limit=1_000_000_000)


def _multiplied_category(product: int) -> PromotionSpec:
    selection = _selected(condition("category", "is_any_of", [category(product), "Nothing"]))
    outcome = {"multiplier": "2", "multiplier_scope": "line_items", "product_selection": selection}
    return _spec("points_multiplier", outcome | {"quantity_rule": {"apply_to": "all"}})


def _multiplied_basket(product: int) -> PromotionSpec:
    return _spec(
        "points_multiplier",
        {"multiplier": "1.5", "multiplier_scope": "basket"},
        line_item_rules=condition("product_brand", "is", brand(product)),
        transaction_rules=condition("transaction_weekday", "is_any_of", list(WEEKDAYS)),
    )


def _bonus_on_spend(product: int) -> PromotionSpec:
    outcome = {"issue_points_on": "currency", "conversion_units": "5", "conversion_points": 1}
    selection = _selected(condition("labels", "is_any_of", [label(product)]))
    rules = condition("town", "is", TOWN)
    return _spec("bonus_points", outcome | {"product_selection": selection}, site_rules=rules)


def _bonus_on_quantity(product: int) -> PromotionSpec:
    return _spec(
        "bonus_points",
        {"issue_points_on": "quantity", "conversion_units": "1", "conversion_points": 3},
        line_item_rules=condition("sku", "is", sku(product)),
        customer_rules=condition("groups", "is_any_of", [GROUP]),
        customer_redemption_limit=1_000_000_000,
    )


def _offer_for_returning(product: int) -> PromotionSpec:
    repeat = {"measure": "transactions", "threshold": "1", "period": {"unit": "days", "length": 30}}
    rules = condition("category", "is", category(product))
    return _spec("redeem_offer", {"offer": OFFER}, line_item_rules=rules, application_rules=[repeat])


def _amount_off(product: int) -> PromotionSpec:
    return _spec("amount", {"value": "0.25", "product_sets": [{"products": _three_skus(product)}]})


def _percentage_off(product: int) -> PromotionSpec:
    sets = [{"rules": condition("category", "is", category(product))}]
    return _spec("percentage", {"value": "10", "maximum_discount": "5.00", "product_sets": sets})


def _fixed_price(product: int) -> PromotionSpec:
    sets = [{"rules": condition("product_brand", "is_any_of", [brand(product)]), "required_quantity": 1}]
    return _spec("fixed_price", {"value": "1.00", "product_sets": sets}, total_redemption_limit=1_000_000_000)


def _free_product(product: int) -> PromotionSpec:
    sets = [{"products": _three_skus(product), "required_quantity": 1}]
    return _spec("free_product", {"product_sets": sets}, transaction_redemption_limit=1)


def _personalized(product: int) -> PromotionSpec:
    sets = [{"personalized_promotion": backend_id(product)}]
    return _spec("percentage", {"value": "20", "product_sets": sets})


KEYED: tuple[Callable[[int], PromotionSpec], ...] = (
    _points_on_sku,
    _amount_off,
    _multiplied_category,
    _percentage_off,
    _bonus_on_spend,
    _personalized,
    _multiplied_basket,
    _fixed_price,
    _offer_for_returning,
    _free_product,
    _bonus_on_quantity,
)
"""Kinds that depend on a product, or on a consumer's list of products."""


# --- kinds that no product key can index: each is told whether it should hold -----------------------------------------


def _points_on_total(*, holds: bool) -> PromotionSpec:
    rules = condition("total_inc_tax", "is_at_least", "1.00" if holds else "900000000.00")
    return _spec("fixed_points", {"points": 10}, transaction_rules=rules)


def _points_for_balance(*, holds: bool) -> PromotionSpec:
    rules = condition("points_balance", "is_at_most" if holds else "is_greater_than", "100000000")
    return _spec("fixed_points", {"points": 5}, customer_rules=rules)


def _multiplied_for_group(*, holds: bool) -> PromotionSpec:
    rules = condition("groups", "is_any_of", [GROUP if holds else "strangers"])
    return _spec("points_multiplier", {"multiplier": "3", "multiplier_scope": "basket"}, customer_rules=rules)


def _bonus_at_hours(*, holds: bool) -> PromotionSpec:
    rules = condition("transaction_time", "is_between", ["09:00", "21:00"] if holds else ["21:00", "09:00"])
    outcome = {"issue_points_on": "currency", "conversion_units": "10", "conversion_points": 1}
    return _spec("bonus_points", outcome, transaction_rules=rules)


def _percentage_on_weekday(*, holds: bool) -> PromotionSpec:
    rules = condition("source", "is", "web" if holds else "telephone")
    return _spec("percentage", {"value": "5", "product_sets": [{"rules": {}}]}, transaction_rules=rules)


UNKEYED: tuple[Callable[..., PromotionSpec], ...] = (
    _points_on_total,
    _points_for_balance,
    _multiplied_for_group,
    _bonus_at_hours,
    _percentage_on_weekday,
)
"""Kinds that name no product; two of the five are narrowed by no mask and no threshold either."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Promotions, and the codes of those that a basket of ten lines or more qualifies for."""

    sources: tuple[PromotionSource, ...]
    matching: frozenset[str]

    def rulebook(self) -> Rulebook:
        """Compile and index the promotions."""
        return Rulebook.build(
            (compile_promotion(source) for source in self.sources),
            terms=TERMS,
            offers=OFFERS,
            personalized=PERSONALIZED,
        )


TERMS = Terms(currency=CURRENCY, earn_rates={CURRENCY: Fraction(1)}, point_value=Fraction(1, 100))
OFFERS: Mapping[str, OfferFacts] = {
    OFFER: OfferFacts(code=OFFER, perceived_value=Fraction(3), starts_at=None, ends_at=None)
}
PERSONALIZED: Mapping[str, PersonalizedTerms] = {
    backend_id(product): PersonalizedTerms(maximum_distinct_products=None, lock_after_first_apply=False)
    for product in (*range(LISTS), *range(FIRST_ABSENT_PRODUCT, FIRST_ABSENT_PRODUCT + ABSENT_PRODUCTS))
}
CHOICES: Mapping[str, PersonalizedChoice] = {
    backend_id(product): PersonalizedChoice(products=tuple(_three_skus(product))) for product in range(LISTS)
}


def workload(count: int, *, matching: int, unkeyed: float = 0.1, limited: bool = True) -> Workload:
    """Generate ``count`` promotions, ``matching`` of them matching; a part (0 to 1) of each has no product key.

    Without ``limited`` none has a total limit, whose counter tills must take turns at.
    """
    places = {place * count // matching for place in range(matching)} if matching else set()
    sources: list[PromotionSource] = []
    codes = []
    counts = {True: 0, False: 0}
    for place in range(count):
        holds = place in places
        spec = _of_kind(counts[holds], holds=holds, unkeyed=unkeyed)
        counts[holds] += 1
        if not limited:
            spec.eligibility.pop("total_redemption_limit", None)
        source = promotion_source(place + 1, spec)
        sources.append(source)
        if holds:
            codes.append(source.code)
    return Workload(sources=tuple(sources), matching=frozenset(codes))


def _of_kind(n: int, *, holds: bool, unkeyed: float) -> PromotionSpec:
    """Return the n-th of those that match, or of the others."""
    before = int(n * unkeyed)
    if int((n + 1) * unkeyed) > before:
        return UNKEYED[before % len(UNKEYED)](holds=holds)
    keyed = n - before
    return KEYED[keyed % len(KEYED)](
        keyed % MATCHING_PRODUCTS if holds else FIRST_ABSENT_PRODUCT + keyed % ABSENT_PRODUCTS
    )


def promotion_source(number: int, spec: PromotionSpec) -> PromotionSource:
    """Return a published promotion, as the rulebook is given it."""
    definition = spec.definition()
    return PromotionSource(
        id=number,
        family="discount" if spec.is_discount else "loyalty",
        code=f"promotion-{number}",
        type=definition.type,
        subtype=definition.subtype,
        name=f"Promotion {number}",
        version=1,
        version_id=number,
        currency=CURRENCY,
        starts_at=BEGAN + timedelta(minutes=number % 50),
        ends_at=BEGAN + timedelta(days=3650, minutes=number % 70),
        draft=False,
        stopped_at=None,
        outcome=definition.outcome,
        eligibility=definition.eligibility,
        content=definition.content,
    )


def body(
    lines: int, *, units: int = 1, consumer: str = CONSUMER, reference: str = "", at: datetime | None = NOW
) -> bytes:
    """Return what a till sends: a basket of lines of ``units`` units each; without a moment if ``at`` is None."""
    basket: Document = {
        "site": SITE,
        "currency": CURRENCY,
        "consumer": consumer,
        "source": "web",
        "payment_card_type": "visa",
        "lines": list(_lines(range(lines), units)),
    }
    if reference:
        basket["reference"] = reference
    if at is not None:
        basket["occurred_at"] = at.isoformat()
    return msgspec.json.encode(basket)


def _lines(products: Iterable[int], units: int) -> Iterator[Document]:
    for product in products:
        yield {
            "line_id": str(product + 1),
            "sku": sku(product),
            "quantity": str(units),
            "unit_price_inc_tax": f"{2 + product % 10}.50",
            "unit_price_ex_tax": f"{2 + product % 10}.00",
            "category": category(product),
            "brand": brand(product),
        }
