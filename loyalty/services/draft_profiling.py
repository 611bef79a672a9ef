"""Measure how long a draft takes to evaluate: on recent baskets, next to the promotions that applied to them."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean, median

from consumers.models import Account
from loyalty.models import Transaction
from loyalty.selectors.transaction import transactions_recent
from loyalty.services.till.history import basket_left
from loyalty.services.till.profiling import PromotionTimer
from loyalty.services.till.reads import ShopperRecord, UsageRequest, sale_context_read, usage_read
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion, PromotionSource, compile_promotion
from promotions.models import Promotion as StoredPromotion
from promotions.selectors.profiling import MIN_MEASURED_PROMOTIONS, EvaluationTime

MAX_BASKETS = 50
"""Past transactions that a draft is measured on, the last ones."""

MAX_SECONDS = 1.0
"""How long measuring may take; what was measured by then is the answer."""

MIN_BASKETS = 3
"""Baskets that must have evaluated a draft for its figure to say anything."""

SLOW_TIMES_MEDIAN = 10
"""From this many times the median on a draft is slow. Five sets of every product take five times as long as is usual,
ten of them 150 times."""

SLOW_NANOSECONDS = 200_000
"""Nanoseconds per basket below which no draft is slow, whatever the median: reading the basket takes as long."""

_NOT_STORED = -1
"""The id of a promotion that has none yet."""


@dataclass(frozen=True, kw_only=True)
class DraftProfile:
    """How long a draft takes, against the promotions that the same baskets evaluated, and on how many baskets.

    ``time`` is None where no basket evaluated the draft.
    """

    time: EvaluationTime | None
    baskets: int

    @property
    def is_slow(self) -> bool:
        """Whether it is so far above the median that it should be said before it goes live."""
        own = self.time
        if own is None or own.times_median is None or own.baskets < MIN_BASKETS:
            return False
        return own.nanoseconds >= SLOW_NANOSECONDS and own.times_median >= SLOW_TIMES_MEDIAN


def draft_profile(
    *,
    account: Account,
    promotion: StoredPromotion,
    clock: Callable[[], int] = time.thread_time_ns,
    seconds: Callable[[], float] = time.monotonic,
) -> DraftProfile:
    """Measure a promotion on the account's last ``MAX_BASKETS`` sales, for ``MAX_SECONDS`` at most. Writes nothing.

    It is evaluated as if it had been live when they were sold, so that one that starts next week is measured too.
    Limits count as unused and application rules as fulfilled: what matters is how long it takes once it applies.

    Args:
        account: read in this request.
        promotion: a draft, stored or not.
        clock: nanoseconds of processor time.
        seconds: the clock for ``MAX_SECONDS``.
    """
    deadline = seconds() + MAX_SECONDS
    sales = transactions_recent(account_id=account.pk, limit=MAX_BASKETS)
    snapshot = snapshot_current(account=account)
    if not sales:
        return DraftProfile(time=None, baskets=0)
    draft = _as_if_live(promotion, since=min(sale.occurred_at for sale in sales))
    snapshot = replace(snapshot, rulebook=snapshot.rulebook.changed(put=[draft]))
    shoppers = _Shoppers(account)
    measured: defaultdict[int, list[int]] = defaultdict(list)
    baskets = 0
    for sale in sales:
        if seconds() >= deadline:
            break
        baskets += 1
        for promotion_id, nanoseconds in _timed(sale, snapshot, shoppers, clock).items():
            measured[promotion_id].append(nanoseconds)
    own = measured.pop(draft.id, [])
    if not own:
        return DraftProfile(time=None, baskets=baskets)
    others = [
        fmean(nanoseconds)
        for promotion_id, nanoseconds in measured.items()
        if _is_evaluated_fully(snapshot.rulebook.get(promotion_id))
    ]
    usual = median(others) if len(others) >= MIN_MEASURED_PROMOTIONS else None
    return DraftProfile(time=EvaluationTime(nanoseconds=fmean(own), baskets=len(own), median=usual), baskets=baskets)


def _as_if_live(promotion: StoredPromotion, *, since: datetime) -> Promotion:
    return compile_promotion(
        PromotionSource(
            id=promotion.pk or _NOT_STORED,
            version_id=0,
            version=promotion.version,
            family=promotion.family,
            code=promotion.code,
            type=promotion.type,
            subtype=promotion.subtype,
            name=promotion.name,
            currency=promotion.currency,
            starts_at=min(promotion.starts_at, since),
            ends_at=None,
            draft=False,
            stopped_at=None,
            outcome=promotion.outcome,
            eligibility=promotion.eligibility | {"application_rules": []},
            content=promotion.content,
            budget=promotion.budget,
            customer_budget=promotion.customer_budget,
        )
    )


def _is_evaluated_fully(promotion: Promotion | None) -> bool:
    """Whether it is evaluated as far as at a till: progress towards application rules is not read here."""
    return promotion is not None and not promotion.application_rules


def _timed(
    sale: Transaction, snapshot: AccountSnapshot, shoppers: "_Shoppers", clock: Callable[[], int]
) -> Mapping[int, int]:
    """Evaluate a past sale's basket; return the nanoseconds that it took by promotion."""
    basket = basket_left(sale, snapshot=snapshot)
    record = shoppers.buyer_of(sale)
    shopper = record.shopper_on(basket.today) if record is not None else None
    candidates = snapshot.rulebook.candidates(basket, shopper)
    if record is not None and shopper is not None:
        shopper = shoppers.with_lists(shopper, record, candidates)
    timer = PromotionTimer(clock, best_of_two=True)
    case = EvaluationCase(basket=basket, shopper=shopper, usage=Usage(), candidates=candidates)
    evaluate(case, snapshot.rulebook, snapshot.policy, observer=timer.observe)
    return timer.nanoseconds


class _Shoppers:
    """The account's consumers as they are known today; each is read once."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._records: dict[int, ShopperRecord | None] = {}

    def buyer_of(self, sale: Transaction) -> ShopperRecord | None:
        """Return who bought; None for an anonymous sale."""
        consumer = sale.consumer
        if consumer is None:
            return None
        if consumer.pk not in self._records:
            context = sale_context_read(account=self._account, consumer_id=consumer.consumer_id)
            self._records[consumer.pk] = context.shopper
        return self._records[consumer.pk]

    def with_lists(self, shopper: Shopper, record: ShopperRecord, candidates: Sequence[Promotion]) -> Shopper:
        """Return a shopper with the lists that the candidates use."""
        backend_ids = {backend_id for promotion in candidates for backend_id in promotion.personalized}
        stored = usage_read(
            UsageRequest(account_pk=self._account.pk, consumer_pk=record.consumer.pk, backend_ids=backend_ids)
        )
        return replace(shopper, personalized={key: listed.choice for key, listed in stored.lists.items()})
