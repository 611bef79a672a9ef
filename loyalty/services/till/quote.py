"""Deciding what a basket earns. A quote writes nothing; a commit decides with the same functions, under locks.

``prepare`` makes the engine's basket, shopper and candidates of a sale; ``decide`` reads what was used before it
(``read_usage``), evaluates, and checks the size of the decision (``check_size``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from consumers.exceptions import Problem
from consumers.models import Account
from loyalty.exceptions import FigureTooLarge, SaleInvalid
from loyalty.models import Offer
from loyalty.services.till.history import progress_from_history
from loyalty.services.till.locks import LOCK_FREE_BASKETS, LOCK_FREE_MARGIN, ContendedCounters
from loyalty.services.till.profiling import PROFILER, PromotionProfiler, evaluate_measured
from loyalty.services.till.reads import (
    PeriodRequest,
    SaleContext,
    ShopperRecord,
    StoredList,
    StoredVoucher,
    UsageRecord,
    UsageRequest,
    sale_context_read,
    usage_read,
)
from loyalty.services.till.sale import Sale
from loyalty.services.till.snapshot import AccountSnapshot, SitePlace, snapshot_current
from promotions.engine.benefits.vouchers import Benefit, PresentedVoucher, voucher_key
from promotions.engine.calendar import period_bounds
from promotions.engine.facts.basket import (
    Basket,
    Line,
    ProductFacts,
    TransactionTexts,
    UnitPrice,
    line_traits,
    make_basket,
    make_line,
)
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.facts.progress import Progress
from promotions.engine.money import to_minor_price
from promotions.engine.pipeline.budgets import campaign_with_budget, money_given
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook

MAX_EXPLAINED_PROMOTIONS = 1000
"""Promotions that are explained when a till asks why they did not apply."""

MAX_TRANSACTION_POINTS = 10**12
"""Points that one transaction may give, as many as one adjustment."""

MAX_POINTS_BALANCE = 10**18
"""Points that a balance may reach by a transaction; its column holds nine times as many."""


_COMBINATION_NOT_PROVED = (
    "Too many discounts compete for the same products to be sure that this combination is the best."
)


WARNING_CODES = ("unknown_card", "combination_not_proved")
"""The codes of warnings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TillWarning:
    """Something the till should know that stops nothing."""

    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplanationRequest:
    """Promotions whose refusal is wanted besides the candidates', and how many refusals are kept; 0: all, unexplained.

    Those are kept that came nearest, each with what it lacked.
    """

    promotions: Sequence[Promotion] = ()
    max_refusals: int = 0


NO_EXPLANATION = ExplanationRequest()


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedSale:
    """A sale as the engine is given it, and the promotions that may apply to it.

    ``record`` is the consumer's row, ``shopper`` the same consumer for the engine; both None for an anonymous sale.
    """

    sale: Sale
    snapshot: AccountSnapshot
    site: SitePlace
    record: ShopperRecord | None
    products: dict[str, ProductFacts]
    basket: Basket
    shopper: Shopper | None
    candidates: Sequence[Promotion]


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleUsage:
    """What was used before a sale, as the engine is given it, with the rows that it comes from.

    ``promotions`` are those whose usage was read, by id. ``with_rules`` are the ids of those of them that are evaluated
    and have application rules, ``rebuilt`` of those whose progress was added up from history. ``lists`` are the
    consumer's rows by backend id, and ``vouchers`` those of the vouchers presented, by ``voucher_key``.
    """

    usage: Usage
    promotions: Mapping[int, Promotion]
    with_rules: frozenset[int]
    rebuilt: frozenset[int]
    lists: Mapping[str, StoredList]
    vouchers: Mapping[str, StoredVoucher]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """A decision with all that it was made from."""

    prepared: PreparedSale
    usage: SaleUsage
    decision: Decision

    @property
    def sale(self) -> Sale:
        """What the till sent."""
        return self.prepared.sale

    @property
    def record(self) -> ShopperRecord | None:
        """The consumer's row; None for an anonymous sale."""
        return self.prepared.record

    @property
    def balance(self) -> int | None:
        """The points balance that the decision leads to; None without a membership."""
        balance = self.record.balance if self.record is not None else None
        return None if balance is None else balance + self.decision.points

    @property
    def warnings(self) -> tuple[TillWarning, ...]:
        """What the till should know; none of it stops the sale."""
        warnings = []
        card = self.sale.loyalty_card
        if card and self.record is None:
            warnings.append(TillWarning(code="unknown_card", detail=f"No consumer has the card {card}."))
        if not self.decision.combination_proved:
            warnings.append(TillWarning(code="combination_not_proved", detail=_COMBINATION_NOT_PROVED))
        return tuple(warnings)


def quote(*, account: Account, sale: Sale, explain: bool = False, only: str | None = None) -> Quote:
    """Decide what a basket would earn now, or at its own moment if it names one.

    Args:
        account: read in this request.
        sale: the basket.
        explain: whether to say of every promotion (up to ``MAX_EXPLAINED_PROMOTIONS``) why it does not apply.
        only: a promotion's code, to explain that one alone.

    Raises:
        SaleInvalid: the site or consumer is unknown.
        FigureTooLarge: it would give more points than a transaction may.
    """
    snapshot = snapshot_current(account=account)
    context = sale_context_read(account=account, skus=sale.skus, consumer_id=sale.consumer, card=sale.loyalty_card)
    explanation = _explanation_of_all(snapshot, only) if explain else NO_EXPLANATION
    return decide(prepare(sale, snapshot, context), explanation, profiler=PROFILER)


def _explanation_of_all(snapshot: AccountSnapshot, only: str | None) -> ExplanationRequest:
    promotions = sorted(
        (promotion for promotion in snapshot.rulebook if only is None or promotion.code == only),
        key=lambda promotion: (promotion.code, promotion.source.family),
    )
    return explanation_of_first(promotions)


def explanation_of_first(promotions: Sequence[Promotion]) -> ExplanationRequest:
    """Ask for the explanation of the first ``MAX_EXPLAINED_PROMOTIONS`` of some promotions."""
    return ExplanationRequest(
        promotions=promotions[:MAX_EXPLAINED_PROMOTIONS], max_refusals=MAX_EXPLAINED_PROMOTIONS if promotions else 0
    )


def decide(
    prepared: PreparedSale,
    explanation: ExplanationRequest = NO_EXPLANATION,
    *,
    contended: ContendedCounters | None = None,
    profiler: PromotionProfiler | None = None,
) -> Quote:
    """Read what was used so far, evaluate, and check the size of the decision.

    Args:
        prepared: the sale.
        explanation: which refusals are wanted.
        contended: of a sale that is committed. The decision is then good until the transaction ends, as long as the
            counters that were not locked can be increased by it.
        profiler: times some of the decisions promotion by promotion.

    Raises:
        FigureTooLarge: it would give more points than a transaction may.
    """
    usage = read_usage(prepared, explanation, contended=contended)
    case = _case(prepared, usage, explanation)
    snapshot = prepared.snapshot
    decision = evaluate_measured(
        lambda observer: evaluate(case, snapshot.rulebook, snapshot.policy, observer), profiler=profiler
    )
    record = prepared.record
    check_size(decision, balance=record.balance if record is not None else None)
    return Quote(prepared=prepared, usage=usage, decision=decision)


def check_size(decision: Decision, *, balance: int | None) -> None:
    """Refuse points that only a slip can bring about: a quantity of millions, a rate without its decimal point.

    Raises:
        FigureTooLarge: the decision gives more points than a transaction may, or the balance would be too high.
    """
    if decision.points > MAX_TRANSACTION_POINTS or (balance or 0) + decision.points > MAX_POINTS_BALANCE:
        raise FigureTooLarge("A transaction cannot give that many points.", attr="lines")


# --- preparing -------------------------------------------------------------------------------------------------------


def prepare(sale: Sale, snapshot: AccountSnapshot, context: SaleContext) -> PreparedSale:
    """Make the engine's basket and shopper of a sale, and find the promotions that may apply.

    Raises:
        SaleInvalid: the site or consumer is unknown, or a price or the total is below zero where it may not be.
    """
    record = context.shopper
    site = _site(sale, snapshot=snapshot, record=record)
    card_type = record.card_type if record is not None else ""
    basket = sale_basket(sale, site=site, products=context.products, card_type=card_type)
    _check_prices(basket)
    shopper = record.shopper_on(basket.today) if record is not None else None
    return PreparedSale(
        sale=sale,
        snapshot=snapshot,
        site=site,
        record=record,
        products=context.products,
        basket=basket,
        shopper=shopper,
        candidates=snapshot.rulebook.candidates(basket, shopper),
    )


def _site(sale: Sale, *, snapshot: AccountSnapshot, record: ShopperRecord | None) -> SitePlace:
    """Return the site that a sale names. A card that nobody has makes the sale anonymous, an unknown consumer does not.

    Raises:
        SaleInvalid: there is no such site, or no such consumer, or the card is another consumer's.
    """
    problems = []
    site = snapshot.sites.get(sale.site)
    if site is None:
        problems.append(Problem(code="does_not_exist", detail=f"There is no site {sale.site}.", attr="site"))
    if record is None and sale.consumer:
        detail = f"There is no consumer {sale.consumer}."
        problems.append(Problem(code="does_not_exist", detail=detail, attr="consumer"))
    if record is not None and record.is_card_of_another:
        detail = f"The card {sale.loyalty_card} belongs to another consumer than {sale.consumer}."
        problems.append(Problem(code="card_of_another_consumer", detail=detail, attr="loyalty_card"))
    if site is None or problems:
        raise SaleInvalid(problems=problems)
    return site


def _check_prices(basket: Basket) -> None:
    """Refuse a price below zero, but of what neither earns nor is discounted; and a basket worth less than nothing.

    Raises:
        SaleInvalid: with the path of every such price.
    """
    problems = [
        Problem(
            code="min_value",
            detail="Only a line that is left out of discounts and of points may have a price below zero.",
            attr=f"lines.{index}.{name}",
        )
        for index, line in enumerate(basket.lines)
        if (line.unit_inc_tax < 0 or line.unit_ex_tax < 0) and not (line.no_discount and line.no_points)
        for name in _negative_prices(line)
    ]
    if not problems and basket.total_minor < 0:
        problems.append(
            Problem(code="negative_total", detail="The total of a basket cannot be below zero.", attr="lines")
        )
    if problems:
        raise SaleInvalid(problems=problems)


def _negative_prices(line: Line) -> list[str]:
    """Return the prices of a line that are below zero. One without tax that was not sent is the other."""
    if line.unit_ex_tax == line.unit_inc_tax:
        return ["unit_price_inc_tax"]
    prices = (("unit_price_inc_tax", line.unit_inc_tax), ("unit_price_ex_tax", line.unit_ex_tax))
    return [name for name, price in prices if price < 0]


def sale_basket(sale: Sale, *, site: SitePlace, products: dict[str, ProductFacts], card_type: str) -> Basket:
    """Return the engine's basket of a sale."""
    lines = [
        make_line(
            line_id=line.line_id,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=UnitPrice(
                to_minor_price(line.unit_price_inc_tax, sale.currency),
                to_minor_price(line.unit_price_ex_tax, sale.currency),
            ),
            category=line.category,
            brand=line.brand,
            traits=line_traits(
                quantity=line.quantity,
                product=products.get(line.sku),
                weighed=line.weighed,
                no_discount=line.no_discount,
                no_points=line.no_points,
            ),
        )
        for line in sale.lines
    ]
    return make_basket(
        at=sale.occurred_at,
        local=sale.occurred_at.astimezone(site.zone),
        site=site.facts,
        currency=sale.currency,
        lines=lines,
        products=products,
        texts=TransactionTexts(
            payment_card_type=sale.payment_card_type, source=sale.source, loyalty_card_type=card_type
        ),
    )


# --- reading usage ---------------------------------------------------------------------------------------------------


def contended_counters(prepared: PreparedSale, *, lock_free_margin: int | None = LOCK_FREE_MARGIN) -> ContendedCounters:
    """Name the counters that a sale may increase.

    Only candidates can apply. The usage of others only explains their refusal, for which no sale has to wait.
    """
    return ContendedCounters(
        lock_free_amount=LOCK_FREE_BASKETS * max(prepared.basket.total_minor, 0),
        promotion_ids=_limited_ids(prepared.candidates, prepared.snapshot.rulebook),
        campaign_ids=_campaign_ids(prepared.candidates, prepared.snapshot.rulebook),
        offer_ids=_stocked_offer_ids(prepared.candidates, prepared.snapshot),
        lock_free_margin=lock_free_margin,
    )


def read_usage(
    prepared: PreparedSale, explanation: ExplanationRequest, *, contended: ContendedCounters | None = None
) -> SaleUsage:
    """Read what was used before a sale: by the promotions that are evaluated for it, and by its consumer.

    With ``contended`` the usage is good for a commit, and comes with the progress under all promotions in force for
    which the consumer has any: a sale adds to these too.
    """
    snapshot = prepared.snapshot
    evaluated = (*prepared.candidates, *explanation.promotions)
    promotions = {promotion.id: promotion for promotion in evaluated}
    stored = usage_read(_usage_request(promotions.values(), prepared), contended=contended)
    if contended is not None:
        promotions |= _in_force_with_progress(stored, prepared)
    with_rules = {promotion.id: promotion for promotion in evaluated if promotion.application_rules}
    progress = _valid_progress(stored, prepared, promotions)
    rebuilt = _progress_rebuilt(prepared, [p for p in with_rules.values() if p.id not in progress])
    offer_codes = {snapshot.offers[code].pk: code for code in snapshot.limited_offers} if stored.vouchers_left else {}
    return SaleUsage(
        usage=Usage(
            total_redemptions=stored.total,
            customer_redemptions=_customer_redemptions(stored, promotions.values()),
            progress=progress | rebuilt,
            vouchers_left={offer_codes[offer_id]: left for offer_id, left in stored.vouchers_left.items()},
            budget_used=stored.budget_used,
            campaign_used=stored.campaign_used,
            customer_budget_used={
                promotion_id: budget_unit(promotions[promotion_id], points=received.points, saving=received.saving)
                for promotion_id, received in stored.received.items()
            },
        ),
        promotions=promotions,
        with_rules=frozenset(with_rules),
        rebuilt=frozenset(rebuilt),
        lists=stored.lists,
        vouchers=stored.vouchers,
    )


def _usage_request(promotions: Collection[Promotion], prepared: PreparedSale) -> UsageRequest:
    """Return what to ask the database about the promotions that are evaluated for a sale."""
    snapshot, record = prepared.snapshot, prepared.record
    return UsageRequest(
        account_pk=snapshot.account_pk,
        consumer_pk=record.consumer.pk if record is not None else None,
        promotion_ids=[promotion.id for promotion in promotions if promotion.is_tracked],
        periods=_period_requests(promotions, prepared) if record is not None else (),
        allowances=_allowance_requests(promotions, prepared) if record is not None else (),
        limited_ids=_limited_ids(promotions, snapshot.rulebook),
        campaign_ids=_campaign_ids(promotions, snapshot.rulebook),
        offer_ids=_stocked_offer_ids(promotions, snapshot),
        backend_ids=_backend_ids(promotions, prepared),
        voucher_codes=[voucher_key(code) for code in prepared.sale.vouchers],
    )


def is_counted_within(promotion: Promotion, rulebook: Rulebook) -> bool:
    """Return whether a promotion is limited: by a total limit, by its budget or by its campaign's."""
    if promotion.total_limit is not None or promotion.budget is not None:
        return True
    return campaign_with_budget(promotion, rulebook) is not None


def _limited_ids(promotions: Iterable[Promotion], rulebook: Rulebook) -> list[int]:
    return [promotion.id for promotion in promotions if is_counted_within(promotion, rulebook)]


def _campaign_ids(promotions: Iterable[Promotion], rulebook: Rulebook) -> set[int]:
    campaigns = (campaign_with_budget(promotion, rulebook) for promotion in promotions)
    return {campaign.id for campaign in campaigns if campaign is not None}


def _allowance_requests(promotions: Iterable[Promotion], prepared: PreparedSale) -> list[PeriodRequest]:
    """Ask, for each period that budgets for a customer have, about the one that holds the sale's day of the books."""
    return allowance_requests(promotions, at=prepared.basket.at, zone=prepared.snapshot.zone)


def allowance_requests(promotions: Iterable[Promotion], *, at: datetime, zone: ZoneInfo) -> list[PeriodRequest]:
    """Return, for each period that budgets for a customer have, the one that holds a moment in the account's zone.

    A budget over the whole promotion begins with its start.
    """
    by_period: dict[tuple[datetime, datetime], list[int]] = {}
    for promotion in promotions:
        budget = promotion.customer_budget
        if budget is not None:
            period = (promotion.source.starts_at, _END_OF_TIME)
            if budget.period is not None:
                period = period_bounds(budget.period, at.astimezone(zone).date(), zone)
            by_period.setdefault(period, []).append(promotion.id)
    return [
        PeriodRequest(promotion_ids=promotion_ids, since=since, until=until)
        for (since, until), promotion_ids in sorted(by_period.items())
    ]


_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


def budget_unit(promotion: Promotion, *, points: int, saving: Decimal) -> int:
    """Return what was given in the unit of a promotion's budgets: points, or minor units of money."""
    if promotion.gives_points:
        return points
    return money_given(Fraction(round(saving, 4)), promotion.source.currency)


def _period_requests(promotions: Iterable[Promotion], prepared: PreparedSale) -> list[PeriodRequest]:
    """Ask, for each calendar period that limits per customer have, about the one that holds the basket at its site."""
    by_period: dict[str, list[int]] = {}
    for promotion in promotions:
        if promotion.limit_period is not None:
            by_period.setdefault(promotion.limit_period, []).append(promotion.id)
    requests = []
    for period, promotion_ids in sorted(by_period.items()):
        since, until = period_bounds(period, prepared.basket.today, prepared.site.zone)
        requests.append(PeriodRequest(promotion_ids=promotion_ids, since=since, until=until))
    return requests


def _customer_redemptions(stored: UsageRecord, promotions: Iterable[Promotion]) -> Mapping[int, int]:
    """Return what the limits per customer count: redemptions in all, or in the period that holds the basket."""
    with_period = {promotion.id for promotion in promotions if promotion.limit_period is not None}
    if not with_period:
        return stored.by_consumer
    return {**stored.by_consumer, **dict.fromkeys(with_period, 0), **stored.in_period}


def _stocked_offer_ids(promotions: Iterable[Promotion], snapshot: AccountSnapshot) -> set[int]:
    return {
        snapshot.offers[promotion.offer].pk for promotion in promotions if promotion.offer in snapshot.limited_offers
    }


def _backend_ids(promotions: Iterable[Promotion], prepared: PreparedSale) -> set[str]:
    """Return the lists to read: those of the promotions evaluated, and those that the answer shows."""
    backend_ids = {backend_id for promotion in promotions for backend_id in promotion.personalized}
    record = prepared.record
    if record is not None and record.personalized_promotions:
        shown = prepared.snapshot.rulebook.lists_in_force(prepared.basket)
        backend_ids |= record.personalized_promotions.intersection(shown)
    return backend_ids


def _in_force_with_progress(stored: UsageRecord, prepared: PreparedSale) -> dict[int, Promotion]:
    """Return the promotions in force under whose rules the consumer has progress."""
    promotions = (prepared.snapshot.rulebook.get(promotion_id) for promotion_id in stored.progress)
    return {
        promotion.id: promotion
        for promotion in promotions
        if promotion is not None and life_reason(promotion.source, prepared.basket.at) is None
    }


def _valid_progress(
    stored: UsageRecord, prepared: PreparedSale, promotions: Mapping[int, Promotion]
) -> dict[int, Progress]:
    """Return the stored progress under rules that are still the same; none if the consumer has bought since."""
    last = _last_transaction_at(prepared)
    if last is not None and last > prepared.basket.at:
        return {}
    return {
        promotion_id: stored_progress.decoded()
        for promotion_id, stored_progress in stored.progress.items()
        if (promotion := promotions.get(promotion_id)) is not None
        and stored_progress.signature == promotion.rules_signature
    }


def _progress_rebuilt(prepared: PreparedSale, promotions: Sequence[Promotion]) -> dict[int, Progress]:
    """Add up from history the progress that is not stored; a consumer without history has none."""
    record = prepared.record
    if record is None or record.consumer.last_transaction_at is None or not promotions:
        return {}
    return progress_from_history(
        consumer_pk=record.consumer.pk, promotions=promotions, until=prepared.basket.at, snapshot=prepared.snapshot
    )


def _last_transaction_at(prepared: PreparedSale) -> datetime | None:
    return prepared.record.consumer.last_transaction_at if prepared.record is not None else None


# --- evaluating ------------------------------------------------------------------------------------------------------


def _case(prepared: PreparedSale, usage: SaleUsage, explanation: ExplanationRequest) -> EvaluationCase:
    shopper = prepared.shopper
    if shopper is not None:
        choices = {backend_id: stored.choice for backend_id, stored in usage.lists.items()}
        shopper = replace(shopper, personalized=choices)
    return EvaluationCase(
        basket=prepared.basket,
        shopper=shopper,
        usage=usage.usage,
        vouchers=[_presented(code, usage.vouchers.get(voucher_key(code)), prepared) for code in prepared.sale.vouchers],
        candidates=prepared.candidates,
        explain=explanation.promotions,
        max_explained=explanation.max_refusals,
    )


def _presented(code: str, voucher: StoredVoucher | None, prepared: PreparedSale) -> PresentedVoucher:
    """Return a voucher as the engine is given it. An archived offer's vouchers are still good."""
    if voucher is None:
        return PresentedVoucher(code=code)
    offer = prepared.snapshot.offers_by_id[voucher.offer_id]
    record = prepared.record
    return PresentedVoucher(
        code=code,
        offer=offer.code,
        benefit=offer_benefit(offer),
        status=voucher.status,
        is_own=record is not None and record.consumer.pk == voucher.consumer_pk,
        issued_at=voucher.issued_at,
        expires_at=voucher.expires_at,
    )


def offer_benefit(offer: Offer) -> Benefit:
    """Return what an offer's vouchers give, as the engine is given it."""
    return Benefit(
        kind=offer.benefit,
        currency=offer.currency,
        value=Fraction(offer.value or 0),
        product=offer.product.sku if offer.product else "",
    )
