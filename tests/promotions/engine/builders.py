"""What engine tests build with: baskets, shoppers and promotions of which a test names only what matters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from conflicts.resolver import Policy
from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.benefits.vouchers import Benefit, PresentedVoucher
from promotions.engine.definition.discount import check_discount
from promotions.engine.definition.fields import BUDGETS
from promotions.engine.definition.loyalty import check_loyalty
from promotions.engine.facts import basket as baskets
from promotions.engine.facts.basket import Basket, Line, ProductFacts, SiteFacts, TransactionTexts, fold_text
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper, Usage
from promotions.engine.money import to_minor_price
from promotions.engine.pipeline.decision import Applied, AppliedVoucher, Decision, Refusal
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import (
    Campaign,
    OfferFacts,
    Promotion,
    PromotionSource,
    Terms,
    compile_promotion,
)
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.engine.rulebook.universal_holdout import UniversalHoldout
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.check import check_tree
from promotions.engine.rules.compile import Predicate, compile_tree

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""

YEAR_START = datetime(2026, 1, 1, tzinfo=UTC)


def condition(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


def every(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "rules": list(rules)}


def either(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": "any", "rules": list(rules)}


def compiled(tree: dict[str, Any] | None, scope: Scope) -> Predicate | None:
    """The predicate of a tree that must be free of faults."""
    checked, problems, _ = check_tree(tree, scope)
    assert not problems, problems
    return compile_tree(checked, scope)


def holds(tree: dict[str, Any] | None, scope: Scope, subject: Any) -> bool:
    predicate = compiled(tree, scope)
    return predicate is None or predicate(subject)


def make_site(number: str = "1", **texts: str) -> SiteFacts:
    return SiteFacts(site_number=number.casefold(), **{name: fold_text(text) for name, text in texts.items()})


def line(
    sku: str = "A",
    quantity: str | int = 1,
    price: str = "10.00",
    *,
    ex_tax: str | None = None,
    category: str = "",
    brand: str = "",
    line_id: str = "",
    currency: str = "GBP",
    **said: bool,
) -> Line:
    """Make a line; ``said`` are ``weighed``, ``no_discount`` and ``no_points``."""
    return baskets.make_line(
        line_id=line_id or f"{sku}/{quantity}/{price}",
        sku=sku,
        quantity=Decimal(quantity),
        unit_price=baskets.UnitPrice(
            to_minor_price(Decimal(price), currency),
            to_minor_price(Decimal(price if ex_tax is None else ex_tax), currency),
        ),
        category=category,
        brand=brand,
        traits=baskets.line_traits(quantity=Decimal(quantity), product=None, **said),
    )


def make_basket(
    *lines: Line,
    at: datetime = NOON,
    zone: str = "UTC",
    site: SiteFacts | None = None,
    currency: str = "GBP",
    products: Mapping[str, ProductFacts] | None = None,
    **texts: str,
) -> Basket:
    return baskets.make_basket(
        at=at,
        local=at.astimezone(ZoneInfo(zone)),
        site=site or make_site(),
        currency=currency,
        lines=lines or (line(),),
        products=products or {},
        texts=TransactionTexts(**texts),
    )


def make_shopper(consumer_id: str = "anna", **facts: Any) -> Shopper:
    """Make a shopper: an active member unless overridden. ``personalized`` are lists by backend id."""
    return Shopper(
        **{
            "consumer_id": consumer_id,
            "today": NOON.date(),
            "is_loyalty_member": True,
            "points_balance": 0,
            **facts,
            "groups": frozenset(facts.get("groups", ())),
        }
    )


_OUTCOMES: dict[str, dict[str, Any]] = {
    "fixed_points": {"points": 50},
    "points_multiplier": {"multiplier": "2"},
    "bonus_points": {"issue_points_on": "currency", "conversion_units": "10", "conversion_points": 1},
    "redeem_offer": {"offer": "gift"},
}

_LIFE = ("starts_at", "ends_at", "draft", "stopped_at", "currency")
_ELIGIBILITY = (
    "site_rules",
    "customer_rules",
    "transaction_rules",
    "line_item_rules",
    "application_rules",
    "control_group",
    "total_redemption_limit",
    "customer_redemption_limit",
    "customer_limit_period",
    "always_apply",
    "ignores_universal_holdout",
)
_ids: dict[str, int] = {}


def make_promotion(code: str = "promo", promotion_type: str = "fixed_points", **fields: Any) -> Promotion:
    """A published promotion of the whole year; one code always has one id. Unknown names belong to the outcome."""
    life = {name: fields.pop(name) for name in _LIFE if name in fields}
    eligibility = {name: fields.pop(name) for name in _ELIGIBILITY if name in fields}
    transaction_limit = fields.pop("transaction_redemption_limit", None)
    budgets = {name: fields.pop(name) for name in BUDGETS if name in fields}
    life["campaign_id"] = fields.pop("campaign_id", None)
    definition = check_loyalty(
        promotion_type,
        outcome=_OUTCOMES[promotion_type] | fields,
        eligibility=eligibility,
        content={},
        budgets=budgets,
        currency=life.get("currency", "GBP"),
        catalogue_enabled=True,
    )
    return compile_promotion(
        PromotionSource(
            id=_ids.setdefault(code, len(_ids) + 1),
            family="loyalty",
            code=code,
            type=promotion_type,
            subtype=definition.subtype,
            name=code,
            version=1,
            version_id=1,
            outcome=definition.outcome,
            eligibility=definition.eligibility | {"transaction_redemption_limit": transaction_limit},
            content=definition.content,
            budget=definition.budget,
            customer_budget=definition.customer_budget,
            **{
                "currency": "GBP",
                "starts_at": YEAR_START,
                "ends_at": None,
                "draft": False,
                "stopped_at": None,
                **life,
            },
        )
    )


_VALUES = {"amount": "5.00", "percentage": "50", "fixed_price": "20.00", "free_product": None}


def make_discount(
    code: str = "promo",
    discount_type: str = "percentage",
    *,
    sets: Iterable[dict[str, Any]] | None = None,
    **fields: Any,
) -> Promotion:
    """A published discount of the whole year, off everything unless sets are named; one code always has one id.

    Unknown names belong to the outcome: ``value``, ``maximum_discount`` and ``price_order``.
    """
    life = {"currency": "GBP"} | {name: fields.pop(name) for name in _LIFE if name in fields}
    life["campaign_id"] = fields.pop("campaign_id", None)
    budgets = {name: fields.pop(name) for name in BUDGETS if name in fields}
    eligibility = {name: fields.pop(name) for name in (*_ELIGIBILITY, "transaction_redemption_limit") if name in fields}
    outcome = {"value": _VALUES[discount_type], "product_sets": [product_set()] if sets is None else list(sets)}
    definition = check_discount(
        discount_type,
        outcome=outcome | fields,
        eligibility=eligibility,
        budgets=budgets,
        currency=life["currency"],
        catalogue_enabled=True,
    )
    return compile_promotion(
        PromotionSource(
            id=_ids.setdefault(f"discount {code}", len(_ids) + 1),
            family="discount",
            code=code,
            type=discount_type,
            subtype=definition.subtype,
            name=code,
            version=1,
            version_id=1,
            outcome=definition.outcome,
            eligibility=definition.eligibility,
            content=definition.content,
            budget=definition.budget,
            customer_budget=definition.customer_budget,
            **{"starts_at": YEAR_START, "ends_at": None, "draft": False, "stopped_at": None, **life},
        )
    )


def product_set(*skus: str, **fields: Any) -> dict[str, Any]:
    """A product set of some SKUs, or with the fields given; without a source it is every product."""
    if skus:
        return {"products": list(skus)} | fields
    return fields if "rules" in fields or "personalized_promotion" in fields else {"rules": {}} | fields


def qualifying(*skus: str, **fields: Any) -> dict[str, Any]:
    """A product set that does not get the discount."""
    return product_set(*skus, gets_discount=False, **fields)


def make_personalized(maximum: int | None = None, *, locks: bool = False) -> PersonalizedTerms:
    return PersonalizedTerms(maximum_distinct_products=maximum, lock_after_first_apply=locks)


def make_list(*products: str, selected: Iterable[str] = (), locked: bool = False) -> PersonalizedChoice:
    return PersonalizedChoice(products=products, selected=tuple(selected), locked=locked)


def make_voucher(
    code: str = "V",
    kind: str = "amount",
    value: str = "1",
    *,
    product: str = "",
    currency: str = "GBP",
    **fields: Any,
) -> PresentedVoucher:
    """Make a voucher that pays, presented by its own consumer, unless overridden."""
    benefit = Benefit(kind=kind, currency=currency, value=Fraction(value), product=product)
    return PresentedVoucher(
        **{"code": code, "offer": "gift", "benefit": benefit, "status": "issued", "is_own": True, **fields}
    )


def selection(*trees: dict[str, Any] | None, match: str = "any", units: Iterable[int] = ()) -> dict[str, Any]:
    wanted = list(units) or [1] * len(trees)
    sets = [{"rules": tree, "units": n} for tree, n in zip(trees, wanted, strict=True)]
    return {"match": match, "sets": sets}


def sku(*skus: str) -> dict[str, Any]:
    """A tree of products by SKU."""
    return every(condition("sku", "is_any_of", list(skus)))


def make_offer(code: str = "gift", perceived_value: str = "3", **dates: Any) -> OfferFacts:
    return OfferFacts(
        code=code,
        perceived_value=Fraction(perceived_value),
        **{"starts_at": None, "ends_at": None, **dates},
    )


def make_terms(*, rate: str = "1", point_value: str = "0.01", **other_rates: str) -> Terms:
    rates = {"GBP": rate, **other_rates}
    return Terms(
        currency="GBP",
        earn_rates={currency: Fraction(value) for currency, value in rates.items()},
        point_value=Fraction(point_value),
    )


def make_holdout(percentage: str = "100", **days: Any) -> UniversalHoldout:
    """A universal holdout, of everybody unless overridden."""
    known = {"starts_on": YEAR_START.date(), "ends_on": None, "zone": UTC, **days}
    return UniversalHoldout(percentage=Decimal(percentage), **known)


def make_rulebook(
    promotions: Iterable[Promotion],
    *,
    terms: Terms | None = None,
    offers: Iterable[OfferFacts] | None = None,
    personalized: Mapping[str, PersonalizedTerms] | None = None,
    campaigns: Iterable[Campaign] = (),
) -> Rulebook:
    known = (make_offer(),) if offers is None else offers
    return Rulebook.build(
        promotions,
        terms=terms or make_terms(),
        offers={offer.code: offer for offer in known},
        personalized=personalized,
        campaigns={campaign.id: campaign for campaign in campaigns},
    )


def decide(
    basket: Basket,
    *promotions: Promotion,
    shopper: Shopper | None = None,
    anonymous: bool = False,
    usage: Usage | None = None,
    policy: Policy | None = None,
    terms: Terms | None = None,
    offers: Iterable[OfferFacts] | None = None,
    personalized: Mapping[str, PersonalizedTerms] | None = None,
    vouchers: Sequence[PresentedVoucher] = (),
    campaigns: Iterable[Campaign] = (),
) -> Decision:
    """The decision on a basket, every promotion explained. A member buys unless it is anonymous."""
    rulebook = make_rulebook(promotions, terms=terms, offers=offers, personalized=personalized, campaigns=campaigns)
    case = EvaluationCase(
        basket=basket,
        shopper=None if anonymous else shopper or make_shopper(today=basket.today),
        usage=usage or Usage(),
        vouchers=vouchers,
        explain=tuple(rulebook),
    )
    return evaluate(case, rulebook, policy or Policy())


def refusal(decision: Decision, code: str = "promo") -> Refusal:
    (refused,) = (refusal for refusal in decision.refused if refusal.promotion.code == code)
    return refused


def reason(decision: Decision, code: str = "promo") -> str:
    """Why a promotion does not apply; empty where it does."""
    if any(winner.promotion.code == code for winner in decision.applied):
        return ""
    return refusal(decision, code).reason


def applied(decision: Decision, code: str = "promo") -> Applied:
    (winner,) = (winner for winner in decision.applied if winner.promotion.code == code)
    return winner


def taken(winner: Applied | AppliedVoucher) -> dict[str, Decimal]:
    """Return the quantities taken, by line id."""
    return {share.line_id: share.quantity for share in winner.lines}


def off(winner: Applied | AppliedVoucher) -> dict[str, int]:
    """Return the discount in minor units by line id; 0 for units that only qualified."""
    return {share.line_id: share.discount for share in winner.lines}
