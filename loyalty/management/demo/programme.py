"""Harbour & Hearth's loyalty programme: its offers, and promotions of every type in every status."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from consumers.services.consumer import ConsumerValues
from loyalty.choices import Benefit, OfferKind
from loyalty.management.demo.sales import Effect
from loyalty.management.demo.shop import CURRENCY
from loyalty.services.rewards.offer import OfferValues
from promotions.choices import Family
from promotions.engine.rulebook.promotion import ControlGroup
from promotions.services.promotion.values import PromotionValues

Document = dict[str, Any]

OFFERS = (
    OfferValues(
        code="free-coffee",
        name="A hot drink on us",
        description="Any regular flat white, whenever it suits.",
        benefit=Benefit.PRODUCT,
        product="HOT-001",
        perceived_value=Decimal("3.30"),
        valid_days=30,
    ),
    OfferValues(
        code="five-off",
        name="5.00 off your next visit",
        benefit=Benefit.AMOUNT,
        value=Decimal(5),
        perceived_value=Decimal(5),
        valid_days=60,
        stock=600,
    ),
    OfferValues(
        code="tenth-off",
        name="10% off your next visit",
        benefit=Benefit.PERCENTAGE,
        value=Decimal(10),
        perceived_value=Decimal("2.50"),
        valid_days=45,
    ),
    OfferValues(
        code="birthday-cake",
        name="A slice of birthday cake",
        benefit=Benefit.PRODUCT,
        product="CAK-001",
        perceived_value=Decimal("3.40"),
        valid_days=14,
    ),
    OfferValues(
        code="tote-bag",
        name="Harbour tote bag",
        description="Handed over at the counter.",
        benefit=Benefit.EXTERNAL,
        perceived_value=Decimal(8),
        valid_days=90,
        stock=250,
    ),
    OfferValues(
        code="reward-pastry",
        name="Pastry reward",
        kind=OfferKind.TIERED,
        point_cost=150,
        benefit=Benefit.PRODUCT,
        product="PAS-001",
        perceived_value=Decimal("2.40"),
        valid_days=30,
    ),
    OfferValues(
        code="reward-ten",
        name="10.00 reward",
        kind=OfferKind.TIERED,
        point_cost=600,
        benefit=Benefit.AMOUNT,
        value=Decimal(10),
        perceived_value=Decimal(10),
        valid_days=90,
    ),
    OfferValues(
        code="reward-tasting",
        name="Coffee tasting for two",
        description="An evening at the roastery.",
        kind=OfferKind.TIERED,
        point_cost=1500,
        benefit=Benefit.EXTERNAL,
        perceived_value=Decimal(45),
        valid_days=180,
        stock=20,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Term:
    """When a promotion runs, its days counted from the day on which the demo was created.

    ``stops`` is when somebody stopped it.
    """

    starts: int
    ends: int | None = None
    stops: int | None = None

    def starts_at(self, *, made_at: datetime) -> datetime:
        """Return the midnight at which it starts, in the zone of ``made_at``."""
        return _midnight(made_at, self.starts)

    def ends_at(self, *, made_at: datetime) -> datetime | None:
        """Return the midnight at which it ends, in the zone of ``made_at``; None if it has no end."""
        return None if self.ends is None else _midnight(made_at, self.ends)

    def written_at(self, *, made_at: datetime) -> datetime:
        """Return when it was entered: a fortnight before its start, or recently."""
        return min(self.starts_at(made_at=made_at) - timedelta(days=14), made_at - timedelta(days=2))

    def stopped_at(self, *, made_at: datetime) -> datetime | None:
        """Return when it was stopped, at a working hour of that day; None if it was not."""
        return None if self.stops is None else _midnight(made_at, self.stops) + timedelta(hours=11)


@dataclass(frozen=True, kw_only=True)
class Planned(Term):
    """A loyalty promotion."""

    family: ClassVar[Family] = Family.LOYALTY
    code: str
    type: str
    name: str
    outcome: Document
    description: str = ""
    draft: bool = False
    currency: str = CURRENCY
    eligibility: Document = field(default_factory=dict)
    content: Document = field(default_factory=dict)

    def values(self, *, made_at: datetime) -> PromotionValues:
        """Return the promotion with its dates."""
        return PromotionValues(
            code=self.code,
            type=self.type,
            name=self.name,
            description=self.description,
            currency=self.currency,
            starts_at=self.starts_at(made_at=made_at),
            ends_at=self.ends_at(made_at=made_at),
            draft=self.draft,
            outcome=self.outcome,
            eligibility=self.eligibility,
            content=self.content,
        )


def _midnight(made_at: datetime, days: int) -> datetime:
    return datetime.combine(made_at.date() + timedelta(days=days), time(), tzinfo=made_at.tzinfo)


def all_of(*conditions: tuple[str, str, Any]) -> Document:
    """Return rules that hold when all conditions do."""
    return {"match": "all", "rules": [_condition(*condition) for condition in conditions]}


def any_of(*conditions: tuple[str, str, Any]) -> Document:
    """Return rules that hold when one condition does."""
    return {"match": "any", "rules": [_condition(*condition) for condition in conditions]}


def _condition(attribute: str, operator: str, value: Any) -> Document:
    return {"attribute": attribute, "operator": operator, "value": value}


def _products(name: str, *conditions: tuple[str, str, Any]) -> Document:
    """Return a selection of one set."""
    return {"match": "any", "sets": [{"name": name, "rules": all_of(*conditions)}]}


def _bundle(*sets: tuple[str, int, Document]) -> Document:
    """Return a selection that takes some units of every set."""
    return {"match": "all", "sets": [{"name": name, "units": units, "rules": rules} for name, units, rules in sets]}


def _content(short: str, long: str, thanks: str, picture: str) -> Document:
    return {
        "short_description": short,
        "long_description": f"<p>{long}</p>",
        "confirmation_message": thanks,
        "terms_and_conditions": "<p>For members of the Hearth programme. One account for each person.</p>",
        "links": [{"url": "https://www.example.com/hearth", "anchor_text": "How the programme works"}],
        "images": [{"url": f"https://images.example.com/{picture}.jpg", "alt_text": short}],
    }


_MEMBERS_DAY = "{{ promotion_name }} at {{ site_name }}"
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
_YEAR = 366

PROMOTIONS: tuple[Planned, ...] = (
    # Fixed points
    Planned(
        code="breakfast-club",
        type="fixed_points",
        name="Breakfast club",
        description="A hot drink and a pastry before half past ten on a working day.",
        starts=-300,
        outcome={
            "points": 15,
            "activity_description": _MEMBERS_DAY,
            "product_selection": _bundle(
                ("Hot drink", 1, all_of(("category", "is", "Hot drinks"))),
                ("Pastry", 1, all_of(("category", "is", "Pastries"), ("retail_price", "is_less_than", "6"))),
            ),
            "quantity_rule": {"apply_to": "every", "units": 1},
            "pricing_rule": {"order": "cheapest", "by": "inc_tax"},
        },
        eligibility={
            "transaction_rules": all_of(
                ("transaction_time", "is_before", "10:30"), ("transaction_weekday", "is_any_of", _WEEKDAYS)
            )
        },
        content=_content(
            "15 points for breakfast",
            "Take a pastry with your morning coffee and collect <strong>15 points</strong> each time.",
            "Good morning! 15 points for breakfast.",
            "breakfast",
        ),
    ),
    Planned(
        code="welcome",
        type="fixed_points",
        name="Welcome aboard",
        description="With the first purchase within a month of joining.",
        starts=-_YEAR,
        outcome={
            "points": 100,
            "activity_type": "Welcome",
            "redemption_message_subject": "{{ promotion_name }}: {{ short_description }}",
            "redemption_message": "<p>{{ confirmation_message }}</p><p>{{ long_description }}</p>",
        },
        eligibility={
            "customer_rules": all_of(("enrolled_on", "is_in_last_days", 30)),
            "customer_redemption_limit": 1,
        },
        content=_content(
            "100 points to start with",
            "Thank you for joining us by the hearth.",
            "Welcome! Here are 100 points.",
            "welcome",
        ),
    ),
    Planned(
        code="birthday-week",
        type="fixed_points",
        name="Birthday week",
        starts=-200,
        outcome={"points": 150, "activity_type": "Birthday"},
        eligibility={
            "customer_rules": all_of(("birthday", "is_within_days", 3)),
            "customer_redemption_limit": 1,
            "always_apply": True,
        },
    ),
    Planned(
        code="hundred-for-hampers",
        type="fixed_points",
        name="A hundred for hampers",
        starts=21,
        ends=75,
        outcome={
            "points": 100,
            "product_selection": _products(
                "Hampers", ("category", "is", "Gift sets"), ("retail_price", "is_at_least", "50")
            ),
            "quantity_rule": {"apply_to": "every", "units": 1},
        },
    ),
    Planned(
        code="candles-in-pairs",
        type="fixed_points",
        name="Candles in pairs",
        starts=-320,
        ends=-180,
        outcome={
            "points": 60,
            "product_selection": _products("Candles", ("category", "is", "Candles")),
            "quantity_rule": {"apply_to": "every", "units": 2},
            "pricing_rule": {"order": "most_expensive", "by": "inc_tax"},
        },
        eligibility={"customer_redemption_limit": 5},
    ),
    Planned(
        code="lunch-stamp",
        type="fixed_points",
        name="Lunch stamp",
        description="Stopped when the till's button was changed.",
        starts=-260,
        ends=200,
        stops=-120,
        outcome={
            "points": 10,
            "product_selection": _products("Sandwiches", ("category", "is", "Sandwiches")),
            "quantity_rule": {"apply_to": "first", "units": 1},
        },
        eligibility={"transaction_rules": all_of(("transaction_time", "is_between", ["11:30", "14:30"]))},
    ),
    Planned(
        code="members-day",
        type="fixed_points",
        name="Members' day",
        starts=40,
        ends=41,
        draft=True,
        outcome={"points": 50, "activity_description": _MEMBERS_DAY},
        eligibility={"transaction_rules": all_of(("total_inc_tax", "is_at_least", "15"))},
    ),
    # Points multipliers
    Planned(
        code="double-weekend",
        type="points_multiplier",
        name="Double points at the weekend",
        starts=-240,
        outcome={"multiplier": "2", "multiplier_scope": "basket", "activity_type": "Double points"},
        eligibility={
            "transaction_rules": all_of(("transaction_weekday", "is_any_of", ["saturday", "sunday"])),
            # Its own control group measures it: nobody else is held out.
            "control_group": {"group": "pilot", "percentage": "20"},
            "ignores_universal_holdout": True,
        },
        content=_content(
            "Twice the points, all weekend",
            "Every purchase on Saturday and Sunday counts twice.",
            "Double points for a weekend well spent.",
            "weekend",
        ),
    ),
    Planned(
        code="triple-fairtrade",
        type="points_multiplier",
        name="Triple points on fairtrade",
        starts=-150,
        outcome={
            "multiplier": "3",
            "multiplier_scope": "line_items",
            "product_selection": _products("Fairtrade", ("labels", "is", "fairtrade")),
        },
    ),
    Planned(
        code="friends-bonus",
        type="points_multiplier",
        name="Friends of the Hearth",
        description="Half as many again for our best customers, on top of other promotions.",
        starts=-_YEAR,
        outcome={"multiplier": "1.5", "multiplier_scope": "basket", "activity_type": "Friends"},
        eligibility={"customer_rules": all_of(("groups", "is", "vip")), "always_apply": True},
    ),
    Planned(
        code="quadruple-books",
        type="points_multiplier",
        name="Quadruple points on books",
        starts=10,
        ends=24,
        outcome={
            "multiplier": "4",
            "multiplier_scope": "line_items",
            "product_selection": _products("Books", ("category", "is", "Books")),
        },
    ),
    Planned(
        code="harbour-festival",
        type="points_multiplier",
        name="Harbour festival",
        starts=-130,
        ends=-116,
        outcome={"multiplier": "3", "multiplier_scope": "basket"},
        eligibility={"site_rules": any_of(("town", "is", "Whitby"), ("site_name", "contains", "Leith"))},
    ),
    Planned(
        code="web-launch",
        type="points_multiplier",
        name="Web shop launch",
        description="Stopped early: the budget was used up.",
        starts=-90,
        ends=30,
        stops=-60,
        outcome={"multiplier": "5", "multiplier_scope": "basket"},
        eligibility={
            "site_rules": all_of(("site_number", "is", "900")),
            "transaction_rules": all_of(("source", "is_any_of", ["web", "app"])),
        },
    ),
    Planned(
        code="student-term",
        type="points_multiplier",
        name="Start of term",
        starts=60,
        ends=90,
        draft=True,
        outcome={"multiplier": "2", "multiplier_scope": "basket"},
        eligibility={"customer_rules": all_of(("groups", "is", "students"))},
    ),
    # Bonus points
    Planned(
        code="spend-twenty",
        type="bonus_points",
        name="Ten points for every twenty",
        starts=-_YEAR,
        outcome={"issue_points_on": "currency", "conversion_units": "20", "conversion_points": 10},
        eligibility={"transaction_rules": all_of(("total_inc_tax", "is_at_least", "20"))},
    ),
    Planned(
        code="stock-the-pantry",
        type="bonus_points",
        name="Stock the pantry",
        starts=-100,
        ends=100,
        outcome={
            "issue_points_on": "quantity",
            "conversion_units": "2",
            "conversion_points": 5,
            "product_selection": _products("Pantry", ("program_brand", "is", "Pantry")),
        },
        eligibility={"customer_rules": all_of(("groups", "is_not_any_of", ["team"])), "total_redemption_limit": 5000},
    ),
    Planned(
        code="paris-canal",
        type="bonus_points",
        name="Au bord du canal",
        description="For the shops in France, which sell in euros.",
        starts=-200,
        currency="EUR",
        outcome={
            "issue_points_on": "currency",
            "conversion_units": "4",
            "conversion_points": 1,
            "whole_ratio_units_only": False,
        },
        eligibility={"site_rules": any_of(("town", "is", "Paris"), ("town", "is", "Lille"))},
    ),
    Planned(
        code="new-york-mornings",
        type="bonus_points",
        name="East coast mornings",
        starts=-180,
        currency="USD",
        outcome={"issue_points_on": "currency", "conversion_units": "5", "conversion_points": 2},
        eligibility={"transaction_rules": all_of(("transaction_time", "is_between", ["06:00", "11:00"]))},
    ),
    Planned(
        code="mugs-in-pairs",
        type="bonus_points",
        name="Mugs in pairs",
        starts=5,
        ends=45,
        outcome={
            "issue_points_on": "quantity",
            "conversion_units": "2",
            "conversion_points": 40,
            "product_selection": _products("Mugs", ("category", "is", "Mugs")),
        },
    ),
    Planned(
        code="tea-month",
        type="bonus_points",
        name="Tea month",
        starts=-280,
        ends=-250,
        outcome={
            "issue_points_on": "quantity",
            "conversion_units": "1",
            "conversion_points": 8,
            "product_selection": _products("Tea", ("category", "is", "Tea"), ("quantity", "is_at_least", 2)),
        },
    ),
    Planned(
        code="contactless",
        type="bonus_points",
        name="Contactless bonus",
        starts=-220,
        stops=-140,
        outcome={
            "issue_points_on": "currency",
            "conversion_units": "1",
            "conversion_points": 1,
            "whole_ratio_units_only": False,
        },
        eligibility={"transaction_rules": all_of(("payment_card_type", "is_any_of", ["visa", "mastercard"]))},
    ),
    Planned(
        code="good-margins",
        type="bonus_points",
        name="Worth a closer look",
        starts=30,
        draft=True,
        outcome={"issue_points_on": "quantity", "conversion_units": "1", "conversion_points": 3},
        eligibility={"line_item_rules": all_of(("profit_margin", "is_at_least", "60"))},
    ),
    # Redeem offers
    Planned(
        code="fifth-coffee",
        type="redeem_offer",
        name="The fifth coffee is on us",
        description="A voucher with every fifth visit that has a hot drink in it, within a quarter of a year.",
        starts=-_YEAR,
        outcome={
            "offer": "free-coffee",
            "activity_type": "Coffee card",
            "product_selection": _products("Hot drinks", ("category", "is", "Hot drinks")),
        },
        eligibility={
            "application_rules": [
                {
                    "measure": "transactions",
                    "threshold": "5",
                    "period": {"unit": "days", "length": 90},
                    "line_item_rules": all_of(("category", "is", "Hot drinks")),
                    "counting": "every",
                }
            ]
        },
        content=_content(
            "Every fifth coffee is free",
            "Come five times within 90 days, and the next one is on us.",
            "Your next coffee is on us.",
            "coffee-card",
        ),
    ),
    Planned(
        code="big-spenders",
        type="redeem_offer",
        name="Five off for a hundred",
        starts=-210,
        outcome={"offer": "five-off"},
        eligibility={
            "application_rules": [
                {
                    "measure": "spend",
                    "threshold": "100",
                    "period": {"unit": "months", "length": 2},
                    "counting": "every",
                }
            ],
            "total_redemption_limit": 400,
            "customer_redemption_limit": 4,
            "always_apply": True,
        },
    ),
    Planned(
        code="cake-for-cakes",
        type="redeem_offer",
        name="Cake season",
        starts=14,
        ends=60,
        outcome={
            "offer": "birthday-cake",
            "product_selection": _products("Cakes", ("category", "is", "Cakes"), ("retail_price", "is_at_least", "20")),
        },
        eligibility={"customer_redemption_limit": 1},
    ),
    Planned(
        code="tote-giveaway",
        type="redeem_offer",
        name="Tote bag with forty pounds",
        description="Fifty bags; they were gone in weeks.",
        starts=-190,
        ends=-100,
        outcome={"offer": "tote-bag"},
        eligibility={
            "transaction_rules": all_of(("total_inc_tax", "is_at_least", "40")),
            "total_redemption_limit": 50,
            "customer_redemption_limit": 1,
        },
    ),
    Planned(
        code="come-back",
        type="redeem_offer",
        name="Good to see you again",
        starts=-250,
        stops=-30,
        outcome={"offer": "tenth-off"},
        eligibility={
            "customer_rules": all_of(
                ("last_transaction_on", "is_not_in_last_days", 60), ("enrolled_on", "is_not_in_last_days", 60)
            ),
            "customer_redemption_limit": 2,
            "total_redemption_limit": 250,
        },
    ),
    Planned(
        code="home-team",
        type="redeem_offer",
        name="A thank-you to our team",
        starts=20,
        draft=True,
        outcome={"offer": "tenth-off"},
        eligibility={"customer_rules": all_of(("groups", "is", "team")), "customer_redemption_limit": 1},
    ),
)

MEASURED_PROMOTION, WEEKEND = "double-weekend", (5, 6)
"""The promotion whose control group shows a verdict: its members come more often on these weekdays."""

EXTRA_VISITS = 0.06
"""The share of all sales that these are."""


def effect_of_measured_promotion(consumers: Sequence[ConsumerValues], *, made_at: datetime) -> Effect:
    """Return what the promotion changes: the members of its group whom it does not hold out come more often."""
    (planned,) = (planned for planned in PROMOTIONS if planned.code == MEASURED_PROMOTION)
    values = planned.eligibility["control_group"]
    control = ControlGroup(group=values["group"], percentage=Decimal(values["percentage"]))
    treated = [
        consumer
        for consumer in consumers
        if consumer.loyalty is not None
        and control.group in consumer.groups
        and not control.draws(planned.family, planned.code, consumer.consumer_id)
    ]
    since = planned.starts_at(made_at=made_at).date()
    return Effect(consumers=treated, since=since, weekdays=WEEKEND, share=EXTRA_VISITS)
