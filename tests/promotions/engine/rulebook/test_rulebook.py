"""The index looks at few promotions and loses none."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflicts.resolver import Policy
from promotions.engine.facts.basket import LINE_ITEM_KEYS, Basket, ProductFacts
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.indexes import CUSTOMER_KEYS, TRANSACTION_KEYS
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion, needs_consumer
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.engine.rules.attributes import ATTRIBUTES, Attribute, Kind, Operand, Scope
from tests.promotions.engine.builders import (
    NOON,
    condition,
    either,
    every,
    holds,
    line,
    make_basket,
    make_discount,
    make_list,
    make_offer,
    make_personalized,
    make_promotion,
    make_rulebook,
    make_shopper,
    make_site,
    make_terms,
    product_set,
    selection,
    sku,
)

# --- random promotions and baskets, of few values so that they meet --------------------------------------------------

TEXTS = st.sampled_from(["A", "b", "Tea", "web"])
TIMES = st.sampled_from(["00:00", "09:00", "12:00", "12:30", "22:00"])
DATES = st.integers(-2, 2).map(lambda days: (NOON.date() + timedelta(days=days)).isoformat())
NUMBERS = st.sampled_from(["0", "1", "2", "10", "20.00", "33.5"])
ONE: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXTS,
    Kind.TEXTS: TEXTS,
    Kind.REFERENCE: TEXTS,
    Kind.REFERENCES: TEXTS,
    Kind.BOOLEAN: st.booleans(),
    Kind.NUMBER: NUMBERS,
    Kind.MONEY: NUMBERS,
    Kind.DATE: DATES,
    Kind.TIME: TIMES,
    Kind.WEEKDAY: st.sampled_from(["monday", "tuesday", "sunday"]),
}
ORDERED: dict[Kind, Any] = {Kind.NUMBER: Decimal, Kind.MONEY: Decimal, Kind.DATE: str}


def values(attribute: Attribute, operand: Operand) -> st.SearchStrategy[Any]:
    if operand is Operand.TRUE:
        return st.just(value=True)
    if operand is Operand.DAYS:
        return st.integers(1, 5)
    values_of_kind = ONE[attribute.kind]
    if operand is Operand.ONE:
        return values_of_kind
    if operand is Operand.MANY:
        return st.lists(values_of_kind, min_size=1, max_size=3)
    if attribute.kind is Kind.TIME:
        return st.lists(values_of_kind, min_size=2, max_size=2, unique=True)
    return st.lists(values_of_kind, min_size=2, max_size=2).map(lambda two: sorted(two, key=ORDERED[attribute.kind]))


@st.composite
def conditions(draw: st.DrawFn, scope: Scope, names: frozenset[str] | None = None) -> dict[str, Any]:
    attribute = ATTRIBUTES[scope][draw(st.sampled_from(sorted(names or ATTRIBUTES[scope])))]
    operator = draw(st.sampled_from(sorted(attribute.operators)))
    return condition(attribute.name, str(operator), draw(values(attribute, attribute.operators[operator])))


def trees(scope: Scope, names: frozenset[str] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        conditions(scope, names),
        lambda nodes: st.builds(
            lambda match, rules: {"match": match, "rules": rules},
            st.sampled_from(["all", "any"]),
            st.lists(nodes, max_size=3),
        ),
        max_leaves=4,
    ).map(lambda node: node if "rules" in node else every(node))


def sometimes(strategy: st.SearchStrategy[Any], *, else_: Any = None) -> st.SearchStrategy[Any]:
    """Most promotions and shoppers are plain: one in four draws from the strategy."""
    return st.integers(0, 3).flatmap(lambda number: strategy if number == 2 else st.just(else_))


SELECTIONS = st.builds(
    lambda match, sets: {"match": match, "sets": sets},
    st.sampled_from(["any", "all"]),
    st.lists(st.fixed_dictionaries({"rules": trees(Scope.LINE_ITEM), "units": st.integers(1, 2)}), max_size=2),
)
FIELDS = st.fixed_dictionaries(
    {
        "site_rules": sometimes(trees(Scope.SITE)),
        "customer_rules": sometimes(trees(Scope.CUSTOMER)),
        "transaction_rules": sometimes(trees(Scope.TRANSACTION)),
        "line_item_rules": sometimes(trees(Scope.LINE_ITEM)),
        "product_selection": sometimes(SELECTIONS),
        "quantity_rule": sometimes(
            st.fixed_dictionaries({"apply_to": st.sampled_from(["all", "every", "first"]), "units": st.integers(1, 3)})
        ),
        "total_redemption_limit": sometimes(st.integers(1, 3)),
        "customer_redemption_limit": sometimes(st.integers(1, 3)),
        "always_apply": sometimes(st.booleans(), else_=False),
        "currency": sometimes(st.sampled_from(["GBP", "EUR"]), else_="GBP"),
        "draft": sometimes(st.booleans(), else_=False),
        "starts_at": sometimes(st.sampled_from([NOON, NOON + timedelta(days=9)]), else_=NOON - timedelta(days=9)),
        "ends_at": sometimes(st.sampled_from([NOON, NOON + timedelta(days=20)])),
        "stopped_at": sometimes(st.sampled_from([NOON, NOON + timedelta(days=1)])),
    }
)
TYPES = st.sampled_from(["fixed_points", "points_multiplier", "bonus_points", "redeem_offer"])
PROMOTIONS = st.lists(st.tuples(TYPES, FIELDS), min_size=1, max_size=5).map(
    lambda drawn: [
        make_promotion(f"p{i}", promotion_type, **fields) for i, (promotion_type, fields) in enumerate(drawn)
    ]
)
SKUS = st.lists(st.sampled_from(["A", "b", "Tea", "x"]), min_size=1, max_size=2, unique=True)
SOURCES = st.one_of(
    st.builds(lambda tree: {"rules": tree}, sometimes(trees(Scope.LINE_ITEM), else_={})),
    st.builds(lambda skus: {"products": skus}, SKUS),
    st.builds(lambda skus: {"products": skus, "default_product": skus[0]}, SKUS),
    st.builds(
        lambda backend_id, default: {"personalized_promotion": backend_id, "default_product": default},
        st.sampled_from(["PP", "Other"]),
        st.sampled_from([None, "A", "b"]),
    ),
)
NEEDS = st.sampled_from([{}, {}, {"required_quantity": 2, "discounted_quantity": 1}, {"required_spend": "5.00"}])
DISCOUNT_FIELDS = FIELDS.map(
    lambda fields: {name: value for name, value in fields.items() if name not in ("product_selection", "quantity_rule")}
)
DISCOUNTS = st.lists(
    st.tuples(
        st.sampled_from(["amount", "percentage", "fixed_price", "free_product", "free_product"]),
        st.lists(st.builds(lambda source, needs: source | needs, SOURCES, NEEDS), min_size=1, max_size=2),
        DISCOUNT_FIELDS,
    ),
    min_size=1,
    max_size=3,
).map(lambda drawn: [make_discount(f"d{i}", kind, sets=sets, **others) for i, (kind, sets, others) in enumerate(drawn)])
TEXT = st.sampled_from(["", "A", "a", "b", "Tea", "web"])
PRODUCTS = st.dictionaries(
    st.sampled_from(["A", "b", "Tea"]),
    st.builds(
        ProductFacts,
        product_brand=TEXT,
        program_brand=TEXT,
        category=TEXT,
        labels=st.lists(st.sampled_from(["A", "b", "tea"]), max_size=2).map(tuple),
        cost_price=st.sampled_from([None, Decimal(1), Decimal("6.65")]),
        retail_price=st.sampled_from([None, Decimal(0), Decimal(10)]),
    ),
)
LINES = st.lists(
    st.builds(
        line,
        st.sampled_from(["A", "b", "Tea", "x"]),
        st.sampled_from([1, 2, 3, "0.5"]),
        st.sampled_from(["1.00", "10.00", "9.99"]),
        category=TEXT,
        brand=TEXT,
    ),
    min_size=1,
    max_size=4,
)
BASKETS = st.builds(
    lambda lines, **facts: make_basket(*lines, **facts),
    LINES,
    at=sometimes(
        st.sampled_from([NOON + timedelta(minutes=30), NOON + timedelta(days=9), NOON - timedelta(days=8)]), else_=NOON
    ),
    site=st.builds(make_site, st.sampled_from(["a", "b"]), town=TEXT, postcode=TEXT),
    currency=sometimes(st.sampled_from(["GBP", "EUR"]), else_="GBP"),
    products=PRODUCTS,
    payment_card_type=TEXT,
    source=TEXT,
    loyalty_card_type=TEXT,
)
DAYS = st.none() | st.integers(-3, 3).map(lambda days: NOON.date() + timedelta(days=days))
MEMBERS = st.builds(
    make_shopper,
    groups=st.lists(st.sampled_from(["A", "b", "Tea"]), max_size=2),
    home_site=st.sampled_from([None, "A", "b"]),
    is_loyalty_member=sometimes(st.booleans(), else_=True),
    enrolled_on=DAYS,
    date_of_birth=DAYS | st.just(date(1992, 2, 29)),
    points_balance=st.sampled_from([None, 0, 2, 10]),
    last_transaction_on=DAYS,
    personalized=st.dictionaries(
        st.sampled_from(["PP", "Other"]),
        st.sampled_from([make_list("A"), make_list("A", "b", "x"), make_list("A", "b", selected=["b"])]),
    ),
)
SHOPPERS = sometimes(st.booleans(), else_=True).flatmap(lambda known: MEMBERS if known else st.none())
POLICIES = st.builds(
    Policy,
    promotion_bias=st.sampled_from(["max_customer_saving", "min_customer_saving"]),
    promotion_age=st.sampled_from(["newest", "oldest"]),
    promotions_per_type=st.integers(1, 2),
)


class Unindexed(Rulebook):
    """Looks at every promotion that is in force for the basket's currency and site and for who buys."""

    def candidates(self, basket: Basket, shopper: Shopper | None) -> list[Promotion]:
        return [
            promotion
            for promotion in self
            if life_reason(promotion.source, basket.at) is None
            and promotion.source.currency == basket.currency
            and (shopper is not None or not needs_consumer(promotion))
            and (shopper is None or shopper.is_loyalty_member or not promotion.gives_points)
            and (promotion.site_rules is None or promotion.site_rules(basket.site))
        ]


def decision_of(rulebook: Rulebook, basket: Basket, shopper: Shopper | None, policy: Policy | None = None) -> Decision:
    case = EvaluationCase(
        basket=basket,
        shopper=shopper,
        usage=Usage(total_redemptions={promotion.id: 1 for promotion in rulebook}),
        explain=tuple(rulebook),
    )
    return evaluate(case, rulebook, policy or Policy())


def codes_in(decision: Decision) -> list[str]:
    applied = [winner.promotion.code for winner in decision.applied]
    return [*applied, *(refusal.promotion.code for refusal in decision.refused)]


INDEXED: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "customer_rules": trees(Scope.CUSTOMER, CUSTOMER_KEYS),
    "transaction_rules": trees(Scope.TRANSACTION, TRANSACTION_KEYS | {"total_inc_tax"}),
    "line_item_rules": trees(Scope.LINE_ITEM, LINE_ITEM_KEYS),
}
TOTALS = trees(Scope.TRANSACTION, frozenset({"total_inc_tax"}))
PRICES = st.sampled_from(["0.00", "1.00", "2.00", "5.00", "10.00", "20.00", "33.50", "50.00"])


@settings(max_examples=200)
@given(st.sampled_from(sorted(INDEXED)).flatmap(lambda name: st.tuples(st.just(name), INDEXED[name])), BASKETS, MEMBERS)
def test_a_promotion_whose_rules_hold_is_a_candidate(
    rules: tuple[str, dict[str, Any]], basket: Basket, shopper: Shopper
) -> None:
    name, tree = rules
    promotion = make_promotion("promo", "redeem_offer", currency=basket.currency, **{name: tree})
    subjects: dict[str, tuple[Scope, list[Any]]] = {
        "customer_rules": (Scope.CUSTOMER, [shopper]),
        "transaction_rules": (Scope.TRANSACTION, [basket]),
        "line_item_rules": (Scope.LINE_ITEM, [unit_group.item for unit_group in basket.unit_groups]),
    }
    scope, subjects_of_scope = subjects[name]
    if any(holds(tree, scope, subject) for subject in subjects_of_scope):
        assert make_rulebook([promotion]).candidates(basket, shopper) == [promotion]


@given(TOTALS, PRICES)
def test_a_promotion_whose_total_is_reached_is_a_candidate(tree: dict[str, Any], price: str) -> None:
    promotion, basket = make_promotion(transaction_rules=tree), make_basket(line(price=price))
    if promotion.transaction_rules is None or promotion.transaction_rules(basket):
        assert candidates([promotion], basket) == ["promo"]


@settings(max_examples=150)
@given(PROMOTIONS, BASKETS, SHOPPERS, POLICIES)
def test_a_decision_by_the_indexes_is_the_decision_by_checking_every_promotion(
    promotions: list[Promotion], basket: Basket, shopper: Shopper | None, policy: Policy
) -> None:
    offers = {"gift": make_offer()}
    indexed = Rulebook.build(promotions, terms=make_terms(), offers=offers)
    unindexed = Unindexed.build(promotions, terms=make_terms(), offers=offers)
    decision = decision_of(indexed, basket, shopper, policy)
    assert decision == decision_of(unindexed, basket, shopper, policy)
    codes = codes_in(decision)
    assert sorted(codes) == [promotion.code for promotion in promotions]


@settings(max_examples=200)
@given(DISCOUNTS, BASKETS, SHOPPERS, POLICIES)
def test_the_indexes_lose_no_discount(
    discounts: list[Promotion], basket: Basket, shopper: Shopper | None, policy: Policy
) -> None:
    known = {"PP": make_personalized(1, locks=True), "Other": make_personalized()}
    indexed = Rulebook.build(discounts, terms=make_terms(), personalized=known)
    unindexed = Unindexed.build(discounts, terms=make_terms(), personalized=known)
    decision = decision_of(indexed, basket, shopper, policy)
    assert decision == decision_of(unindexed, basket, shopper, policy)
    codes = codes_in(decision)
    assert sorted(codes) == [promotion.code for promotion in discounts]


@settings(max_examples=100)
@given(PROMOTIONS, PROMOTIONS, st.sets(st.integers(0, 5)), BASKETS, SHOPPERS)
def test_a_changed_rulebook_equals_a_new_one(
    before: list[Promotion], put: list[Promotion], removed: set[int], basket: Basket, shopper: Shopper | None
) -> None:
    gone = {before[i].id for i in removed if i < len(before)}
    first = make_rulebook(before)
    untouched = decision_of(first, basket, shopper)
    changed = first.changed(put=put[::2], removed=gone).changed(put=put[1::2])
    remaining = {promotion.id: promotion for promotion in before if promotion.id not in gone}
    rebuilt = make_rulebook((remaining | {promotion.id: promotion for promotion in put}).values())
    assert same(changed) == same(rebuilt)
    assert same(changed.candidates(basket, shopper)) == same(rebuilt.candidates(basket, shopper))
    assert same(changed.nearest(basket, shopper, limit=99)) == same(rebuilt)
    assert decision_of(changed, basket, shopper) == decision_of(rebuilt, basket, shopper)
    assert decision_of(first, basket, shopper) == untouched


def same(promotions: Iterable[Promotion]) -> list[Promotion]:
    return sorted(promotions, key=lambda promotion: promotion.code)


# --- what the index leaves out --------------------------------------------------------------------------------------


def candidates(promotions: list[Promotion], basket: Basket, shopper: Shopper | None = None) -> list[str]:
    return [promotion.code for promotion in make_rulebook(promotions).candidates(basket, shopper or make_shopper())]


BASKET = make_basket(
    line("A", category="Tea"),
    products={"A": ProductFacts(category="Tea", product_brand="Acme", program_brand="Club", labels=("New",))},
    source="web",
)

IRRELEVANT: list[dict[str, Any]] = [
    {"draft": True},
    {"starts_at": NOON + timedelta(seconds=1)},
    {"ends_at": NOON},
    {"stopped_at": NOON},
    {"currency": "EUR"},
    {"site_rules": every(condition("town", "contains", "Leeds"))},
    {"customer_rules": every(condition("groups", "is", "vip"))},
    {"customer_rules": every(condition("groups", "is_all_of", ["vip", "staff"]))},
    {"customer_rules": every(condition("is_loyalty_member", "is", value=False))},
    {"transaction_rules": every(condition("source", "is", "till"))},
    {"transaction_rules": every(condition("transaction_weekday", "is_any_of", ["tuesday", "sunday"]))},
    {"transaction_rules": every(condition("total_inc_tax", "is_at_least", "10.01"))},
    {"line_item_rules": every(condition("sku", "is", "B"))},
    {"line_item_rules": every(condition("labels", "is_all_of", ["Old", "New"]))},
    {"transaction_rules": either(condition("total_inc_tax", "is", "20"), condition("total_inc_tax", "is", "30"))},
    {"product_selection": selection(sku("B"), every(condition("category", "is", "coffee")))},
    {"product_selection": selection(sku("B"), sku("A", "C"), match="all")},
    {"line_item_rules": every(either(condition("category", "is", "coffee"), condition("program_brand", "is", "x")))},
]


@pytest.mark.parametrize("fields", IRRELEVANT)
def test_a_promotion_that_cannot_apply_is_no_candidate(fields: dict[str, Any]) -> None:
    assert candidates([make_promotion(**fields)], BASKET) == []


RELEVANT: list[dict[str, Any]] = [
    {},
    {"customer_rules": every(condition("groups", "is_not", "vip"))},
    {"transaction_rules": every(condition("total_inc_tax", "is_at_least", "10.00"))},
    {"transaction_rules": every(condition("source", "is", "WEB"))},
    {"line_item_rules": every(condition("category", "is", "TEA"))},
    {"line_item_rules": every(condition("labels", "is", "new"))},
    {"line_item_rules": every(condition("product", "is", "A"))},
    {"line_item_rules": every(condition("sku", "is_any_of", ["B", "C", "a"]))},
    {"line_item_rules": either(condition("sku", "is", "B"), condition("category", "is_any_of", ["x", "tea"]))},
    {"line_item_rules": every(condition("sku", "is_not", "B"))},
    {"line_item_rules": either(condition("sku", "is", "B"), condition("quantity", "is_at_least", 1))},
    {"product_selection": selection(sku("B"), {})},
]


@pytest.mark.parametrize("fields", RELEVANT)
def test_a_promotion_that_may_apply_is_a_candidate(fields: dict[str, Any]) -> None:
    assert candidates([make_promotion(**fields)], BASKET) == ["promo"]


def without_list(**fields: Any) -> list[str]:
    return candidates([make_discount(**fields)], BASKET)


def test_a_discount_on_other_products_is_no_candidate_unless_the_till_is_to_add_one() -> None:
    other, mine = product_set("B"), product_set("A")
    assert without_list(sets=[other]) == []
    assert without_list(sets=[product_set("A", "C"), other]) == []
    assert without_list(sets=[mine]) == ["promo"]
    assert without_list(sets=[other | {"default_product": "B"}, product_set("A", "C")]) == ["promo"]
    assert without_list(sets=[product_set(rules=sku("B"), required_spend="5.00")]) == []


def test_a_discount_on_a_list_is_a_candidate_for_those_who_have_one_whatever_they_buy() -> None:
    discount = make_discount(sets=[product_set(personalized_promotion="PP"), product_set("B")])
    assert candidates([discount], BASKET) == []
    assert candidates([discount], BASKET, make_shopper(personalized={"PP": make_list("B")})) == ["promo"]


def test_a_thousand_promotions_for_other_products_are_no_candidates() -> None:
    others = [make_promotion(f"other-{i}", product_selection=selection(sku(f"X{i}"))) for i in range(1000)]
    assert candidates([*others, make_promotion("mine", product_selection=selection(sku("a")))], BASKET) == ["mine"]


def test_site_rules_are_evaluated_once_for_each_site() -> None:
    rulebook = make_rulebook([make_promotion(site_rules=every(condition("town", "is", "Leeds")))])
    for _ in range(2):
        assert rulebook.candidates(make_basket(site=make_site(town="Leeds")), make_shopper())
        assert not rulebook.candidates(make_basket(site=make_site(town="York")), make_shopper())


def test_the_nearest_are_those_that_fewer_checks_rule_out() -> None:
    rulebook = make_rulebook(
        [
            make_promotion("draft", draft=True),
            make_promotion("currency", currency="EUR"),
            make_promotion("site", site_rules=every(condition("town", "is", "Leeds"))),
            make_promotion("customer", customer_rules=every(condition("groups", "is", "vip"))),
            make_promotion("transaction", transaction_rules=every(condition("source", "is", "till"))),
            make_promotion("items", line_item_rules=every(condition("sku", "is", "B"))),
            make_promotion("applies"),
        ]
    )
    order = ["applies", "items", "transaction", "customer", "site", "currency", "draft"]
    for most in (0, 1, 3, 7, 99):
        assert [promotion.code for promotion in rulebook.nearest(BASKET, make_shopper(), limit=most)] == order[:most]


@given(PROMOTIONS, BASKETS, SHOPPERS, st.integers(0, 6), st.randoms(use_true_random=False))
def test_the_nearest_do_not_depend_on_the_order_of_storage(
    promotions: list[Promotion], basket: Basket, shopper: Shopper | None, most: int, random: Any
) -> None:
    shuffled = list(promotions)
    random.shuffle(shuffled)
    nearest = make_rulebook(promotions).nearest(basket, shopper, limit=most)
    assert same(make_rulebook(shuffled).nearest(basket, shopper, limit=most)) == same(nearest)


def test_a_promotion_is_found_by_its_id_until_it_is_removed() -> None:
    promotion = make_promotion("here")
    rulebook = make_rulebook([promotion])
    assert rulebook.get(promotion.id) is promotion
    removed = rulebook.changed(removed=[promotion.id, 10**9])
    assert removed.get(promotion.id) is None
    assert (len(rulebook), len(removed)) == (1, 0)
    assert removed.changed(put=[promotion]).get(promotion.id) is promotion


def test_terms_and_offers_change_too() -> None:
    rulebook = make_rulebook([make_promotion("promo", "redeem_offer")])
    offer = make_offer(perceived_value="9")
    changed = rulebook.changed(terms=make_terms(rate="2"), offers={"gift": offer})
    decision = decision_of(changed, make_basket(), make_shopper())
    assert (decision.base_points, decision.applied[0].saving) == (20, Fraction(9))
    assert decision_of(rulebook, make_basket(), make_shopper()).base_points == 10


def test_the_signature_changes_with_the_rules_that_progress_depends_on() -> None:
    rule = {"measure": "spend", "threshold": 2, "period": {"unit": "promotion"}}

    def signature(**fields: Any) -> str:
        return make_promotion(**{"application_rules": [rule], **fields}).rules_signature

    assert signature() == signature(points=99, total_redemption_limit=5, customer_rules=every())
    assert make_promotion().rules_signature == ""
    others = [
        signature(),
        signature(application_rules=[rule | {"threshold": 3}]),
        signature(application_rules=[rule, rule]),
        signature(application_rules=[rule | {"line_item_rules": sku("A")}]),
        signature(currency="EUR"),
        signature(starts_at=NOON),
        signature(site_rules=every(condition("town", "is", "x"))),
        signature(transaction_rules=every(condition("source", "is", "x"))),
    ]
    assert len(set(others)) == len(others)


def test_a_promotion_is_a_candidate_at_the_hours_that_it_asks_for_and_at_no_other() -> None:
    rules_by_code = {
        "before": ("is_before", "09:00"),
        "after": ("is_after", "09:00"),
        "between": ("is_between", ["09:00", "17:30"]),
        "night": ("is_between", ["22:00", "06:00"]),
    }
    rulebook = make_rulebook(
        [make_promotion("always")]
        + [
            make_promotion(code, transaction_rules=every(condition("transaction_time", operator, value)))
            for code, (operator, value) in rules_by_code.items()
        ]
    )
    for clock, expected in {
        "08:59:59": {"before"},
        "09:00:00": {"between"},
        "09:00:01": {"after", "between"},
        "17:30:00": {"after"},
        "21:59:59": {"after"},
        "22:00:00": {"after", "night"},
        "05:59:59": {"before", "night"},
        "06:00:00": {"before"},
    }.items():
        at = datetime.fromisoformat(f"2026-03-02T{clock}+00:00")
        codes = {promotion.code for promotion in rulebook.candidates(make_basket(at=at), make_shopper())}
        assert codes == {"always", *expected}, clock


def test_a_promotion_that_asks_for_more_points_than_there_are_is_no_candidate() -> None:
    rulebook = make_rulebook(
        make_promotion(f"from-{points}", customer_rules=every(condition("points_balance", "is_at_least", points)))
        for points in (0, 50, 100)
    )
    for balance, expected in ((None, []), (0, ["from-0"]), (50, ["from-0", "from-50"]), (99, ["from-0", "from-50"])):
        shopper = make_shopper(points_balance=balance)
        assert [promotion.code for promotion in rulebook.candidates(make_basket(), shopper)] == expected
