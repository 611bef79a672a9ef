"""What a basket earns. A quote writes nothing; a commit decides with the same function, under locks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from time import perf_counter

from consumers.exceptions import Problem
from consumers.models import Account
from loyalty.exceptions import FigureTooLarge, SaleInvalid
from loyalty.models import Offer
from loyalty.services.till.locks import LOCK_FREE_MARGIN, ContendedCounters
from loyalty.services.till.metrics import decision_measured
from loyalty.services.till.profiling import COSTS
from loyalty.services.till.reads import (
    ShopperRecord,
    StoredList,
    StoredVoucher,
    UsageRecord,
    UsageRequest,
    sale_context_read,
    usage_read,
)
from loyalty.services.till.records import progress_from_history
from loyalty.services.till.sale import Sale
from loyalty.services.till.snapshot import AccountSnapshot, SitePlace, snapshot_current
from promotions.engine.benefits.vouchers import Benefit, PresentedVoucher
from promotions.engine.facts.basket import Basket, Line, ProductFacts, make_basket, make_line
from promotions.engine.facts.consumer import Usage
from promotions.engine.facts.progress import Progress
from promotions.engine.money import to_minor
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook

EXPLAINED = 1000
"""Promotions explained at most when a till asks why."""

NEAREST = 400
"""Promotions looked at for the explanation that a commit keeps."""

EXPLANATIONS_KEPT = 200
"""Refusals that a commit keeps."""

MOST_POINTS = 10**12
"""Points that one transaction may give, as many as one adjustment."""

MOST_BALANCE = 10**18
"""Points that a balance may reach by a transaction; its column holds nine times as many."""

MOST_ISSUED = 10_000
"""Vouchers that one transaction may issue: each is a row and a code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned:
    """Something the till should know that stops nothing."""

    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """A decision with all it was made from.

    ``judged`` are the promotions whose usage was read; ``needed`` (by id) those of them whose reasons are asked for,
    and ``rebuilt`` those whose progress was added up from history. ``lists`` are the consumer's rows by backend id, and
    ``presented`` those of the vouchers by code.
    """

    sale: Sale
    book: AccountSnapshot
    place: SitePlace
    known: ShopperRecord | None
    products: dict[str, ProductFacts]
    basket: Basket
    usage: Usage
    judged: tuple[Promotion, ...]
    needed: frozenset[int]
    rebuilt: frozenset[int]
    lists: Mapping[str, StoredList]
    presented: Mapping[str, StoredVoucher]
    decision: Decision
    warnings: tuple[Warned, ...] = field(default=())


def quote(*, account: Account, sale: Sale, explain: bool = False, only: str | None = None) -> Quote:
    """What a basket would earn, as of now for a basket of its own moment.

    Args:
        account: read in this request.
        sale: the basket.
        explain: whether to say of every promotion (up to EXPLAINED) why it does not apply.
        only: a promotion's code, to explain that one alone.

    Raises:
        SaleInvalid: the site or consumer is unknown.
    """
    book = snapshot_current(account=account)
    known = sale_context_read(account=account, skus=sale.skus, consumer_id=sale.consumer, card=sale.loyalty_card)
    explained = _explained(book, only) if explain else ()
    return decide(sale=sale, book=book, known=known.shopper, products=known.products, explained=explained, sampled=True)


def _explained(book: AccountSnapshot, only: str | None) -> tuple[Promotion, ...]:
    chosen = sorted(
        (promotion for promotion in book.rulebook if only is None or promotion.code == only),
        key=lambda promotion: (promotion.code, promotion.source.family),
    )
    return tuple(chosen[:EXPLAINED])


def _place(sale: Sale, *, book: AccountSnapshot, known: ShopperRecord | None) -> SitePlace:
    """The site that a sale names; a card that nobody has makes the sale anonymous, an unknown consumer does not.

    Raises:
        SaleInvalid: no such site, or no consumer of such an id.
    """
    problems = []
    place = book.sites.get(sale.site)
    if place is None:
        problems.append(Problem(code="does_not_exist", detail=f"There is no site {sale.site}.", attr="site"))
    if known is None and sale.consumer:
        detail = f"There is no consumer {sale.consumer}."
        problems.append(Problem(code="does_not_exist", detail=detail, attr="consumer"))
    if place is None or problems:
        raise SaleInvalid(problems=problems)
    return place


def basket_of(sale: Sale, *, place: SitePlace, products: dict[str, ProductFacts], card_type: str) -> Basket:
    """The engine's basket of a sale."""
    lines: list[Line] = [
        make_line(
            line_id=line.line_id,
            sku=line.sku,
            quantity=line.quantity,
            unit_price_inc_tax=to_minor(line.unit_price_inc_tax, sale.currency),
            unit_price_ex_tax=to_minor(line.unit_price_ex_tax, sale.currency),
            category=line.category,
            brand=line.brand,
        )
        for line in sale.lines
    ]
    return make_basket(
        at=sale.occurred_at,
        local=sale.occurred_at.astimezone(place.zone),
        site=place.facts,
        currency=sale.currency,
        lines=lines,
        products=products,
        payment_card_type=sale.payment_card_type,
        source=sale.source,
        loyalty_card_type=card_type,
    )


def decide(
    *,
    sale: Sale,
    book: AccountSnapshot,
    known: ShopperRecord | None,
    products: dict[str, ProductFacts],
    explained: Sequence[Promotion] = (),
    lock: bool = False,
    lock_free_margin: int | None = LOCK_FREE_MARGIN,
    sampled: bool = False,
) -> Quote:
    """Read what was used so far and evaluate.

    With ``lock`` what is decided is good until the transaction ends, as long as the counters with more than
    ``lock_free_margin`` left (None: all are locked) can be counted up by it. ``sampled`` are a till's decisions, of
    which some are timed promotion by promotion.

    Raises:
        SaleInvalid: the site or consumer is unknown.
        FigureTooLarge: it would give more points, or with ``lock`` more vouchers, than a transaction may.
    """
    place = _place(sale, book=book, known=known)
    basket = basket_of(sale, place=place, products=products, card_type=known.card_type if known else "")
    rulebook = book.rulebook
    shopper = known.shopper_on(basket.today) if known else None
    candidates = rulebook.candidates(basket, shopper)
    if lock:
        explained = rulebook.nearest(basket, shopper, limit=NEAREST)
    judged = {promotion.id: promotion for promotion in (*candidates, *explained)}
    stored = usage_read(
        UsageRequest(
            account_pk=book.account_pk,
            consumer_pk=known.consumer.pk if known else None,
            promotion_ids=[p.id for p in judged.values() if p.is_tracked],
            limited_ids=_limited(judged.values()),
            offer_ids=_stocked(judged.values(), book=book),
            backend_ids={backend_id for p in judged.values() for backend_id in p.personalized},
            voucher_codes=sale.vouchers,
        ),
        contended=_contended(candidates, book=book, lock_free_margin=lock_free_margin) if lock else None,
    )
    if lock:
        judged |= _under_way(stored, rulebook, at=basket.at)
    if shopper is not None:
        shopper = replace(shopper, personalized={key: listed.choice for key, listed in stored.lists.items()})
    needed = [promotion for promotion in (*candidates, *explained) if promotion.application_rules]
    usage, rebuilt = _usage(stored, book=book, known=known, needed=needed, judged=judged, at=basket.at)
    watch = COSTS.watch() if sampled else None
    begun = perf_counter()
    case = EvaluationCase(
        basket=basket,
        shopper=shopper,
        usage=usage,
        vouchers=[_presented(code, stored.vouchers.get(code), book=book, known=known) for code in sale.vouchers],
        candidates=candidates,
        explain=explained,
        max_explained=EXPLANATIONS_KEPT if lock else EXPLAINED if explained else 0,
    )
    decision = evaluate(case, rulebook, book.policy, observer=watch.around if watch is not None else None)
    decision_measured(applied=bool(decision.applied), seconds=perf_counter() - begun)
    if watch is not None:
        COSTS.keep(watch)
    _check_size(decision, balance=known.balance if known else None, commit=lock)
    return Quote(
        sale=sale,
        book=book,
        place=place,
        known=known,
        products=products,
        basket=basket,
        usage=usage,
        judged=tuple(judged.values()),
        needed=frozenset(promotion.id for promotion in needed),
        rebuilt=rebuilt,
        lists=stored.lists,
        presented=stored.vouchers,
        decision=decision,
        warnings=_warnings(sale, known),
    )


def _limited(promotions: Iterable[Promotion]) -> list[int]:
    return [promotion.id for promotion in promotions if promotion.total_limit is not None]


def _stocked(promotions: Iterable[Promotion], *, book: AccountSnapshot) -> set[int]:
    return {book.offers[promotion.offer].pk for promotion in promotions if promotion.offer in book.limited_offers}


def _contended(
    candidates: Sequence[Promotion], *, book: AccountSnapshot, lock_free_margin: int | None
) -> ContendedCounters:
    """Only candidates can apply: of what the others used the reasons tell, which no sale has to wait for."""
    return ContendedCounters(
        promotion_ids=_limited(candidates),
        offer_ids=_stocked(candidates, book=book),
        lock_free_margin=lock_free_margin,
    )


def _check_size(decision: Decision, *, balance: int | None, commit: bool) -> None:
    """Refuse what only a slip (a quantity of millions, a rate without its point) can bring about."""
    if decision.points > MOST_POINTS or (balance or 0) + decision.points > MOST_BALANCE:
        raise FigureTooLarge("A transaction does not give so many points.", attr="lines")
    if commit and sum(applied.vouchers for applied in decision.applied) > MOST_ISSUED:
        raise FigureTooLarge(f"A transaction issues at most {MOST_ISSUED:,} vouchers.", attr="lines")


def _under_way(stored: UsageRecord, rulebook: Rulebook, *, at: datetime) -> dict[int, Promotion]:
    """The promotions in force under whose rules the consumer has progress, which a sale adds to."""
    known = (rulebook.get(promotion_id) for promotion_id in stored.progress)
    return {one.id: one for one in known if one is not None and life_reason(one.source, at) is None}


def _usage(
    stored: UsageRecord,
    *,
    book: AccountSnapshot,
    known: ShopperRecord | None,
    needed: Sequence[Promotion],
    judged: dict[int, Promotion],
    at: datetime,
) -> tuple[Usage, frozenset[int]]:
    """Usage as the engine is given it, and the promotions whose progress had to be added up from history.

    Stored progress holds where its rules are still the same and nothing happened after the moment judged.
    """
    progress: dict[int, Progress] = {}
    missing: dict[int, Promotion] = {}
    last = known.consumer.last_transaction_at if known else None
    in_order = last is None or last <= at
    for promotion_id, kept in stored.progress.items():
        promotion = judged.get(promotion_id)
        if in_order and promotion is not None and kept.signature == promotion.rules_signature:
            progress[promotion_id] = kept.decoded()
    if known is not None and last is not None:
        missing = {promotion.id: promotion for promotion in needed if promotion.id not in progress}
        if missing:
            progress |= progress_from_history(
                consumer_pk=known.consumer.pk, promotions=list(missing.values()), until=at, book=book
            )
    offers = {book.offers[code].pk: code for code in book.limited_offers} if stored.vouchers_left else {}
    usage = Usage(
        total_redemptions=stored.total,
        customer_redemptions=stored.by_consumer,
        progress=progress,
        vouchers_left={offers[offer_id]: left for offer_id, left in stored.vouchers_left.items()},
    )
    return usage, frozenset(missing)


def _presented(
    code: str, voucher: StoredVoucher | None, *, book: AccountSnapshot, known: ShopperRecord | None
) -> PresentedVoucher:
    """A code as the engine is given it. An archived offer's vouchers are still good."""
    if voucher is None:
        return PresentedVoucher(code=code)
    offer = book.offers_by_id[voucher.offer_id]
    return PresentedVoucher(
        code=code,
        offer=offer.code,
        benefit=offer_benefit(offer),
        status=voucher.status,
        is_own=known is not None and known.consumer.pk == voucher.consumer_pk,
        expires_at=voucher.expires_at,
    )


def offer_benefit(offer: Offer) -> Benefit:
    """What an offer's vouchers give, as the engine is given it."""
    return Benefit(
        kind=offer.benefit,
        currency=offer.currency,
        value=Fraction(offer.value or 0),
        product=offer.product.sku if offer.product else "",
    )


def _warnings(sale: Sale, known: ShopperRecord | None) -> tuple[Warned, ...]:
    if not sale.loyalty_card:
        return ()
    if known is None:
        return (Warned(code="unknown_card", detail=f"No consumer has the card {sale.loyalty_card}."),)
    return ()
