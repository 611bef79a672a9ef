"""Promotions and baskets to measure with: every kind that there is, of which so many match.

Promotion ``i`` is of kind ``i mod 10``. Those that are to match are told products of the basket, spread over its lines; the
others products that nobody buys. Each basket has the same products, prices and shopper in every process, so that all that
is measured beside each other does the same work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from conflicts.resolver import Policy
from promotions.engine.basket import ProductFacts, SiteFacts
from promotions.engine.definition import check_discount, check_loyalty
from promotions.engine.discounts import PersonalizedTerms
from promotions.engine.rulebook import OfferFacts, Promotion, PromotionSource, Rulebook, Terms, compile_promotion
from promotions.engine.shopper import PersonalizedChoice, Shopper

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SITE = SiteFacts(site_number="001", site_name="leeds", town="leeds", county="yorkshire")
POLICY = Policy(promotions_per_type=3)
LISTS = 100
"""Personalized promotions that feed discounts."""

Document = dict[str, Any]


def sku(line: int) -> str:
    """The product of a line of the basket."""
    return f"S{line:03d}"


def category(line: int) -> str:
    """Its category."""
    return f"category {line:03d}"


def products(lines: int) -> dict[str, ProductFacts]:
    """The catalogue entries of a basket's products."""
    return {
        sku(line): ProductFacts(
            product_brand=f"brand {line % 7}",
            category=category(line),
            labels=("fresh",) if line % 3 else (),
            cost_price=Decimal(2),
            retail_price=Decimal(5),
        )
        for line in range(lines)
    }


def shopper() -> Shopper:
    """An active member with lists."""
    return Shopper(
        consumer_id="anna",
        today=AT.date(),
        groups=frozenset({"vip"}),
        home_site="001",
        is_loyalty_member=True,
        enrolled_on=BEGAN.date(),
        points_balance=100,
        personalized={f"PP-{n}": PersonalizedChoice(products=(sku(n % 10), "Z")) for n in range(LISTS)},
    )


def body(lines: int, *, units: int = 2) -> Document:
    """What a till sends."""
    return {
        "occurred_at": AT.isoformat(),
        "site": "001",
        "currency": "GBP",
        "consumer": "anna",
        "lines": [
            {
                "line_id": str(line),
                "sku": sku(line),
                "quantity": str(units),
                "unit_price_inc_tax": f"{3 + line % 9}.50",
                "unit_price_ex_tax": f"{3 + line % 9}.00",
            }
            for line in range(lines)
        ],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What one promotion is: its number, its kind, the products that it is for, and whether the basket has them."""

    number: int
    kind: int
    sku: str
    other_sku: str
    category: str
    matches: bool


Documents = tuple[str, Document, Document]
"""A loyalty promotion's type, or ``discount``; its outcome; its eligibility."""


def promotions(count: int, *, matching: int, lines: int = 10, keyless: int = 0) -> list[Promotion]:
    """So many promotions, of which so many match a basket of so many lines, and of which a share (percent) is keyless."""
    every = count // matching
    made = []
    for number in range(count):
        nth, rest = divmod(number, every)
        matches = rest == 0 and nth < matching
        line = nth % lines
        wanted = Wanted(
            number=number,
            kind=nth if matches else number,
            sku=sku(line) if matches else f"X{number}",
            other_sku=sku((line + 1) % lines) if matches else f"Y{number}",
            category=category(line) if matches else f"none {number}",
            matches=matches,
        )
        is_keyless = ((nth if matches else number) * 37 + 5) % 100 < keyless
        made.append(_compiled(wanted, _keyless(wanted) if is_keyless else _keyed(wanted)))
    return made


def _keyed(wanted: Wanted) -> Documents:
    """A promotion of each kind, for the products that it is told."""
    by_category, by_sku = _is("category", wanted.category), _is("sku", wanted.sku)
    pool = {"product_selection": _select(by_category)}
    match wanted.kind % 10:
        case 0 | 1:
            return "fixed_points", {"points": 10, **pool, "quantity_rule": {"apply_to": "every", "units": 2}}, {}
        case 2:
            return "points_multiplier", {"multiplier": "2", "multiplier_scope": "line_items", **pool}, {}
        case 3:
            rate = {"issue_points_on": "currency", "conversion_units": "2", "conversion_points": 1}
            return "bonus_points", {**rate, **pool}, {}
        case 4:
            bundle = _select(by_sku, _is("sku", wanted.other_sku), match="all")
            return "fixed_points", {"points": 30, "product_selection": bundle}, {}
        case 5:
            return "redeem_offer", {"offer": "coffee", "product_selection": _select(by_sku)}, {}
        case 6:
            return "discount", _discount("percentage", "10", rules=by_category), {}
        case 7:
            return "discount", _discount("amount", "0.50", products=[wanted.sku, wanted.other_sku]), {}
        case 8:
            at_least = _is("total_inc_tax", "5.00", "is_at_least")
            return "fixed_points", {"points": 5}, {"line_item_rules": by_category, "transaction_rules": at_least}
        case _:
            backend_id = f"PP-{wanted.kind % LISTS if wanted.matches else 'none'}"
            return "discount", _discount("percentage", "20", personalized_promotion=backend_id), {}


def _keyless(wanted: Wanted) -> Documents:
    """Rules on a basket's total, a group, a balance or a site: true of this basket only where it is to match."""
    yes, number = wanted.matches, wanted.number
    rules: list[Document] = [
        {"transaction_rules": _is("total_inc_tax", "5.00" if yes else f"{9000 + number}.00", "is_at_least")},
        {"customer_rules": _is("groups", "vip" if yes else f"group {number}")},
        {"customer_rules": _is("points_balance", 50 if yes else 5000 + number, "is_at_least")},
        {"site_rules": _is("town", "Leeds" if yes else f"Town {number}")},
    ]
    return "fixed_points", {"points": 5}, rules[number // 10 % len(rules)]


def _is(attribute: str, value: object, operator: str = "is") -> Document:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


def _select(*trees: Document, match: str = "any") -> Document:
    return {"match": match, "sets": [{"name": "", "rules": tree, "units": 1} for tree in trees]}


def _discount(kind: str, value: str, **source: Any) -> Document:
    one = {"name": "", **source, "required_quantity": 1, "discounted_quantity": 1, "gets_discount": True}
    return {"discount_type": kind, "value": value, "product_sets": [one]}


def _compiled(wanted: Wanted, documents: Documents) -> Promotion:
    kind, outcome, eligibility = documents
    sent: dict[str, Any] = {"outcome": outcome, "eligibility": eligibility, "catalogue_enabled": True}
    is_discount = kind == "discount"
    if is_discount:
        checked = check_discount(outcome.pop("discount_type"), currency="GBP", **sent)
    else:
        checked = check_loyalty(kind, content=None, **sent)
    return compile_promotion(
        PromotionSource(
            id=wanted.number + 1,
            family="discount" if is_discount else "loyalty",
            code=f"p-{wanted.number}",
            type=checked.type,
            subtype=checked.subtype,
            name=f"Promotion {wanted.number}",
            version=1,
            version_id=wanted.number + 1,
            currency="GBP",
            starts_at=BEGAN,
            ends_at=None,
            draft=False,
            stopped_at=None,
            outcome=checked.outcome,
            eligibility=checked.eligibility,
            content=checked.content,
        )
    )


def rulebook(promotions: Sequence[Promotion]) -> Rulebook:
    """The account's rulebook."""
    offer = OfferFacts(code="coffee", perceived_value=Fraction(2), starts_at=None, ends_at=None)
    lists: Mapping[str, PersonalizedTerms] = {
        f"PP-{n}": PersonalizedTerms(maximum_distinct_products=None, lock_after_first_apply=False) for n in range(LISTS)
    }
    terms = Terms(currency="GBP", earn_rates={"GBP": Fraction(1)}, point_value=Fraction(1, 100))
    return Rulebook.build(promotions, terms=terms, offers={"coffee": offer}, personalized=lists)
