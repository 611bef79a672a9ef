"""Measure how long a draft would take at the tills, on recent baskets and next to the promotions of that time."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean, median

from consumers.models import Account
from loyalty.models import Transaction
from loyalty.selectors.transaction import transactions_recent
from loyalty.services.till.profiling import Watch
from loyalty.services.till.reads import ShopperRecord, UsageRequest, sale_context_read, usage_read
from loyalty.services.till.records import basket_left
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.pipeline.evaluate import evaluate
from promotions.engine.rulebook.promotion import Promotion, PromotionSource, compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.models import Promotion as StoredPromotion
from promotions.selectors.profiling import LEAST_COMPARED, Cost

MAX_SALES = 50
"""Sales that a draft is measured on, the most recent ones."""

MAX_SECONDS = 1.0
"""How long measuring may take; the result is what was measured until then."""

MIN_BASKETS = 3
"""Baskets that must have evaluated a draft for its figure to mean anything."""

COSTLY_TIMES_MEDIAN = 10
"""From how many times the median on a draft is costly. Five sets of every product cost 5 times the usual, ten sets 150
times."""

COSTLY_NANOSECONDS = 200_000
"""From how many nanoseconds per basket on a draft is costly, whatever the median: reading a basket takes as long."""

_NOT_STORED = -1
"""The id of a promotion that has none yet."""


@dataclass(frozen=True, kw_only=True)
class DraftCost:
    """A draft's cost next to those of other promotions, measured on a number of ``sales``.

    ``cost`` is None where no basket evaluated the draft.
    """

    cost: Cost | None
    sales: int

    @property
    def is_costly(self) -> bool:
        """Whether it is so far above the median that staff should know before they publish."""
        cost = self.cost
        if cost is None or cost.times_median is None or cost.baskets < MIN_BASKETS:
            return False
        return cost.nanoseconds >= COSTLY_NANOSECONDS and cost.times_median >= COSTLY_TIMES_MEDIAN


def draft_cost(
    *,
    account: Account,
    promotion: StoredPromotion,
    clock: Callable[[], int] = time.thread_time_ns,
    seconds: Callable[[], float] = time.monotonic,
) -> DraftCost:
    """Measure a promotion on the account's last ``MAX_SALES`` sales, for ``MAX_SECONDS`` at most. Writes nothing.

    The promotion counts as live at the time of the sales, so that one that starts next week is measured too. Limits
    count as unused and application rules as fulfilled, because the cost is measured for a promotion that applies.

    Args:
        account: read in this request.
        promotion: a draft, stored or not.
        clock: nanoseconds of processor time.
        seconds: the clock that limits the time.
    """
    until = seconds() + MAX_SECONDS
    book = snapshot_current(account=account)
    sales = transactions_recent(account_id=account.pk, limit=MAX_SALES)
    if not sales:
        return DraftCost(cost=None, sales=0)
    draft = _as_if_live(promotion, since=min(sale.occurred_at for sale in sales))
    rulebook = book.rulebook.changed(put=[draft])
    shoppers: dict[int, ShopperRecord | None] = {}
    durations: defaultdict[int, list[int]] = defaultdict(list)
    measured = 0
    for sale in sales:
        if seconds() >= until:
            break
        measured += 1
        by_promotion = _measure_sale(
            sale, account=account, book=book, rulebook=rulebook, shoppers=shoppers, clock=clock
        )
        for promotion_id, nanoseconds in by_promotion.items():
            durations[promotion_id].append(nanoseconds)
    own = durations.pop(draft.id, [])
    if not own:
        return DraftCost(cost=None, sales=measured)
    others = [
        fmean(times) for promotion_id, times in durations.items() if _is_evaluated_fully(rulebook.get(promotion_id))
    ]
    usual = median(others) if len(others) >= LEAST_COMPARED else None
    return DraftCost(cost=Cost(nanoseconds=fmean(own), baskets=len(own), median=usual), sales=measured)


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
        )
    )


def _is_evaluated_fully(promotion: Promotion | None) -> bool:
    """Whether it is evaluated as far as at a till: progress towards application rules is not read here."""
    return promotion is not None and not promotion.application_rules


def _measure_sale(
    sale: Transaction,
    *,
    account: Account,
    book: AccountSnapshot,
    rulebook: Rulebook,
    shoppers: dict[int, ShopperRecord | None],
    clock: Callable[[], int],
) -> Mapping[int, int]:
    """Return the nanoseconds that each promotion took on the basket of a sale."""
    basket = basket_left(sale, book=book, returned={})
    known = _known(sale, account, shoppers)
    shopper = known.shopper_on(basket.today) if known is not None else None
    candidates = rulebook.candidates(basket, shopper)
    if known is not None and shopper is not None:
        shopper = _with_lists(shopper, known, account, candidates)
    watch = Watch(clock, twice=True)
    evaluate(
        basket,
        shopper=shopper,
        usage=Usage(),
        rulebook=rulebook,
        policy=book.policy,
        candidates=candidates,
        around=watch.around,
    )
    return watch.spent


def _known(sale: Transaction, account: Account, shoppers: dict[int, ShopperRecord | None]) -> ShopperRecord | None:
    """Return the consumer of a sale as they are today; each is read once."""
    consumer = sale.consumer
    if consumer is None:
        return None
    if consumer.pk not in shoppers:
        shoppers[consumer.pk] = sale_context_read(account=account, consumer_id=consumer.consumer_id).shopper
    return shoppers[consumer.pk]


def _with_lists(shopper: Shopper, known: ShopperRecord, account: Account, candidates: Sequence[Promotion]) -> Shopper:
    backend_ids = {backend_id for promotion in candidates for backend_id in promotion.personalized}
    stored = usage_read(UsageRequest(account_pk=account.pk, consumer_pk=known.consumer.pk, backend_ids=backend_ids))
    return replace(shopper, personalized={key: listed.choice for key, listed in stored.lists.items()})
