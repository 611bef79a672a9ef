"""Every claim of a sentence is what the engine does.

Promotions are drawn at random and described. The text alone is read back, what it promises for some sales one after
another is worked out, and the engine decides the same sales. ``SENTENCES=5000`` draws more of them.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from consumers.models import Account
from loyalty.admin.editor.summary import describe_loyalty_promotion
from promotions.admin.discount.summary import describe_discount
from promotions.admin.editor.summary import PartialDefinition
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.facts.progress import Progress
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.promotion import Promotion
from tests.consumers.admin.office import make_office
from tests.loyalty.sentences.drawn import (
    START,
    DrawnLine,
    DrawnPromotion,
    DrawnSale,
    draw_consumer,
    draw_discount,
    draw_loyalty_promotion,
    draw_sales,
)
from tests.loyalty.sentences.expected import NOTHING, Promise, Promised, first_day_of
from tests.loyalty.sentences.phrases import Unread
from tests.loyalty.sentences.reader import read_sentence
from tests.loyalty.sentences.shop import PRODUCTS, SITES, VOUCHER_VALUE, ZONES, save_shop
from tests.promotions.engine.builders import (
    decide,
    line,
    make_basket,
    make_discount,
    make_holdout,
    make_list,
    make_offer,
    make_personalized,
    make_promotion,
    make_shopper,
    make_terms,
    reason,
)

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("SENTENCES", "100"))


@pytest.fixture
def account() -> Account:
    account = make_office(time_zone="UTC").account
    save_shop(account)
    return account


def describe(account: Account, drawn: DrawnPromotion) -> str:
    definition = PartialDefinition(
        type=drawn.type,
        currency=drawn.currency,
        starts_at=START,
        ends_at=drawn.ends_at,
        outcome=drawn.outcome,
        eligibility=drawn.eligibility,
        budget=drawn.budget,
        customer_budget=drawn.customer_budget,
    )
    describe_family = describe_loyalty_promotion if drawn.family == "loyalty" else describe_discount
    return describe_family(account, definition)


# --- the engine's side ------------------------------------------------------------------------------------------------


def compiled(drawn: DrawnPromotion) -> Promotion:
    life: dict[str, Any] = {"currency": drawn.currency, "starts_at": START, "ends_at": drawn.ends_at}
    life |= {"budget": drawn.budget, "customer_budget": drawn.customer_budget}
    outcome = dict(drawn.outcome)
    if drawn.family == "loyalty":
        return make_promotion("drawn", drawn.type, **life, **outcome, **drawn.eligibility)
    return make_discount("drawn", drawn.type, sets=outcome.pop("product_sets"), **life, **outcome, **drawn.eligibility)


def basket_of(sale: DrawnSale) -> Basket:
    return make_basket(
        *(line(sold.sku, sold.quantity, sold.price, ex_tax=sold.ex_tax) for sold in sale.lines),
        at=sale.at,
        zone=ZONES[sale.site],
        site=SITES[sale.site],
        currency=sale.currency,
        products=PRODUCTS,
        **sale.texts,
    )


def shopper_of(sale: DrawnSale, basket: Basket) -> Shopper:
    facts = dict(sale.consumer or {})
    choice = facts.pop("list", None)
    lists = {} if choice is None else {"picks": make_list(*choice[0], selected=choice[1])}
    return make_shopper(**facts, today=basket.today, personalized=lists)


@dataclass
class Shop:
    """The engine with the counters and the progress that a till keeps between sales."""

    promotion: Promotion
    in_holdout: bool = False
    total: int = 0
    by_customer: dict[tuple[str, date | None], int] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    given: int = 0
    given_to: dict[tuple[str, date | None], int] = field(default_factory=dict)

    def sell(self, sale: DrawnSale, *others: Promotion) -> tuple[Decision, Promised]:
        """Decide a sale beside other promotions, and keep what it used."""
        basket = basket_of(sale)
        name = sale.consumer["consumer_id"] if sale.consumer else ""
        key = (name, first_day_of(self.promotion.limit_period, basket.today))
        budget = self.promotion.customer_budget
        # Money goes by the account's day, in UTC.
        owed = (name, first_day_of(budget.period if budget else None, sale.at.date()))
        usage = Usage(
            budget_used={self.promotion.id: self.given},
            customer_budget_used={self.promotion.id: self.given_to.get(owed, 0)},
            total_redemptions={self.promotion.id: self.total},
            customer_redemptions={self.promotion.id: self.by_customer.get(key, 0)},
            progress={self.promotion.id: self.progress[name]} if name in self.progress else {},
        )
        decision = decide(
            basket,
            self.promotion,
            *others,
            shopper=shopper_of(sale, basket),
            anonymous=sale.consumer is None,
            usage=usage,
            terms=replace(make_terms(EUR="1"), universal_holdout=make_holdout() if self.in_holdout else None),
            offers=[
                make_offer("gift", perceived_value=str(VOUCHER_VALUE)),
                make_offer("jackpot", perceived_value="100000"),
            ],
            personalized={"picks": make_personalized()},
        )
        given = self._given(decision)
        if not others:
            worth = given.points + given.minor_off + given.vouchers * int(VOUCHER_VALUE * 100)
            self.total += given.redemptions
            self.given += worth
            if sale.consumer:
                self.by_customer[key] = self.by_customer.get(key, 0) + given.redemptions
                self.given_to[owed] = self.given_to.get(owed, 0) + worth
                self._note_progress(name, basket, decision, applied=given.redemptions > 0)
        return decision, given

    def _note_progress(self, name: str, basket: Basket, decision: Decision, *, applied: bool) -> None:
        rules = self.promotion.application_rules
        if not rules or not self.promotion.counts(basket):
            return
        totals = [rule.totals_of(basket, decision.basket_value.net) for rule in rules]
        before = self.progress.get(name, Progress.none(rules))
        self.progress[name] = before.with_transaction(rules, totals, day=basket.today, applied=applied)

    @staticmethod
    def _given(decision: Decision) -> Promised:
        for applied in decision.applied:
            if applied.promotion.code == "drawn":
                off: dict[tuple[str, str], int] = {}
                for share in applied.lines:
                    sku, _, price = share.line_id.split("/")
                    off[sku, price] = off.get((sku, price), 0) + share.discount
                return Promised(
                    redemptions=applied.redemptions,
                    points=applied.points,
                    vouchers=applied.vouchers,
                    off=tuple(sorted((key, minor) for key, minor in off.items() if minor)),
                )
        return NOTHING


_JACKPOTS: dict[str, dict[str, Any]] = {
    "fixed_points": {"points": 1_000_000},
    "points_multiplier": {"multiplier": "100"},
    "bonus_points": {"conversion_units": "0.01", "conversion_points": 1_000},
    "redeem_offer": {"offer": "jackpot"},
}


def rival_of(drawn: DrawnPromotion) -> Promotion:
    """Make a promotion of the same type and subtype that gives more than any drawn one."""
    life: dict[str, Any] = {"currency": drawn.currency, "starts_at": START, "ignores_universal_holdout": True}
    if drawn.family == "discount":
        return make_discount("rival", "percentage", value="99", **life)
    subtype = {name: drawn.outcome[name] for name in ("multiplier_scope", "issue_points_on") if name in drawn.outcome}
    return make_promotion("rival", drawn.type, **life, **subtype, **_JACKPOTS[drawn.type])


def is_generous(promised: Promised, sale: DrawnSale) -> bool:
    """Return whether a discount may give more than its rival, so that nothing is known of who wins."""
    total = sum(Fraction(sold.price) * 100 * sold.quantity for sold in sale.lines)
    return sum(minor for _, minor in promised.off) * 2 > total


def assert_told_beside_a_rival(sentence: str, always: bool, decision: Decision, actual: Promised) -> None:
    """Compare a decision in which a greater promotion competes with whether the sentence says "always"."""
    lost = any(refusal.reason == "lost_conflict" for refusal in decision.refused if refusal.promotion.code == "drawn")
    assert lost is not always, sentence
    assert always or actual == NOTHING, sentence


def drawn_examples(check: Callable[[Random], None]) -> None:
    """Run a check on many random sources, always the same ones; a failure names its sentence, and is not shrunk."""
    run = settings(max_examples=EXAMPLES, phases=[Phase.generate], database=None)(
        given(st.randoms(use_true_random=True))(check)
    )
    run()


@pytest.mark.parametrize("draw", [draw_loyalty_promotion, draw_discount], ids=["loyalty", "discount"])
def test_a_sentence_promises_what_the_engine_gives(account: Account, draw: Callable[[Random], DrawnPromotion]) -> None:
    given_or_not: Counter[bool] = Counter()

    def check(random: Random) -> None:
        drawn = draw(random)
        sentence = describe(account, drawn)
        promise = Promise(read_sentence(sentence), in_holdout=drawn.in_holdout)
        shop, rival = Shop(compiled(drawn), in_holdout=drawn.in_holdout), rival_of(drawn)
        for number, sale in enumerate(draw_sales(random, count=6, currency=drawn.currency), start=1):
            beside_rival = shop.sell(sale, rival)
            decision, actual = shop.sell(sale)
            promised = promise.next_sale(sale)
            reasons = {refusal.reason for refusal in decision.refused}
            assert actual == promised, f"{sentence}\nSale {number}: {sale}\n{reasons}"
            given_or_not[bool(promised.redemptions)] += 1
            if promised.redemptions and not is_generous(promised, sale):
                assert_told_beside_a_rival(sentence, promise.claims.always, *beside_rival)

    drawn_examples(check)
    # Neither always promised nor never: each claim is tried by sales that satisfy it and by sales that do not.
    assert min(given_or_not[True], given_or_not[False]) > sum(given_or_not.values()) / 20


def test_the_share_that_a_control_group_holds_out_is_the_one_told(account: Account) -> None:
    drawn = DrawnPromotion(
        family="loyalty",
        type="fixed_points",
        outcome={"points": 5},
        eligibility={"control_group": {"group": "g1", "percentage": "30"}},
        currency="GBP",
        ends_at=None,
    )
    percentage, group = read_sentence(describe(account, drawn)).held_out or ("", "")
    assert group == "Gold members"
    promotion = compiled(drawn)
    reasons = Counter(
        reason(decide(make_basket(at=START), promotion, shopper=make_shopper(f"c{n}", groups=["g1"])), "drawn")
        for n in range(500)
    )
    assert reasons["control_group"] / 500 == pytest.approx(int(percentage) / 100, abs=0.05)


def test_the_product_that_the_till_adds_is_the_one_told(account: Account) -> None:
    gift = {"name": "", "products": ["M1"], "required_quantity": 1, "gets_discount": True, "default_product": "M1"}
    drawn = DrawnPromotion(
        family="discount",
        type="free_product",
        outcome={"value": None, "price_order": "cheapest", "product_sets": [gift]},
        eligibility={},
        currency="GBP",
        ends_at=None,
    )
    claims = read_sentence(describe(account, drawn))
    decision = decide(make_basket(line("T1"), at=START), compiled(drawn), anonymous=True)
    assert [added.sku for added in decision.add_products] == list(claims.added) == ["M1"]


@pytest.mark.parametrize(
    "told",
    [
        "From 1 Mar 2026, 00:00 UTC, loyalty members get 2 times the base points on these line items.",
        "From 1 Mar 2026, 00:00 UTC, loyalty members who fit “Groups is g1” get 50 points.",
        "From 1 Mar 2026, 00:00 UTC, consumers get 50 points.",
    ],
)
def test_a_sentence_that_says_nothing_certain_is_not_read(told: str) -> None:
    with pytest.raises(Unread):
        read_sentence(told)


def test_a_multiplier_without_product_sets_multiplies_what_its_sentence_says(account: Account) -> None:
    tea = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "Tea"}]}
    drawn = DrawnPromotion(
        family="loyalty",
        type="points_multiplier",
        outcome={"multiplier": "2", "multiplier_scope": "line_items"},
        eligibility={"line_item_rules": tea},
        currency="GBP",
        ends_at=None,
    )
    sentence = describe(account, drawn)
    assert sentence.endswith("loyalty members whose basket contains Tea get 2 times the base points on all line items.")
    lines = (
        DrawnLine(sku="T1", quantity=1, price="10.00", ex_tax="10.00"),
        DrawnLine(sku="B1", quantity=1, price="100.00", ex_tax="100.00"),
    )
    anna = {**draw_consumer(Random(1), "anna", START.date()), "is_loyalty_member": True, "points_balance": 0}
    sale = DrawnSale(at=START, site="1", currency="GBP", consumer=anna, texts={}, lines=lines)
    _, actual = Shop(compiled(drawn)).sell(sale)
    assert actual == Promise(read_sentence(sentence)).next_sale(sale)
    assert actual.points == 110
    # A sentence that says "on Tea" would promise the points of the tea alone.
    other = Promise(read_sentence(sentence.replace("on all line items", "on Tea")))
    assert other.next_sale(sale).points == 10
