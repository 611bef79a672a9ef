"""The example beside the conflict settings: six promotions that compete for one basket, decided by the engine. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from conflicts.resolver import Policy
from promotions.engine.definition.discount import check_discount
from promotions.engine.definition.loyalty import check_loyalty
from promotions.engine.definition.reader import Definition
from promotions.engine.facts.basket import SiteFacts, UnitPrice, make_basket, make_line
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.money import money_text
from promotions.engine.pipeline.decision import Applied, Decision, Refusal
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion, PromotionSource, Terms, compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook

CURRENCY = "EUR"
BASKET = "3 × shampoo at 4.00 and 1 × coffee at 8.00"
_AT = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleRow:
    """A promotion of the example: since when, whether it applies, and what it gives or why it does not apply."""

    name: str
    is_discount: bool
    starts_at: datetime
    applies: bool
    outcome: str


def example_rows(policy: Policy) -> list[ExampleRow]:
    """Decide the example under some settings, and return a row for each promotion in the order written."""
    decision = _decide(policy)
    outcomes = {applied.promotion.id: _describe_applied(applied) for applied in decision.applied}
    losses = {refusal.promotion.id: _describe_loss(refusal, policy) for refusal in decision.refused if refusal.won_by}
    return [
        ExampleRow(
            name=promotion.source.name,
            is_discount=promotion.source.family == "discount",
            starts_at=promotion.source.starts_at,
            applies=promotion.id in outcomes,
            outcome=outcomes.get(promotion.id) or losses.get(promotion.id, "does not apply"),
        )
        for promotion in _PROMOTIONS
    ]


def _decide(policy: Policy) -> Decision:
    lines = [
        make_line(line_id=sku, sku=sku, quantity=Decimal(units), unit_price=UnitPrice(price, price))
        for sku, units, price in (("SHAMPOO", 3, 400), ("COFFEE", 1, 800))
    ]
    basket = make_basket(
        at=_AT, local=_AT, site=SiteFacts(site_number="1"), currency=CURRENCY, lines=lines, products={}
    )
    terms = Terms(currency=CURRENCY, earn_rates={CURRENCY: Fraction(1)}, point_value=Fraction(1, 100))
    shopper = Shopper(consumer_id="anna", today=basket.today, is_loyalty_member=True)
    case = EvaluationCase(basket=basket, shopper=shopper, usage=Usage())
    return evaluate(case, Rulebook.build(_PROMOTIONS, terms=terms), policy)


def _describe_applied(applied: Applied) -> str:
    if applied.points:
        return f"gives {applied.points} points"
    return f"takes {money_text(applied.discount, CURRENCY)} off"


def _describe_loss(refusal: Refusal, policy: Policy) -> str:
    winners = " and ".join(_NAMES[code] for code in refusal.won_by)
    saves = "more" if policy.promotion_bias == "max_customer_saving" else "less"
    reasons = {
        "bias": f"which saves the customer {saves}",
        "age": f"which saves the same and is {'newer' if policy.promotion_age == 'newest' else 'older'}",
        "code": "which saves the same and comes first in the alphabet",
        "combination": f"so that the customer saves {saves} in total",
    }
    return f"loses to {winners}, {reasons[refusal.decided_by]}"


def _promotion(number: int, name: str, month: int, promotion_type: str, definition: Definition) -> Promotion:
    return compile_promotion(
        PromotionSource(
            id=number,
            family="loyalty" if promotion_type == "fixed_points" else "discount",
            code=name,
            type=promotion_type,
            subtype=definition.subtype,
            name=name,
            version=1,
            version_id=0,
            currency=CURRENCY,
            starts_at=datetime(2026, month, 1, tzinfo=UTC),
            ends_at=None,
            draft=False,
            stopped_at=None,
            outcome=definition.outcome,
            eligibility=definition.eligibility,
            content=definition.content,
        )
    )


def _promotions() -> Iterator[Promotion]:
    points = (("Welcome points", 1, 50), ("Spring points", 3, 80), ("Easter points", 4, 80))
    for number, (name, month, gives) in enumerate(points, start=1):
        definition = check_loyalty(
            "fixed_points", outcome={"points": gives}, eligibility={}, content={}, catalogue_enabled=True
        )
        yield _promotion(number, name, month, "fixed_points", definition)
    shampoo: dict[str, object] = {"name": "Shampoo", "products": ["SHAMPOO"]}
    everything: dict[str, object] = {"name": "Everything", "rules": {}}
    coffee: dict[str, object] = {"name": "Coffee", "products": ["COFFEE"]}
    discounts: tuple[tuple[str, int, str, str, dict[str, object]], ...] = (
        ("Three for two on shampoo", 2, "percentage", "100", {**shampoo, "required_quantity": 3}),
        ("10% off everything", 1, "percentage", "10", everything),
        ("1.00 off coffee", 4, "amount", "1", coffee),
    )
    for number, (name, month, discount_type, value, product_set) in enumerate(discounts, start=4):
        definition = check_discount(
            discount_type,
            outcome={"value": value, "product_sets": [{"discounted_quantity": 1, **product_set}]},
            eligibility={},
            currency=CURRENCY,
            catalogue_enabled=True,
        )
        yield _promotion(number, name, month, discount_type, definition)


_PROMOTIONS = tuple(_promotions())
_NAMES = {promotion.code: promotion.source.name for promotion in _PROMOTIONS}
