"""What a draft would cost the tills: judged on recent baskets beside the promotions that applied to them."""

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
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion, PromotionSource, compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.models import Promotion as StoredPromotion
from promotions.selectors.profiling import LEAST_COMPARED, Cost

BASKETS = 50
"""Past transactions that a draft is measured on, the last ones."""

SECONDS = 1.0
"""How long measuring may take; what was measured by then is the answer."""

LEAST_BASKETS = 3
"""Baskets that must have looked at a draft for its figure to say anything."""

FAR_ABOVE = 10
"""How many times the median is far above it. Five sets of every product cost five times what is usual, ten of them 150
times."""

WORTH_SAYING = 200_000
"""Nanoseconds for each basket below which nothing is dear, whatever the median: reading the basket takes as long."""

_NOT_STORED = -1
"""The id of a promotion that has none yet."""


@dataclass(frozen=True, kw_only=True)
class DraftCost:
    """A draft's cost beside those of the promotions that the same baskets looked at, and how many baskets there were.

    ``cost`` is None where no basket looked at the draft.
    """

    cost: Cost | None
    tried: int

    @property
    def is_dear(self) -> bool:
        """Whether it is so far above the median that it should be said before it goes live."""
        cost = self.cost
        if cost is None or cost.times_median is None or cost.baskets < LEAST_BASKETS:
            return False
        return cost.nanoseconds >= WORTH_SAYING and cost.times_median >= FAR_ABOVE


def draft_cost(
    *,
    account: Account,
    promotion: StoredPromotion,
    clock: Callable[[], int] = time.thread_time_ns,
    seconds: Callable[[], float] = time.monotonic,
) -> DraftCost:
    """Measure a promotion on the account's last ``BASKETS`` sales, for ``SECONDS`` at most. Writes nothing.

    It counts as if it had been live when they were sold, so that one that starts next week is measured too. Limits
    count as unused and application rules as fulfilled: what it costs once it applies is what is asked.

    Args:
        account: read in this request.
        promotion: a draft, stored or not.
        clock: nanoseconds of processor time.
        seconds: by which the time is limited.
    """
    until = seconds() + SECONDS
    book = snapshot_current(account=account)
    sales = transactions_recent(account_id=account.pk, most=BASKETS)
    if not sales:
        return DraftCost(cost=None, tried=0)
    draft = _as_if_live(promotion, since=min(sale.occurred_at for sale in sales))
    rulebook = book.rulebook.changed(put=[draft])
    shoppers: dict[int, ShopperRecord | None] = {}
    took: defaultdict[int, list[int]] = defaultdict(list)
    tried = 0
    for sale in sales:
        if seconds() >= until:
            break
        tried += 1
        looks = _looks(sale, account=account, book=book, rulebook=rulebook, shoppers=shoppers, clock=clock)
        for promotion_id, nanoseconds in looks.items():
            took[promotion_id].append(nanoseconds)
    own = took.pop(draft.id, [])
    if not own:
        return DraftCost(cost=None, tried=tried)
    others = [fmean(some) for promotion_id, some in took.items() if _is_judged_whole(rulebook.get(promotion_id))]
    usual = median(others) if len(others) >= LEAST_COMPARED else None
    return DraftCost(cost=Cost(nanoseconds=fmean(own), baskets=len(own), median=usual), tried=tried)


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


def _is_judged_whole(promotion: Promotion | None) -> bool:
    """Whether a look went as far as it does at a till: progress towards application rules is not read here."""
    return promotion is not None and not promotion.application_rules


def _looks(
    sale: Transaction,
    *,
    account: Account,
    book: AccountSnapshot,
    rulebook: Rulebook,
    shoppers: dict[int, ShopperRecord | None],
    clock: Callable[[], int],
) -> Mapping[int, int]:
    """Nanoseconds by promotion that one basket took to look at it."""
    basket = basket_left(sale, book=book, returned={})
    known = _known(sale, account, shoppers)
    shopper = known.shopper_on(basket.today) if known is not None else None
    candidates = rulebook.candidates(basket, shopper)
    if known is not None and shopper is not None:
        shopper = _with_lists(shopper, known, account, candidates)
    watch = Watch(clock, twice=True)
    case = EvaluationCase(basket=basket, shopper=shopper, usage=Usage(), candidates=candidates)
    evaluate(case, rulebook, book.policy, observer=watch.around)
    return watch.spent


def _known(sale: Transaction, account: Account, shoppers: dict[int, ShopperRecord | None]) -> ShopperRecord | None:
    """Who bought, as they are known today; each is read once."""
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
