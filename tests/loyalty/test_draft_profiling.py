"""A draft is measured on recent baskets, next to the promotions that they evaluate."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from loyalty.models import Transaction
from loyalty.services import draft_profiling
from loyalty.services.draft_profiling import DraftProfile, draft_profile
from promotions.engine.pipeline import points_phase, price_phase
from promotions.engine.pipeline.apply import evaluate_promotion
from promotions.engine.pipeline.context import EvaluationContext
from promotions.engine.pipeline.decision import Candidate, Refusal
from promotions.engine.rulebook.promotion import Promotion as Compiled
from promotions.models import Promotion
from promotions.selectors.profiling import EvaluationTime
from tests.loyalty.till.shop import BEGAN, NOON, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

USUAL = 20_000
"""Nanoseconds of a promotion that ``slow`` does not name."""


class Work:
    """A clock of processor time that evaluating a promotion advances: by ``slow``, by code, or by ``USUAL``."""

    def __init__(self) -> None:
        self.now = 0
        self.slow: dict[str, int] = {}

    def __call__(self) -> int:
        return self.now

    def evaluate_promotion(self, promotion: Compiled, context: EvaluationContext) -> Candidate | Refusal:
        self.now += self.slow.get(promotion.code, USUAL)
        return evaluate_promotion(promotion, context)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    working = Work()
    monkeypatch.setattr(points_phase, "evaluate_promotion", working.evaluate_promotion)
    monkeypatch.setattr(price_phase, "evaluate_promotion", working.evaluate_promotion)
    return working


@pytest.fixture
def shop() -> Shop:
    """Return a shop with three live promotions and four sales."""
    shop = make_shop()
    shop.member()
    for code in ("a", "b", "c"):
        shop.promotion(code)
    for number in range(4):
        shop.sell(f"R{number}")
    return shop


def profile_of(shop: Shop, promotion: Promotion, clock: Callable[[], int], **more: Any) -> DraftProfile:
    shop.account.refresh_from_db()
    return draft_profile(account=shop.account, promotion=promotion, clock=clock, **more)


def test_a_draft_like_the_others_is_not_slow(shop: Shop, work: Work) -> None:
    profile = profile_of(shop, shop.promotion("draft", draft=True), work)
    assert profile == DraftProfile(time=EvaluationTime(nanoseconds=USUAL, baskets=4, median=USUAL), baskets=4)
    assert not profile.is_slow


def test_a_draft_far_above_the_median_is_slow(shop: Shop, work: Work) -> None:
    work.slow = {"draft": 400_000}
    profile = profile_of(shop, shop.promotion("draft", draft=True), work)
    assert profile.time == EvaluationTime(nanoseconds=400_000, baskets=4, median=USUAL)
    assert profile.is_slow


@pytest.mark.parametrize(
    ("time", "slow"),
    [
        (EvaluationTime(nanoseconds=200_000, baskets=3, median=20_000), True),
        (EvaluationTime(nanoseconds=199_999, baskets=3, median=10_000), False),
        (EvaluationTime(nanoseconds=900_000, baskets=3, median=90_001), False),
        (EvaluationTime(nanoseconds=900_000, baskets=2, median=10_000), False),
        (EvaluationTime(nanoseconds=900_000, baskets=50, median=None), False),
        (None, False),
    ],
)
def test_slow_is_ten_times_the_median_and_a_fifth_of_a_millisecond_in_three_baskets(
    time: EvaluationTime | None, slow: bool
) -> None:
    assert DraftProfile(time=time, baskets=50).is_slow is slow


def test_a_discount_is_measured_as_points_are(shop: Shop, work: Work) -> None:
    work.slow = {"draft": 300_000}
    assert profile_of(shop, shop.discount("draft", make_set(), value="5", draft=True), work).is_slow


def test_a_draft_that_is_not_stored_is_measured(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True)
    draft.pk = None
    work.slow = {"draft": 300_000}
    assert profile_of(shop, draft, work).is_slow


def test_a_draft_that_starts_next_year_is_measured_on_sales_of_the_past(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True, starts_at=BEGAN + timedelta(days=5000))
    time = profile_of(shop, draft, work).time
    assert time is not None
    assert time.baskets == 4


def test_a_draft_is_measured_beyond_its_application_rules(shop: Shop, work: Work) -> None:
    rules = [{"measure": "transactions", "threshold": "9", "period": {"days": 30}}]
    selection = {"sets": [{"rules": None}]}
    draft = shop.promotion("draft", draft=True, outcome={"points": 5, "product_selection": selection})
    draft.eligibility["application_rules"] = rules
    time = profile_of(shop, draft, work).time
    assert time is not None
    assert time.baskets == 4


def test_a_draft_that_no_basket_evaluates_has_no_measured_time(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True, currency="EUR")
    assert profile_of(shop, draft, work) == DraftProfile(time=None, baskets=4)


def test_an_account_without_sales_has_nothing_to_measure_on(work: Work) -> None:
    new = make_shop("new")
    profile = profile_of(new, new.promotion("draft", draft=True), work)
    assert (profile.baskets, profile.is_slow) == (0, False)


def test_sales_of_other_accounts_are_not_measured_on(shop: Shop, work: Work) -> None:
    other = make_shop("other")
    assert profile_of(other, other.promotion("draft", draft=True), work).baskets == 0


def test_two_other_promotions_are_too_few_for_a_median(shop: Shop, work: Work) -> None:
    Promotion.objects.filter(code="c").delete()
    shop.account.rulebook_epoch += 1
    shop.account.save()
    work.slow = {"draft": 900_000}
    profile = profile_of(shop, shop.promotion("draft", draft=True), work)
    assert profile.time is not None
    assert profile.time.median is None
    assert not profile.is_slow


def test_sales_that_were_returned_whole_are_not_measured_on(shop: Shop, work: Work) -> None:
    shop.void("R0")
    shop.give_back("R1", "B1", TEA="1")
    assert profile_of(shop, shop.promotion("draft", draft=True), work).baskets == 2


def test_only_the_last_sales_count(shop: Shop, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_profiling, "MAX_BASKETS", 2)
    later = NOON.replace("12:00", "13:00")
    for reference in ("L1", "L2"):
        shop.sell(reference, occurred_at=later, sold=[make_line("CAKE")])
    draft = shop.discount("draft", make_set(rules=sku_is("CAKE")), value="5", draft=True)
    profile = profile_of(shop, draft, work)
    assert profile.baskets == 2
    assert profile.time is not None
    assert profile.time.baskets == 2


def sku_is(sku: str) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": "sku", "operator": "is_any_of", "value": [sku]}]}


def test_measuring_stops_when_its_time_is_over(shop: Shop, work: Work) -> None:
    seconds: Iterator[float] = count(0.0, 0.4)
    profile = profile_of(shop, shop.promotion("draft", draft=True), work, seconds=lambda: next(seconds))
    assert profile.baskets == 2


def test_measuring_writes_nothing(shop: Shop, work: Work) -> None:
    draft = shop.promotion("draft", draft=True)
    before = list(Promotion.objects.values()), list(Transaction.objects.values())
    profile_of(shop, draft, work)
    assert (list(Promotion.objects.values()), list(Transaction.objects.values())) == before
    assert Promotion.objects.get(code="draft").status_at(timezone.now()) == "draft"


def test_measuring_takes_two_statements_and_one_for_each_consumer(
    shop: Shop, work: Work, django_assert_num_queries: Any
) -> None:
    draft = shop.promotion("draft", draft=True)
    shop.member("d")
    shop.sell("R9", consumer="d")
    profile_of(shop, draft, work)
    with django_assert_num_queries(1 + 1 + 2):
        profile_of(shop, draft, work)
