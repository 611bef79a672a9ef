"""Random promotions and discounts of the small shop, and random sales of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from promotions.engine.rules.attributes import ATTRIBUTES, OPERATORS, WEEKDAYS, Kind, Operand, Scope
from tests.loyalty.sentences.shop import GROUPS, PRODUCTS, SITE_NAMES

Document = dict[str, Any]

START = datetime(2026, 3, 1, tzinfo=UTC)
"""When every drawn promotion starts."""

_VALUES: dict[str, list[str]] = {
    "site_name": [*SITE_NAMES.values(), "Nowhere, Ltd"],
    "site_number": ["1", "2", "9"],
    "address_line_1": ["1 High Street", "2 Low Street"],
    "town": ["Leeds", "York"],
    "county": ["Yorkshire", "Kent"],
    "postcode": ["LS1 4DY", "YO1 7LZ"],
    "groups": list(GROUPS),
    "home_site": list(SITE_NAMES),
    "payment_card_type": ["Visa", "Amex or other"],
    "source": ["web", "till"],
    "loyalty_card_type": ["Gold", "Silver"],
    "product": list(PRODUCTS),
    "sku": ["T1", "t2", "C1", "X9"],
    "program_brand": ["Own", "other"],
    "product_brand": ["Acme", "Bell and Sons"],
    "category": ["Tea", "coffee", "Mugs", "Books, all"],
    "labels": ["organic", "gift, for all", "loose leaf"],
}
_PARTS = {"site_name": ["Leeds", "spencer"], "postcode": ["LS", "YO1"], "category": ["book", "T"], "labels": ["gift"]}
_NUMBERS = {
    "quantity": ["1", "2", "3"],
    "cost_price": ["1.00", "5.00"],
    "retail_price": ["4.00", "10.00", "20.00"],
    "profit_margin": ["50", "75"],
    "points_balance": ["0", "1", "500"],
    "total_inc_tax": ["10.00", "25.00", "40.00"],
    "total_ex_tax": ["10.00", "25.00"],
}
_DATES = ["2026-03-03", "2026-03-10", "2026-03-20"]
_TIMES = ["09:30", "12:00", "18:00"]


def _value(random: Random, name: str, kind: Kind, operator: str) -> Any:
    match kind:
        case Kind.BOOLEAN:
            return random.random() < 0.5
        case Kind.DATE:
            return random.choice(_DATES)
        case Kind.TIME:
            return random.choice(_TIMES)
        case Kind.WEEKDAY:
            return random.choice(WEEKDAYS)
        case Kind.NUMBER | Kind.MONEY:
            return random.choice(_NUMBERS[name])
        case _:
            part = operator in ("contains", "starts_with")
            return random.choice(_PARTS.get(name, _VALUES[name]) if part else _VALUES[name])


def draw_condition(random: Random, scope: Scope) -> Document:
    """Draw a condition with any attribute and any of its operators."""
    attribute = random.choice(list(ATTRIBUTES[scope].values()))
    operator, operand = random.choice(list(OPERATORS[attribute.kind].items()))

    def value() -> Any:
        return _value(random, attribute.name, attribute.kind, operator)

    drawn: Any
    match operand:
        case Operand.DAYS:
            drawn = random.choice([1, 7, 30])
        case Operand.TRUE:
            drawn = True
        case Operand.MANY:
            drawn = [value() for _ in range(random.randint(1, 3))]
        case Operand.RANGE:
            drawn = _range(value(), value(), attribute.kind)
        case _:
            drawn = value()
    return {"attribute": attribute.name, "operator": operator.value, "value": drawn}


def _range(low: str, high: str, kind: Kind) -> list[str]:
    if kind is Kind.TIME:
        # It may end before it starts, but not when it starts: it wraps over midnight.
        return [low, high if low != high else "23:00"]
    return sorted((low, high), key=str if kind is Kind.DATE else float)


def draw_tree(random: Random, scope: Scope) -> Document:
    """Draw a tree of up to three levels, mostly of one condition; some groups in it are empty."""

    def group(depth: int) -> Document:
        members: list[Document] = []
        for _ in range(random.randint(1, 2)):
            if depth < 3 and random.random() < 0.3:
                members.append(group(depth + 1))
            else:
                members.append(draw_condition(random, scope))
        if depth > 1 and random.random() < 0.1:
            members = []
        return {"match": random.choice(["all", "any"]), "rules": members}

    if random.random() < 0.6:
        return {"match": "all", "rules": [draw_condition(random, scope)]}
    return group(1)


def maybe(random: Random, value: Any, *, one_in: int = 4) -> Any:
    """Return a value or what a function makes, one time in so many; otherwise None."""
    if random.randrange(one_in):
        return None
    return value() if callable(value) else value


def _eligibility(random: Random, *, transaction: bool) -> Document:
    eligibility: Document = {
        "site_rules": maybe(random, lambda: draw_tree(random, Scope.SITE)),
        "customer_rules": maybe(random, lambda: draw_tree(random, Scope.CUSTOMER)),
        "transaction_rules": maybe(random, lambda: draw_tree(random, Scope.TRANSACTION)),
        "line_item_rules": maybe(random, lambda: draw_tree(random, Scope.LINE_ITEM)),
        "always_apply": random.random() < 0.5,
        "ignores_universal_holdout": random.random() < 0.5,
        "total_redemption_limit": maybe(random, random.choice([1, 2, 5])),
    }
    if random.randrange(3) == 0:
        eligibility["customer_redemption_limit"] = random.choice([1, 3])
        eligibility["customer_limit_period"] = random.choice(["promotion", "day", "week", "month", "year"])
    if transaction:
        eligibility["transaction_redemption_limit"] = maybe(random, random.choice([1, 2]))
    return eligibility


def _application_rule(random: Random) -> Document:
    measure = random.choice(["transactions", "quantity", "spend"])
    threshold = {"transactions": ["1", "2", "3"], "quantity": ["2", "5"], "spend": ["15", "40.00"]}[measure]
    unit = random.choice(["days", "weeks", "months", "promotion"])
    return {
        "measure": measure,
        "threshold": random.choice(threshold),
        "period": {"unit": unit, "length": None if unit == "promotion" else random.choice([1, 2, 10])},
        "line_item_rules": maybe(random, lambda: draw_tree(random, Scope.LINE_ITEM), one_in=2),
        "counting": random.choice(["reached", "every"]),
    }


def _product_selection(random: Random) -> Document:
    sets = [
        {
            "name": random.choice(["", "", f"Set {n}"]),
            "rules": None if random.random() < 0.2 else draw_tree(random, Scope.LINE_ITEM),
            "units": random.randint(1, 2),
        }
        for n in range(1, random.choice([0, 1, 1, 2, 2]) + 1)
    ]
    return {"match": random.choice(["any", "all"]), "sets": sets}


def _own_outcome(random: Random, kind: str) -> Document:
    match kind:
        case "fixed_points":
            return {"points": random.choice([1, 50])}
        case "points_multiplier":
            return {
                "multiplier": random.choice(["2", "2.5", "10"]),
                "multiplier_scope": random.choice(["basket", "line_items"]),
            }
        case "bonus_points":
            return {
                "issue_points_on": random.choice(["currency", "quantity"]),
                "conversion_units": random.choice(["1", "10", "2.5"]),
                "conversion_points": random.choice([1, 5]),
                "whole_ratio_units_only": random.random() < 0.5,
            }
        case _:
            return {"offer": "gift"}


@dataclass(frozen=True, kw_only=True)
class DrawnPromotion:
    """A promotion as its form sends it.

    ``in_holdout`` says whether the account's universal holdout is of every customer, or of nobody.
    """

    family: str
    type: str
    outcome: Document
    eligibility: Document
    currency: str
    ends_at: datetime | None
    budget: Document | None = None
    customer_budget: Document | None = None
    in_holdout: bool = False


def _common(random: Random, *, points: bool = False) -> Document:
    def budget(**period: str) -> Document:
        amounts = ["0", "1", "30", "75", "1000"] if points else ["0.00", "3.00", "7.50", "20.00", "1000.00"]
        when_short = random.choice(["refuse", "cut", "honour"])
        return {"amount": random.choice(amounts), **period, "when_short": when_short}

    period = random.choice(["promotion", "day", "week", "month", "year"])
    return {
        "currency": random.choice(["GBP", "GBP", "GBP", "EUR"]),
        "ends_at": maybe(random, START + timedelta(days=14)),
        "budget": maybe(random, budget, one_in=3),
        "customer_budget": maybe(random, lambda: budget(period=period), one_in=3),
        "in_holdout": random.randrange(6) == 0,
    }


def draw_loyalty_promotion(random: Random) -> DrawnPromotion:
    """Draw a loyalty promotion of any type."""
    kind = random.choice(["fixed_points", "points_multiplier", "bonus_points", "redeem_offer"])
    quantity = {"apply_to": random.choice(["all", "every", "first"]), "units": random.randint(1, 3)}
    pricing = {
        "order": random.choice(["cheapest", "most_expensive"]),
        "by": random.choice(["inc_tax", "ex_tax", "tax"]),
    }
    outcome = _own_outcome(random, kind) | {
        "product_selection": _product_selection(random),
        "quantity_rule": maybe(random, quantity, one_in=2),
        "pricing_rule": maybe(random, pricing, one_in=2),
    }
    eligibility = _eligibility(random, transaction=False)
    eligibility["application_rules"] = [_application_rule(random) for _ in range(random.choice([0, 0, 0, 1, 2]))]
    eligibility["control_group"] = maybe(random, {"group": random.choice(list(GROUPS)), "percentage": "100"}, one_in=6)
    return DrawnPromotion(
        family="loyalty",
        type=kind,
        outcome=outcome,
        eligibility=eligibility,
        **_common(random, points=kind != "redeem_offer"),
    )


def _discount_set(random: Random, number: int) -> Document:
    product_set: Document = {"name": random.choice(["", "", f"Set {number}"])}
    match random.choice(["rules", "rules", "every product", "products", "personalized"]):
        case "rules":
            product_set["rules"] = draw_tree(random, Scope.LINE_ITEM)
        case "every product":
            product_set["rules"] = None
        case "products":
            product_set["products"] = random.sample(list(PRODUCTS), random.randint(1, 3))
        case _:
            product_set["personalized_promotion"] = "picks"
            product_set["default_product"] = maybe(random, "T1", one_in=2)
    gets_discount = random.random() < 0.7
    if random.randrange(3) == 0:
        product_set["required_spend"] = random.choice(["10", "25.00"])
        discounted = random.choice([None, None, 1])
    else:
        product_set["required_quantity"] = random.randint(1, 3)
        discounted = random.randint(1, product_set["required_quantity"])
    product_set["gets_discount"] = gets_discount
    product_set["discounted_quantity"] = discounted if gets_discount else None
    if gets_discount and "products" in product_set and random.random() < 0.3:
        product_set["default_product"] = product_set["products"][0]
    return product_set


_DISCOUNT_VALUES: dict[str, list[str | None]] = {
    "amount": ["1.00", "7.50"],
    "percentage": ["10", "33.3", "100"],
    "fixed_price": ["0.00", "5.00"],
    "free_product": [None],
}


def draw_discount(random: Random) -> DrawnPromotion:
    """Draw a discount of any type."""
    kind = random.choice(list(_DISCOUNT_VALUES))
    sets = [_discount_set(random, number) for number in range(1, random.randint(1, 2) + 1)]
    if not any(product_set["gets_discount"] for product_set in sets):
        sets[0] |= {"gets_discount": True, "discounted_quantity": sets[0].get("required_quantity")}
    only = sets[0]
    if kind == "amount" and len(sets) == 1 and only.get("required_spend") and not only["discounted_quantity"]:
        only["repeats"] = random.random() < 0.5
    outcome: Document = {
        "value": random.choice(_DISCOUNT_VALUES[kind]),
        "price_order": random.choice(["cheapest", "most_expensive"]),
        "product_sets": sets,
    }
    if kind == "percentage":
        outcome["maximum_discount"] = maybe(random, "4.00")
    return DrawnPromotion(
        family="discount",
        type=kind,
        outcome=outcome,
        eligibility=_eligibility(random, transaction=True),
        **_common(random),
    )


# --- sales -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DrawnLine:
    """A line of a sale; prices as a till sends them."""

    sku: str
    quantity: int
    price: str
    ex_tax: str


@dataclass(frozen=True, kw_only=True)
class DrawnSale:
    """A sale in the small shop; ``consumer`` is None where nobody is identified."""

    at: datetime
    site: str
    currency: str
    consumer: Document | None
    texts: dict[str, str]
    lines: tuple[DrawnLine, ...]


_PRICES = [("4.00", "3.20"), ("10.00", "9.00"), ("10.00", "8.00"), ("3.33", "3.33"), ("20.00", "16.00")]
_CATALOGUE = [*PRODUCTS, "X9"]


def draw_consumer(random: Random, name: str, today: date) -> Document:
    """Draw what is known of a consumer."""

    def some_day() -> date | None:
        return random.choice([None, today - timedelta(days=random.choice([0, 5, 20, 400]))])

    member = random.random() < 0.85
    return {
        "consumer_id": name,
        "groups": frozenset(group for group in GROUPS if random.random() < 0.5),
        "home_site": random.choice([None, *SITE_NAMES]),
        "is_loyalty_member": member,
        "points_balance": random.choice([0, 1, 500, 501]) if member else None,
        "enrolled_on": some_day() if member else None,
        "date_of_birth": random.choice([None, date(2000, 2, 29), date(1990, today.month, 3), date(1985, 7, 9)]),
        "last_transaction_on": some_day(),
        "last_offer_redeemed_on": some_day(),
        "last_promotion_redeemed_on": some_day(),
        "list": random.choice([None, (("T1", "C1", "M1"), ()), (("T1", "C1", "M1"), ("C1",))]),
    }


def draw_sales(random: Random, *, count: int, currency: str) -> list[DrawnSale]:
    """Draw some sales in order of time, mostly of two consumers and in the promotion's currency."""
    sales = []
    at = START - timedelta(hours=random.choice([1, 0]))
    for _ in range(count):
        lines: dict[tuple[str, str], DrawnLine] = {}
        for _ in range(random.randint(1, 4)):
            sku, (price, ex_tax) = random.choice(_CATALOGUE), random.choice(_PRICES)
            lines[sku, f"{price} {ex_tax}"] = DrawnLine(
                sku=sku, quantity=random.randint(1, 4), price=price, ex_tax=ex_tax
            )
        who = random.choice(["anna", "anna", "anna", "ben", None])
        sales.append(
            DrawnSale(
                at=at,
                site=random.choice(list(SITE_NAMES)),
                currency=currency if random.random() < 0.9 else "USD",
                consumer=draw_consumer(random, who, at.date()) if who else None,
                texts={
                    name: text
                    for name in ("payment_card_type", "source", "loyalty_card_type")
                    if (text := random.choice(["", *_VALUES[name]]))
                },
                lines=tuple(lines.values()),
            )
        )
        at += timedelta(hours=random.choice([1, 9, 14, 24, 24 * 5, 24 * 9]), minutes=random.choice([0, 30]))
    return sales
