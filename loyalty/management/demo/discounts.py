"""Harbour & Hearth's discounts of every type, and the personalized promotions that feed two of them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from consumers.services.consumer import ConsumerValues
from loyalty.management.demo.programme import Document, Term, all_of
from loyalty.management.demo.shop import NAME
from promotions.choices import Family
from promotions.services.discount import DiscountValues
from promotions.services.personalized.assignments import ConsumerProducts
from promotions.services.personalized.promotion import PersonalizedPromotionValues

ENLISTED = 200
"""Consumers who have lists."""

_CHOSEN_BY = 5
"""One consumer in this many has made a choice."""


@dataclass(frozen=True, kw_only=True)
class PlannedDiscount(Term):
    """A discount."""

    family: ClassVar[Family] = Family.DISCOUNT
    code: str
    type: str
    name: str
    sets: tuple[Document, ...]
    value: Decimal | None = None
    maximum: Decimal | None = None
    description: str = ""
    draft: bool = False
    conditions: Document = field(default_factory=dict)
    restrictions: Document = field(default_factory=dict)

    def values(self, *, made_at: datetime) -> DiscountValues:
        """Return the discount with its dates, in the account's currency."""
        return DiscountValues(
            code=self.code,
            discount_type=self.type,
            name=self.name,
            description=self.description,
            starts_at=self.starts_at(made_at=made_at),
            ends_at=self.ends_at(made_at=made_at),
            draft=self.draft,
            value=None if self.value is None else str(self.value),
            maximum_discount=None if self.maximum is None else str(self.maximum),
            product_sets=list(self.sets),
            conditions=self.conditions,
            **self.restrictions,
        )


@dataclass(frozen=True, kw_only=True)
class Lists:
    """A personalized promotion, and how many of which products are on each consumer's list."""

    promotion: PersonalizedPromotionValues
    skus: tuple[str, ...]
    each: int
    choose: int

    def rows(self, consumers: Iterable[ConsumerValues]) -> list[ConsumerProducts]:
        """Return the lists of the first members, with the choices of some of them."""
        chance = random.Random(f"{NAME} {self.promotion.backend_id}")  # noqa: S311 - a demo has no secrets
        members = [consumer.consumer_id for consumer in consumers if consumer.loyalty is not None][:ENLISTED]
        rows = []
        for place, consumer_id in enumerate(members):
            products = chance.sample(self.skus, self.each)
            chosen = products[: self.choose] if place % _CHOSEN_BY == 0 else []
            rows.append(ConsumerProducts(consumer_id=consumer_id, products=products, selected=chosen))
        return rows


def _skus(code: str, *places: int) -> tuple[str, ...]:
    return tuple(f"{code}-{place:03}" for place in places)


def _in(*categories: str) -> Document:
    if len(categories) == 1:
        return all_of(("category", "is", categories[0]))
    return all_of(("category", "is_any_of", list(categories)))


LISTS = (
    Lists(
        promotion=PersonalizedPromotionValues(
            backend_id="PP-FAVOURITES",
            name="Your favourites",
            description="What they buy most often; up to three, and they can change their choice at any time.",
            maximum_distinct_products=3,
        ),
        skus=(*_skus("PAS", *range(1, 9)), *_skus("SAN", *range(1, 9)), *_skus("CLD", *range(1, 9))),
        each=6,
        choose=3,
    ),
    Lists(
        promotion=PersonalizedPromotionValues(
            backend_id="PP-USUAL",
            name="The usual",
            description="One hot drink of four. The first one they buy at this price becomes their choice.",
            maximum_distinct_products=1,
            lock_after_first_apply=True,
        ),
        skus=_skus("HOT", *range(1, 11)),
        each=4,
        choose=1,
    ),
)

NEARLY_USED_BUDGET = "meal-deal"
"""The discount that gets a budget of which most is used by then."""

DISCOUNTS: tuple[PlannedDiscount, ...] = (
    # Free products
    PlannedDiscount(
        code="three-for-two",
        type="free_product",
        name="Three for two in the pantry",
        description="Tea, chocolate and preserves in any mix; the cheapest is free.",
        starts=-300,
        sets=(
            {
                "name": "Tea, chocolate and preserves",
                "rules": _in("Tea", "Chocolate", "Preserves"),
                "required_quantity": 3,
                "discounted_quantity": 1,
            },
        ),
    ),
    PlannedDiscount(
        code="chocolate-with-coffee",
        type="free_product",
        name="A bar of chocolate with a bag of coffee",
        description="The till adds the dark bar where the basket has none.",
        starts=-320,
        sets=(
            {"name": "Coffee", "rules": _in("Coffee"), "gets_discount": False},
            {
                "name": "Chocolate bars",
                "rules": all_of(("category", "is", "Chocolate"), ("retail_price", "is_less_than", "6")),
                "default_product": "CHO-001",
            },
        ),
        restrictions={"transaction_redemption_limit": 1},
    ),
    PlannedDiscount(
        code="iced-tea-in-pairs",
        type="free_product",
        name="The second iced tea is on us",
        description="Stopped when the summer was over.",
        starts=-160,
        ends=60,
        stops=-70,
        sets=(
            {"name": "Iced tea", "products": [*_skus("CLD", 17, 18)], "required_quantity": 2, "discounted_quantity": 1},
        ),
    ),
    # Fixed prices
    PlannedDiscount(
        code="meal-deal",
        type="fixed_price",
        name="Meal deal",
        description="A sandwich, a drink, and a second drink or something baked.",
        starts=-330,
        value=Decimal("9.50"),
        sets=(
            {"name": "Sandwich", "rules": _in("Sandwiches")},
            {"name": "Drink", "rules": _in("Hot drinks", "Cold drinks")},
            {"name": "Snack or cold drink", "rules": _in("Pastries", "Cold drinks")},
        ),
    ),
    PlannedDiscount(
        code="picnic",
        type="fixed_price",
        name="Picnic for two",
        starts=18,
        ends=80,
        value=Decimal(16),
        sets=(
            {"name": "Sandwiches", "rules": _in("Sandwiches"), "required_quantity": 2},
            {"name": "Cold drinks", "rules": _in("Cold drinks"), "required_quantity": 2},
            {"name": "Slices of cake", "products": [*_skus("CAK", 1, 3, 5, 7, 9)], "required_quantity": 2},
        ),
    ),
    # Percentages
    PlannedDiscount(
        code="last-hour",
        type="percentage",
        name="The last hour",
        description="What was baked in the morning, at a third off.",
        starts=-240,
        value=Decimal(33),
        maximum=Decimal(12),
        sets=({"name": "Baked today", "rules": all_of(("labels", "is", "fresh")), "required_quantity": 1},),
        conditions={
            "transaction_rules": all_of(("transaction_time", "is_after", "17:00")),
            "site_rules": all_of(("site_number", "is_not", "900")),
        },
    ),
    PlannedDiscount(
        code="team",
        type="percentage",
        name="For our own team",
        description="On top of other discounts, up to an allowance a year.",
        starts=-366,
        value=Decimal(20),
        sets=({"name": "Everything", "rules": {}},),
        conditions={"customer_rules": all_of(("groups", "is", "team"))},
        restrictions={
            "always_apply": True,
            "customer_budget": {"amount": "25.00", "period": "year", "when_short": "cut"},
        },
    ),
    PlannedDiscount(
        code="favourites",
        type="percentage",
        name="Fifteen off your favourites",
        starts=-280,
        value=Decimal(15),
        sets=({"name": "Your favourites", "personalized_promotion": "PP-FAVOURITES"},),
    ),
    PlannedDiscount(
        code="mug-sale",
        type="percentage",
        name="Mugs and linen sale",
        starts=-200,
        ends=-170,
        value=Decimal(25),
        maximum=Decimal(30),
        sets=({"name": "Mugs and linen", "rules": _in("Mugs", "Kitchen linen")},),
    ),
    PlannedDiscount(
        code="candle-evenings",
        type="percentage",
        name="Candle evenings",
        starts=35,
        ends=66,
        draft=True,
        value=Decimal(10),
        sets=({"name": "Candles", "rules": _in("Candles"), "required_quantity": 2},),
    ),
    # Amounts
    PlannedDiscount(
        code="ten-off-eighty",
        type="amount",
        name="Ten off eighty",
        description="Off any basket of 80.00 or more.",
        starts=-310,
        value=Decimal(10),
        sets=({"name": "Everything", "rules": {}, "required_spend": "80"},),
        restrictions={"customer_redemption_limit": 6},
    ),
    PlannedDiscount(
        code="the-usual",
        type="amount",
        name="Fifty pence off your usual",
        starts=-150,
        value=Decimal("0.50"),
        sets=({"name": "Your usual", "personalized_promotion": "PP-USUAL"},),
        restrictions={"transaction_redemption_limit": 1},
    ),
)
