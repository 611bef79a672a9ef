"""The price phase: discounts that compete, those that always apply, then the vouchers presented."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from promotions.engine.benefits.discounts import DiscountResult
from promotions.engine.benefits.vouchers import PaidVoucher, PresentedVoucher, RefusedVoucher, pay
from promotions.engine.matching.prices import PricedUnits, Prices
from promotions.engine.pipeline.checks import (
    EvaluationContext,
    Observer,
    apply_discount,
    as_it_is,
    evaluate_promotion,
    fit_of,
    redemptions_left_of,
)
from promotions.engine.pipeline.decision import (
    REASON_ORDER,
    Candidate,
    ConflictPolicy,
    PersonalizedState,
    ProductToAdd,
    Refusal,
)
from promotions.engine.rulebook.promotion import Promotion

Choices = Mapping[str, tuple[str, ...]]
"""The products taken of lists without a choice, by backend id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PricePhaseResult:
    """Prices once discounts and vouchers have lowered them, and what lowered them.

    ``refused`` are by promotion id; ``choices`` and ``listed`` are the decision's, see ``Decision``.
    """

    prices: Prices
    winners: tuple[Candidate, ...]
    refused: Mapping[int, Refusal]
    paid: Sequence[PaidVoucher]
    vouchers_refused: Sequence[RefusedVoucher]
    add_products: tuple[ProductToAdd, ...]
    personalized: tuple[PersonalizedState, ...]
    choices: Mapping[str, tuple[str, ...]]
    listed: Mapping[str, tuple[str, ...]]


def run_price_phase(
    discounts: Iterable[Promotion],
    situation: EvaluationContext,
    *,
    policy: ConflictPolicy,
    vouchers: Sequence[PresentedVoucher],
    around: Observer = as_it_is,
) -> PricePhaseResult:
    """Lower the prices of a basket.

    Args:
        discounts: those that may apply.
        situation: with the prices as the till sent them.
        policy: how conflicts are decided.
        vouchers: presented at the till, in this order.
        around: what is put around each look at a discount.
    """
    look = around(evaluate_promotion)
    competing: list[Candidate] = []
    always: list[Promotion] = []
    refused: dict[int, Refusal] = {}
    to_add: list[ProductToAdd] = []
    for promotion in discounts:
        if promotion.always_apply:
            always.append(promotion)
            continue
        judged = look(promotion, situation)
        if isinstance(judged, Candidate):
            competing.append(judged)
        else:
            refused[promotion.id] = judged
            to_add += _products_to_add(judged, situation)

    contest = UnitContest(situation, around=around)
    resolution = policy.resolve_discounts(competing, contest)
    for loss in resolution.losers:
        refused[loss.candidate.promotion.id] = Refusal.lost(loss)
    winners = list(resolution.winners)
    prices = situation.prices.after(cut for winner in winners for cut in winner.markdown.cuts)
    chosen = contest.chosen

    for promotion in sorted(always, key=lambda one: one.code):
        now = situation._replace(prices=prices, chosen=chosen)
        judged = look(promotion, now)
        if isinstance(judged, Candidate):
            winners.append(judged)
            prices = prices.after(judged.markdown.cuts)
            chosen = _with_choice(chosen, judged.markdown)
        else:
            refused[promotion.id] = judged
            to_add += _products_to_add(judged, now)

    prices, paid, vouchers_refused = pay(vouchers, situation.basket, prices)
    return PricePhaseResult(
        prices=prices,
        winners=tuple(winners),
        refused=refused,
        paid=paid,
        vouchers_refused=vouchers_refused,
        add_products=tuple(sorted(to_add, key=lambda one: one.discount)),
        personalized=tuple(_personalized(winners, refused.values(), situation)),
        choices=_choices(winners, situation, chosen),
        listed=_listed(winners, situation),
    )


class UnitContest:
    """The units that discounts compete for. Prices are the till's: every unit is in one competing discount at most."""

    def __init__(self, situation: EvaluationContext, *, around: Observer = as_it_is) -> None:
        self._situation = situation
        self._around = around
        self._held: list[tuple[str, set[int]]] = []
        self._runs: set[int] = set()
        self._left = situation.prices
        self._taken: list[PricedUnits] = []
        self.chosen: Choices = {}

    def on_what_is_left(self, candidate: Candidate) -> Candidate | None:
        """The candidate on the units that are left; None where it gives nothing any more."""
        fit = candidate.markdown.fit
        is_decided = not fit.undecided
        if is_decided and fit.runs.isdisjoint(self._runs):
            return candidate
        left = self._prices_left()
        if is_decided and fit.runs.isdisjoint([stretch.run for stretch in left.stretches]):
            return None
        situation = self._situation._replace(prices=left, chosen=self.chosen)
        judged = self._around(partial(apply_discount, fit=fit if is_decided else None))(candidate.promotion, situation)
        return judged if isinstance(judged, Candidate) else None

    def award(self, winner: Candidate) -> None:
        """Take a winner's units, those that only qualified too."""
        taken = [cut.stretch for cut in winner.markdown.cuts]
        runs = {stretch.run for stretch in taken}
        self._held.append((winner.code, runs))
        self._runs |= runs
        self._taken += taken
        self.chosen = _with_choice(self.chosen, winner.markdown)

    def _prices_left(self) -> Prices:
        """The units that no winner has, worked out when they are asked for: most winners take what nobody else fits."""
        if self._taken:
            self._left = self._left.without(self._taken)
            self._taken = []
        return self._left

    def holders(self, candidate: Candidate) -> tuple[str, ...]:
        """The winners that hold units which the candidate's sets fit."""
        fit = candidate.markdown.fit
        if fit.undecided:
            fit = fit_of(candidate.promotion.discount, self._situation, any_listed=True)
        fitting = fit.runs
        return tuple(code for code, runs in self._held if not runs.isdisjoint(fitting))


def _with_choice(chosen: Choices, markdown: DiscountResult) -> Choices:
    if not markdown.fit.undecided:
        return chosen
    merged = dict(chosen)
    for backend_id in markdown.fit.undecided:
        taken = markdown.listed.get(backend_id, ())
        merged[backend_id] = tuple(dict.fromkeys([*merged.get(backend_id, ()), *taken]))
    return merged


def _products_to_add(refusal: Refusal, situation: EvaluationContext) -> list[ProductToAdd]:
    """The free products that the basket lacks but otherwise qualifies for; nothing is added to what a return leaves."""
    discount = refusal.promotion.discount
    if refusal.reason != "no_matching_products" or discount.kind != "free_product" or situation.stands is not None:
        return []
    most = redemptions_left_of(refusal.promotion, situation)
    if isinstance(most, Refusal):
        return []
    missing = discount.missing_products(situation.prices, fit_of(discount, situation), most=most)
    return [ProductToAdd(discount=refusal.promotion.code, sku=sku, quantity=quantity) for sku, quantity in missing]


def _personalized(
    winners: Iterable[Candidate], refused: Iterable[Refusal], situation: EvaluationContext
) -> Iterable[PersonalizedState]:
    """The lists that feed the discounts which everything but the products bought qualifies for, by backend id."""
    shopper = situation.shopper
    if shopper is None or not shopper.personalized:
        return
    last = REASON_ORDER["transaction_rules"]
    near = [winner.promotion for winner in winners]
    near += [refusal.promotion for refusal in refused if REASON_ORDER[refusal.reason] > last]
    for backend_id in sorted({backend_id for promotion in near for backend_id in promotion.personalized}):
        term, choice = situation.rulebook.personalized.get(backend_id), shopper.personalized.get(backend_id)
        if term is not None and choice is not None:
            yield PersonalizedState(
                backend_id=backend_id,
                requires_selection=not choice.selected,
                locks_after_first_apply=term.lock_after_first_apply,
                locked=choice.locked,
                selected=choice.selected,
            )


def _listed(winners: Iterable[Candidate], situation: EvaluationContext) -> dict[str, tuple[str, ...]]:
    """What counted as chosen: the shopper's choice, or where there was none the products taken, by backend id."""
    choices = situation.shopper.personalized if situation.shopper else {}
    listed: dict[str, tuple[str, ...]] = {}
    for winner in winners:
        for backend_id, taken in winner.markdown.listed.items():
            counted = choices[backend_id].selected or [*listed.get(backend_id, ()), *taken]
            listed[backend_id] = tuple(dict.fromkeys(counted))
    return listed


def _choices(winners: Iterable[Candidate], situation: EvaluationContext, chosen: Choices) -> dict[str, tuple[str, ...]]:
    """What becomes final when the decision is committed: a choice not locked yet, or else the products taken.

    A default product is no choice.
    """
    shopper = situation.shopper
    final: dict[str, tuple[str, ...]] = {}
    for backend_id in {one for winner in winners for one in winner.promotion.personalized}:
        term = situation.rulebook.personalized.get(backend_id)
        choice = shopper.personalized.get(backend_id) if shopper is not None else None
        if term is None or choice is None or choice.locked or not term.lock_after_first_apply:
            continue
        products = choice.selected or chosen.get(backend_id, ())
        if products:
            final[backend_id] = products
    return final
