"""A draft is measured on recent baskets, next to the promotions that they evaluate."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from loyalty.models import Transaction
from loyalty.services import draft_profiling
from loyalty.services.draft_profiling import DraftCost, draft_cost
from promotions.engine.pipeline import evaluate as evaluating
from promotions.engine.pipeline import price_phase
from promotions.engine.pipeline.checks import EvaluationContext, evaluate_promotion
from promotions.engine.pipeline.decision import Candidate, Refusal
from promotions.engine.rulebook.promotion import Promotion as Compiled
from promotions.models import Promotion
from promotions.selectors.profiling import Cost
from tests.loyalty.till.shop import BEGAN, NOON, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

USUAL = 20_000
"""Nanoseconds of an evaluation, unless a promotion is made slow."""


class Work:
    """A clock of processor time that each evaluation advances: by ``slow`` of the promotion's code, or by ``USUAL``."""

    def __init__(self) -> None:
        self.now = 0
        self.slow: dict[str, int] = {}

    def __call__(self) -> int:
        return self.now

    def evaluate_promotion(self, promotion: Compiled, situation: EvaluationContext) -> Candidate | Refusal:
        self.now += self.slow.get(promotion.code, USUAL)
        return evaluate_promotion(promotion, situation)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    working = Work()
    monkeypatch.setattr(evaluating, "evaluate_promotion", working.evaluate_promotion)
    monkeypatch.setattr(price_phase, "evaluate_promotion", working.evaluate_promotion)
    return working


@pytest.fixture
def shop() -> Shop:
    """Three live promotions, and four sales."""
    shop = make_shop()
    shop.member()
    for code in ("a", "b", "c"):
        shop.promotion(code)
    for number in range(4):
        shop.sell(f"R{number}")
    return shop


def measured(shop: Shop, promotion: Promotion, clock: Callable[[], int], **more: Any) -> DraftCost:
    shop.account.refresh_from_db()
    return draft_cost(account=shop.account, promotion=promotion, clock=clock, **more)


def test_a_draft_like_the_others_is_not_costly(shop: Shop, work: Work) -> None:
    measurement = measured(shop, shop.promotion("draft", draft=True), work)
    assert measurement == DraftCost(cost=Cost(nanoseconds=USUAL, baskets=4, median=USUAL), sales=4)
    assert not measurement.is_costly


def test_a_draft_far_above_the_median_is_costly(shop: Shop, work: Work) -> None:
    work.slow = {"draft": 400_000}
    measurement = measured(shop, shop.promotion("draft", draft=True), work)
    assert measurement.cost == Cost(nanoseconds=400_000, baskets=4, median=USUAL)
    assert measurement.is_costly


@pytest.mark.parametrize(
    ("cost", "costly"),
    [
        (Cost(nanoseconds=200_000, baskets=3, median=20_000), True),
        (Cost(nanoseconds=199_999, baskets=3, median=10_000), False),
        (Cost(nanoseconds=900_000, baskets=3, median=90_001), False),
        (Cost(nanoseconds=900_000, baskets=2, median=10_000), False),
        (Cost(nanoseconds=900_000, baskets=50, median=None), False),
        (None, False),
    ],
)
def test_a_costly_draft_takes_ten_times_the_median_and_a_fifth_of_a_millisecond_in_three_baskets(
    cost: Cost | None, costly: bool
) -> None:
    assert DraftCost(cost=cost, sales=50).is_costly is costly


def test_discounts_are_measured_too(shop: Shop, work: Work) -> None:
    work.slow = {"draft": 300_000}
    assert measured(shop, shop.discount("draft", make_set(), value="5", draft=True), work).is_costly


def test_a_draft_that_is_not_saved_is_measured(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True)
    draft.pk = None
    work.slow = {"draft": 300_000}
    assert measured(shop, draft, work).is_costly


def test_a_draft_that_starts_next_year_is_measured_on_sales_of_the_past(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True, starts_at=BEGAN + timedelta(days=5000))
    cost = measured(shop, draft, work).cost
    assert cost is not None
    assert cost.baskets == 4


def test_a_draft_is_measured_beyond_its_application_rules(shop: Shop, work: Work) -> None:
    rules = [{"measure": "transactions", "threshold": "9", "period": {"days": 30}}]
    selection = {"sets": [{"rules": None}]}
    draft = shop.promotion("draft", draft=True, outcome={"points": 5, "product_selection": selection})
    draft.eligibility["application_rules"] = rules
    cost = measured(shop, draft, work).cost
    assert cost is not None
    assert cost.baskets == 4


def test_a_draft_that_no_basket_evaluates_has_no_cost(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True, currency="EUR")
    assert measured(shop, draft, work) == DraftCost(cost=None, sales=4)


def test_an_account_without_sales_has_nothing_to_measure_on(work: Work) -> None:
    new = make_shop("new")
    measurement = measured(new, new.promotion("draft", draft=True), work)
    assert (measurement.sales, measurement.is_costly) == (0, False)


def test_sales_of_other_accounts_do_not_count(shop: Shop, work: Work) -> None:
    other = make_shop("other")
    assert measured(other, other.promotion("draft", draft=True), work).sales == 0


def test_two_other_promotions_are_too_few_for_a_median(shop: Shop, work: Work) -> None:
    Promotion.objects.filter(code="c").delete()
    shop.account.rulebook_epoch += 1
    shop.account.save()
    work.slow = {"draft": 900_000}
    measurement = measured(shop, shop.promotion("draft", draft=True), work)
    assert measurement.cost is not None
    assert measurement.cost.median is None
    assert not measurement.is_costly


def test_sales_that_were_wholly_returned_do_not_count(shop: Shop, work: Work) -> None:
    shop.void("R0")
    shop.give_back("R1", "B1", TEA="1")
    assert measured(shop, shop.promotion("draft", draft=True), work).sales == 2


def test_only_the_last_sales_count(shop: Shop, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_profiling, "MAX_SALES", 2)
    later = NOON.replace("12:00", "13:00")
    for reference in ("L1", "L2"):
        shop.sell(reference, occurred_at=later, sold=[make_line("CAKE")])
    draft = shop.discount("draft", make_set(rules=sku_is("CAKE")), value="5", draft=True)
    measurement = measured(shop, draft, work)
    assert measurement.sales == 2
    assert measurement.cost is not None
    assert measurement.cost.baskets == 2


def sku_is(sku: str) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": "sku", "operator": "is_any_of", "value": [sku]}]}


def test_measuring_stops_at_its_time_limit(shop: Shop, work: Work) -> None:
    seconds: Iterator[float] = count(0.0, 0.4)
    measurement = measured(shop, shop.promotion("draft", draft=True), work, seconds=lambda: next(seconds))
    assert measurement.sales == 2


def test_measuring_writes_nothing(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True)
    before = list(Promotion.objects.values()), list(Transaction.objects.values())
    measured(shop, draft, work)
    assert (list(Promotion.objects.values()), list(Transaction.objects.values())) == before
    assert Promotion.objects.get(code="draft").status_at(timezone.now()) == "draft"


def test_measuring_takes_two_statements_and_one_for_each_consumer(
    shop: Shop, work: Work, django_assert_num_queries: Any
) -> None:
    draft = shop.promotion("draft", draft=True)
    shop.member("d")
    shop.sell("R9", consumer="d")
    measured(shop, draft, work)
    with django_assert_num_queries(1 + 1 + 2):
        measured(shop, draft, work)
