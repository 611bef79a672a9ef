"""Over large rulebooks, of both families at once, the index decides as looking at every promotion would."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from conflicts.resolver import Policy
from promotions.engine.facts.basket import Basket, ProductFacts
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.facts.progress import Progress
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.engine.rules.attributes import ATTRIBUTES, Attribute, Kind, Operand, Scope
from tests.promotions.engine.builders import (
    NOON,
    condition,
    line,
    make_basket,
    make_discount,
    make_list,
    make_offer,
    make_personalized,
    make_promotion,
    make_shopper,
    make_site,
    make_terms,
)
from tests.promotions.engine.rulebook.test_rulebook import Unindexed

PROMOTIONS, BASKETS = 300, 40
TEXTS = [f"t{n}" for n in range(40)]
NUMBERS = ["0", "1", "2", "3", "10", "20.00", "33.50", "60.00", "200.00"]
DAYS = range(-3, 4)
GROUPS, LISTS = TEXTS[:8], ["PP", "Other", "Third"]
WEEKDAYS = ["monday", "tuesday", "sunday"]
TIMES = ["00:00", "09:00", "12:00", "12:30", "22:00"]

# --- promotions and baskets by chance: many, of values that meet now and then -----------------------------------------


def draw_day(random: Random) -> str:
    return (NOON.date() + timedelta(days=random.choice(DAYS))).isoformat()


ONE: dict[Kind, Callable[[Random], Any]] = {
    Kind.TEXT: lambda random: random.choice(TEXTS),
    Kind.TEXTS: lambda random: random.choice(TEXTS),
    Kind.REFERENCE: lambda random: random.choice(TEXTS),
    Kind.REFERENCES: lambda random: random.choice(GROUPS),
    Kind.BOOLEAN: lambda random: random.random() < 0.7,
    Kind.NUMBER: lambda random: random.choice(NUMBERS),
    Kind.MONEY: lambda random: random.choice(NUMBERS),
    Kind.DATE: draw_day,
    Kind.TIME: lambda random: random.choice(TIMES),
    Kind.WEEKDAY: lambda random: random.choice(WEEKDAYS),
}


def draw_value(random: Random, attribute: Attribute, operand: Operand) -> Any:
    if operand is Operand.TRUE:
        return True
    if operand is Operand.DAYS:
        return random.randint(1, 5)
    draw = ONE[attribute.kind]
    if operand is Operand.ONE:
        return draw(random)
    if operand is Operand.MANY:
        return [draw(random) for _ in range(random.randint(1, 4))]
    if attribute.kind is Kind.TIME:
        return random.sample(TIMES, 2)
    two = [draw(random), draw(random)]
    return sorted(two, key=str if attribute.kind is Kind.DATE else Decimal)


def draw_condition(random: Random, scope: Scope) -> dict[str, Any]:
    attribute = random.choice(list(ATTRIBUTES[scope].values()))
    operator = random.choice(list(attribute.operators))
    return condition(attribute.name, str(operator), draw_value(random, attribute, attribute.operators[operator]))


def draw_tree(random: Random, scope: Scope, *, depth: int = 2) -> dict[str, Any]:
    rules = [
        draw_tree(random, scope, depth=depth - 1) if depth and random.random() < 0.2 else draw_condition(random, scope)
        for _ in range(random.choice([1, 1, 1, 2, 3]))
    ]
    return {"match": random.choice(["all", "any"]), "rules": rules}


def draw_items(random: Random) -> dict[str, Any]:
    """Of three trees on items two say what most promotions say: some products, by what they are."""
    if random.random() < 0.3:
        return draw_tree(random, Scope.LINE_ITEM)
    attribute = random.choice(["sku", "category", "product_brand", "labels", "product", "program_brand"])
    return {"match": "all", "rules": [condition(attribute, "is_any_of", random.sample(TEXTS, random.randint(1, 3)))]}


def draw_moment(random: Random) -> datetime:
    return NOON + timedelta(days=random.randint(-6, 6), minutes=random.choice([0, 0, 30]))


def draw_fields(random: Random) -> dict[str, Any]:
    """What any promotion may say; most say little of it."""
    starts_at = NOON - timedelta(days=20) if random.random() < 0.8 else draw_moment(random)
    draws: dict[str, Callable[[], Any]] = {
        "site_rules": lambda: draw_tree(random, Scope.SITE),
        "customer_rules": lambda: draw_tree(random, Scope.CUSTOMER),
        "transaction_rules": lambda: draw_tree(random, Scope.TRANSACTION),
        "total_redemption_limit": lambda: random.randint(1, 3),
        "customer_redemption_limit": lambda: random.randint(1, 3),
        "always_apply": lambda: True,
        "currency": lambda: "EUR",
        "draft": lambda: True,
        "ends_at": lambda: starts_at + timedelta(days=random.randint(1, 30)),
        "stopped_at": lambda: draw_moment(random),
    }
    likely = {"customer_rules": 0.25, "transaction_rules": 0.25, "site_rules": 0.15}
    drawn = {name: draw() for name, draw in draws.items() if random.random() < likely.get(name, 0.08)}
    if random.random() < 0.6:
        drawn["line_item_rules"] = draw_items(random)
    return {"starts_at": starts_at, **drawn}


def draw_reward(random: Random, code: str) -> Promotion:
    fields = draw_fields(random)
    if random.random() < 0.4:
        sets = [{"rules": draw_items(random), "units": random.randint(1, 2)} for _ in range(random.randint(1, 2))]
        fields["product_selection"] = {"match": random.choice(["any", "all"]), "sets": sets}
    if random.random() < 0.3:
        fields["quantity_rule"] = {"apply_to": random.choice(["all", "every", "first"]), "units": random.randint(1, 3)}
    if random.random() < 0.15:
        fields["application_rules"] = [
            {
                "measure": random.choice(["transactions", "quantity", "spend"]),
                "threshold": random.choice(["1", "2", "20"]),
                "period": random.choice([{"unit": "days", "length": 7}, {"unit": "promotion"}]),
                "counting": random.choice(["reached", "every"]),
            }
        ]
    if random.random() < 0.1:
        fields["control_group"] = {"group": random.choice(GROUPS), "percentage": "50"}
    kind = random.choice(["fixed_points", "points_multiplier", "bonus_points", "redeem_offer"])
    return make_promotion(code, kind, **fields)


def draw_set(random: Random) -> dict[str, Any]:
    skus = random.sample(TEXTS, random.randint(1, 3))
    sources: list[dict[str, Any]] = [
        {"rules": draw_items(random)},
        {"products": skus},
        {"products": skus, "default_product": skus[0]},
        {"personalized_promotion": random.choice(LISTS)},
    ]
    needs: list[dict[str, Any]] = [
        {},
        {},
        {"required_quantity": 2, "discounted_quantity": 1},
        {"required_spend": "9.00"},
    ]
    return random.choice(sources) | random.choice(needs)


def draw_discount(random: Random, code: str) -> Promotion:
    kind = random.choice(["amount", "percentage", "fixed_price", "free_product"])
    return make_discount(
        code, kind, sets=[draw_set(random) for _ in range(random.randint(1, 2))], **draw_fields(random)
    )


def draw_promotions(random: Random) -> list[Promotion]:
    draws = [draw_reward, draw_reward, draw_discount]
    return [random.choice(draws)(random, f"p{n}") for n in range(PROMOTIONS)]


def draw_product(random: Random) -> ProductFacts:
    return ProductFacts(
        product_brand=random.choice(TEXTS).upper(),
        program_brand=random.choice(TEXTS),
        category=random.choice(TEXTS),
        labels=tuple(random.sample(TEXTS, 2)),
        cost_price=random.choice([None, Decimal(1), Decimal("6.65")]),
        retail_price=random.choice([None, Decimal(0), Decimal(10)]),
    )


def draw_basket(random: Random) -> Basket:
    skus = random.sample(TEXTS, random.randint(1, 8))
    return make_basket(
        *(
            line(
                sku,
                random.choice(["1", "1", "2", "3", "0.5"]),
                random.choice(["0.00", "1.00", "9.99", "30.00"]),
                category=random.choice(["", *TEXTS]),
                brand=random.choice(["", *TEXTS]),
            )
            for sku in skus
        ),
        at=random.choice([NOON, NOON, draw_moment(random)]),
        site=make_site(random.choice(TEXTS[:3]), town=random.choice(["", *TEXTS]), postcode=random.choice(TEXTS)),
        currency=random.choice(["GBP"] * 7 + ["EUR"]),
        products={sku: draw_product(random) for sku in skus if random.random() < 0.8},
        payment_card_type=random.choice(["", *TEXTS]),
        source=random.choice(["", *TEXTS]),
        loyalty_card_type=random.choice(["", *TEXTS]),
    )


def draw_shopper(random: Random, basket: Basket) -> Shopper | None:
    if random.random() < 0.15:
        return None

    def day() -> Any:
        return random.choice([None, basket.today + timedelta(days=random.choice(DAYS))])

    return make_shopper(
        today=basket.today,
        groups=random.sample(GROUPS, random.randint(0, 3)),
        home_site=random.choice([None, *TEXTS[:3]]),
        is_loyalty_member=random.random() < 0.8,
        enrolled_on=day(),
        date_of_birth=day(),
        points_balance=random.choice([None, 0, 2, 10, 100]),
        last_transaction_on=day(),
        last_offer_redeemed_on=day(),
        last_promotion_redeemed_on=day(),
        personalized={name: make_list(*random.sample(TEXTS, 4)) for name in LISTS if random.random() < 0.4},
    )


def draw_usage(random: Random, promotions: Sequence[Promotion], basket: Basket) -> Usage:
    net = [unit_group.total_inc_tax for unit_group in basket.unit_groups]

    def progress(promotion: Promotion) -> Progress:
        rules = promotion.application_rules
        measured = [rule.totals_of(basket, net) for rule in rules]
        return Progress.none(rules).with_transaction(rules, measured, day=basket.today, applied=random.random() < 0.3)

    return Usage(
        total_redemptions={promotion.id: random.randint(0, 3) for promotion in promotions if random.random() < 0.5},
        customer_redemptions={promotion.id: random.randint(0, 3) for promotion in promotions if random.random() < 0.5},
        progress={
            promotion.id: progress(promotion)
            for promotion in promotions
            if promotion.application_rules and random.random() < 0.5
        },
    )


# --- the claim --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_over_hundreds_of_promotions_the_indexes_decide_as_checking_each_of_them_would(seed: int) -> None:
    random = Random(seed)
    promotions = draw_promotions(random)
    terms, offers = make_terms(EUR="2"), {"gift": make_offer()}
    lists = {"PP": make_personalized(1, locks=True), "Other": make_personalized()}
    indexed = Rulebook.build(promotions, terms=terms, offers=offers, personalized=lists)
    unindexed = Unindexed.build(promotions, terms=terms, offers=offers, personalized=lists)
    applied = 0
    for _ in range(BASKETS):
        basket = draw_basket(random)
        shopper, usage = draw_shopper(random, basket), draw_usage(random, promotions, basket)
        policy = Policy(
            promotion_bias=random.choice(["max_customer_saving", "min_customer_saving"]),
            promotion_age=random.choice(["newest", "oldest"]),
            promotions_per_type=random.randint(1, 3),
            discounts_per_transaction=random.choice([None, 1, 3]),
        )

        def decided(
            rulebook: Rulebook,
            explain: Sequence[Promotion] = (),
            *,
            subject: tuple[Basket, Shopper | None, Usage, Policy] = (basket, shopper, usage, policy),
        ) -> Decision:
            basket, shopper, usage, policy = subject
            case = EvaluationCase(basket=basket, shopper=shopper, usage=usage, explain=tuple(explain))
            return evaluate(case, rulebook, policy)

        decision = decided(indexed)
        # Without being asked it says nothing of the promotions that it did not look at.
        assert replace(decision, refused=()) == replace(decided(unindexed), refused=())
        assert decided(indexed, promotions) == decided(unindexed, promotions)
        applied += len(decision.applied)
    assert applied > BASKETS


EDITS = 40


@pytest.mark.parametrize("seed", range(10))
def test_a_rulebook_edited_after_use_finds_what_a_new_one_finds(seed: int) -> None:
    random = Random(seed)
    promotions = {promotion.id: promotion for promotion in draw_promotions(random)[:100]}
    edited = Rulebook.build(promotions.values(), terms=make_terms())
    baskets_with_candidates = 0
    for n in range(EDITS):
        built = Rulebook.build(promotions.values(), terms=make_terms())
        for _ in range(3):
            basket = draw_basket(random)
            shopper = draw_shopper(random, basket)
            for most in (5, 60):
                nearest = edited.nearest(basket, shopper, limit=most)
                assert named(nearest) == named(built.nearest(basket, shopper, limit=most))
            candidates = named(edited.candidates(basket, shopper))
            assert candidates == named(built.candidates(basket, shopper))
            baskets_with_candidates += bool(candidates)
        removed = random.sample(sorted(promotions), random.choice([0, 0, 1, 2]))
        put = [draw_reward(random, f"p{random.randrange(150)}"), draw_discount(random, f"p{random.randrange(150)}")]
        if n == EDITS // 2:
            put += draw_promotions(random)[:120]
        edited = edited.changed(put=put, removed=removed)
        promotions = {key: promotion for key, promotion in promotions.items() if key not in removed}
        promotions |= {promotion.id: promotion for promotion in put}
    assert baskets_with_candidates > EDITS


def named(promotions: Sequence[Promotion]) -> list[tuple[str, str]]:
    """By code: which of two came first into a rulebook is no part of what it finds."""
    return sorted((promotion.code, promotion.source.family) for promotion in promotions)
