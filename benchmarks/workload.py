"""Promotions and baskets to measure with, generated so that it is known which promotions match.

Line ``n`` of every basket is of the product ``n``, with a category, brand and label of its own. A promotion that is to
match names what one of the first ten lines has; one that is not names what no basket has, or asks something else that
does not hold.
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
THEMES = 10
"""Lines whose products matching promotions speak of."""
ABSENT = 1_000
"""The first product that no basket has."""
ABSENT_PRODUCTS = 4_000
LISTS = 10
BALANCE = 500

Document = dict[str, Any]


def sku(product: int) -> str:
    """The SKU of a product."""
    return f"P{product:05d}"


def category(product: int) -> str:
    """Its category."""
    return f"Category {product}"


def brand(product: int) -> str:
    """Its brand."""
    return f"Brand {product}"


def label(product: int) -> str:
    """Its label."""
    return f"Label {product}"


def backend_id(product: int) -> str:
    """The personalized promotion whose list has the product."""
    return f"list-{product}"


def product_facts(product: int) -> ProductFacts:
    """A product as the catalogue has it."""
    return ProductFacts(
        product_brand=brand(product),
        program_brand="House",
        category=category(product),
        labels=(label(product), "All"),
        cost_price=Decimal("1.00"),
        retail_price=Decimal("2.50"),
    )


def condition(attribute: str, operator: str, value: Any) -> Document:
    """A tree of one condition."""
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


def _three(product: int) -> list[str]:
    """The product's SKU, and two that no basket has."""
    return [sku(product), sku(ABSENT + ABSENT_PRODUCTS + product), sku(ABSENT + 2 * ABSENT_PRODUCTS + product)]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a promotion says."""

    type: str
    outcome: Document
    eligibility: Document

    @property
    def is_discount(self) -> bool:
        """Whether it takes something off prices."""
        return "product_sets" in self.outcome

    @classmethod
    def percentage_off(cls, product_set: Document) -> "Said":
        """A tenth off whatever a product set has."""
        return cls(type="percentage", outcome={"value": "10", "product_sets": [product_set]}, eligibility={})

    def definition(self) -> Definition:
        """Checked and in normal form, as it is stored."""
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


def _said(promotion_type: str, outcome: Document, **eligibility: Any) -> Said:
    return Said(type=promotion_type, outcome=outcome, eligibility=eligibility)


def _selected(tree: Document) -> Document:
    return {"match": "any", "sets": [{"rules": tree, "units": 1}]}


# --- kinds of promotions: each takes the product it speaks of ---------------------------------------------------------


def _points_on_sku(product: int) -> Said:
    rules = condition("sku", "is_any_of", _three(product))
    return _said("fixed_points", {"points": 50}, line_item_rules=rules, total_redemption_limit=1_000_000_000)


def _multiplied_category(product: int) -> Said:
    selection = _selected(condition("category", "is_any_of", [category(product), "Nothing"]))
    outcome = {"multiplier": "2", "multiplier_scope": "line_items", "product_selection": selection}
    return _said("points_multiplier", outcome | {"quantity_rule": {"apply_to": "all"}})


def _multiplied_basket(product: int) -> Said:
    return _said(
        "points_multiplier",
        {"multiplier": "1.5", "multiplier_scope": "basket"},
        line_item_rules=condition("product_brand", "is", brand(product)),
        transaction_rules=condition("transaction_weekday", "is_any_of", list(WEEKDAYS)),
    )


def _bonus_on_spend(product: int) -> Said:
    outcome = {"issue_points_on": "currency", "conversion_units": "5", "conversion_points": 1}
    selection = _selected(condition("labels", "is_any_of", [label(product)]))
    rules = condition("town", "is", TOWN)
    return _said("bonus_points", outcome | {"product_selection": selection}, site_rules=rules)


def _bonus_on_quantity(product: int) -> Said:
    return _said(
        "bonus_points",
        {"issue_points_on": "quantity", "conversion_units": "1", "conversion_points": 3},
        line_item_rules=condition("sku", "is", sku(product)),
        customer_rules=condition("groups", "is_any_of", [GROUP]),
        customer_redemption_limit=1_000_000_000,
    )


def _offer_for_returning(product: int) -> Said:
    repeat = {"measure": "transactions", "threshold": "1", "period": {"unit": "days", "length": 30}}
    rules = condition("category", "is", category(product))
    return _said("redeem_offer", {"offer": OFFER}, line_item_rules=rules, application_rules=[repeat])


def _amount_off(product: int) -> Said:
    return _said("amount", {"value": "0.25", "product_sets": [{"products": _three(product)}]})


def _percentage_off(product: int) -> Said:
    sets = [{"rules": condition("category", "is", category(product))}]
    return _said("percentage", {"value": "10", "maximum_discount": "5.00", "product_sets": sets})


def _fixed_price(product: int) -> Said:
    sets = [{"rules": condition("product_brand", "is_any_of", [brand(product)]), "required_quantity": 1}]
    return _said("fixed_price", {"value": "1.00", "product_sets": sets}, total_redemption_limit=1_000_000_000)


def _free_product(product: int) -> Said:
    sets = [{"products": _three(product), "required_quantity": 1}]
    return _said("free_product", {"product_sets": sets}, transaction_redemption_limit=1)


def _personalized(product: int) -> Said:
    sets = [{"personalized_promotion": backend_id(product)}]
    return _said("percentage", {"value": "20", "product_sets": sets})


KEYED: tuple[Callable[[int], Said], ...] = (
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
"""Kinds that a product, or a consumer's list of products, decides."""


# --- kinds that no product key can index: whether they hold is said ---------------------------------------------------


def _points_on_total(*, holds: bool) -> Said:
    rules = condition("total_inc_tax", "is_at_least", "1.00" if holds else "900000000.00")
    return _said("fixed_points", {"points": 10}, transaction_rules=rules)


def _points_for_balance(*, holds: bool) -> Said:
    rules = condition("points_balance", "is_at_most" if holds else "is_greater_than", "100000000")
    return _said("fixed_points", {"points": 5}, customer_rules=rules)


def _multiplied_for_group(*, holds: bool) -> Said:
    rules = condition("groups", "is_any_of", [GROUP if holds else "strangers"])
    return _said("points_multiplier", {"multiplier": "3", "multiplier_scope": "basket"}, customer_rules=rules)


def _bonus_at_hours(*, holds: bool) -> Said:
    rules = condition("transaction_time", "is_between", ["09:00", "21:00"] if holds else ["21:00", "09:00"])
    outcome = {"issue_points_on": "currency", "conversion_units": "10", "conversion_points": 1}
    return _said("bonus_points", outcome, transaction_rules=rules)


def _percentage_on_weekday(*, holds: bool) -> Said:
    rules = condition("source", "is", "web" if holds else "telephone")
    return _said("percentage", {"value": "5", "product_sets": [{"rules": {}}]}, transaction_rules=rules)


UNKEYED: tuple[Callable[..., Said], ...] = (
    _points_on_total,
    _points_for_balance,
    _multiplied_for_group,
    _bonus_at_hours,
    _percentage_on_weekday,
)
"""Kinds that speak of no product; two of the five are ones that no mask and no threshold narrows either."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Promotions, and the codes of those that a basket of ten lines or more qualifies for."""

    sources: tuple[PromotionSource, ...]
    matching: frozenset[str]

    def rulebook(self) -> Rulebook:
        """Compiled and indexed."""
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
    for product in (*range(LISTS), *range(ABSENT, ABSENT + ABSENT_PRODUCTS))
}
CHOICES: Mapping[str, PersonalizedChoice] = {
    backend_id(product): PersonalizedChoice(products=tuple(_three(product))) for product in range(LISTS)
}


def workload(count: int, *, matching: int, unkeyed: float = 0.1, limited: bool = True) -> Workload:
    """So many promotions, that many of them matching, a part (0 to 1) of each with no product key.

    Without ``limited`` none has a total limit, whose counter tills must take turns at.
    """
    places = {place * count // matching for place in range(matching)} if matching else set()
    sources: list[PromotionSource] = []
    codes = []
    counts = {True: 0, False: 0}
    for place in range(count):
        holds = place in places
        said = _of_kind(counts[holds], holds=holds, unkeyed=unkeyed)
        counts[holds] += 1
        if not limited:
            said.eligibility.pop("total_redemption_limit", None)
        source = promotion_source(place + 1, said)
        sources.append(source)
        if holds:
            codes.append(source.code)
    return Workload(sources=tuple(sources), matching=frozenset(codes))


def _of_kind(n: int, *, holds: bool, unkeyed: float) -> Said:
    """The n-th of those that match, or of the others."""
    before = int(n * unkeyed)
    if int((n + 1) * unkeyed) > before:
        return UNKEYED[before % len(UNKEYED)](holds=holds)
    keyed = n - before
    return KEYED[keyed % len(KEYED)](keyed % THEMES if holds else ABSENT + keyed % ABSENT_PRODUCTS)


def promotion_source(number: int, said: Said) -> PromotionSource:
    """A published promotion, as the rulebook is given it."""
    definition = said.definition()
    return PromotionSource(
        id=number,
        family="discount" if said.is_discount else "loyalty",
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
    """What a till sends: a basket of so many lines, each of that many units; of now where ``at`` is None."""
    said: Document = {
        "site": SITE,
        "currency": CURRENCY,
        "consumer": consumer,
        "source": "web",
        "payment_card_type": "visa",
        "lines": list(_lines(range(lines), units)),
    }
    if reference:
        said["reference"] = reference
    if at is not None:
        said["occurred_at"] = at.isoformat()
    return msgspec.json.encode(said)


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
