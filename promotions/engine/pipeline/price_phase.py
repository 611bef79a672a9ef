"""The price phase: discounts that compete, those that always apply, then the vouchers presented."""

from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

from promotions.engine.benefits.vouchers import PaidVoucher, PresentedVoucher, RefusedVoucher, pay_with_vouchers
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import PersonalizedChoice
from promotions.engine.matching.prices import PricedUnits, Prices
from promotions.engine.pipeline.apply import apply_discount, evaluate_promotion, fit_of
from promotions.engine.pipeline.budgets import CampaignSharing
from promotions.engine.pipeline.context import EvaluationContext
from promotions.engine.pipeline.decision import (
    BUDGET_REASONS,
    Candidate,
    ConflictPolicy,
    Loss,
    PersonalizedState,
    ProductToAdd,
    Refusal,
)
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook

ProductsByList = Mapping[str, tuple[str, ...]]
"""Products of personalized lists, by the backend id of the personalized promotion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PricePhaseResult:
    """Prices once discounts and vouchers have lowered them, and what lowered them.

    ``refused`` are by promotion id; ``choices_to_lock``, ``effective_choices`` and ``combination_proved`` as in
    ``Decision``. ``campaign_taken`` is what discounts take from the budgets of their campaigns, by campaign id.
    """

    prices: Prices
    winners: tuple[Candidate, ...]
    refused: Mapping[int, Refusal]
    paid: Sequence[PaidVoucher]
    vouchers_refused: Sequence[RefusedVoucher]
    add_products: tuple[ProductToAdd, ...]
    personalized: tuple[PersonalizedState, ...]
    choices_to_lock: ProductsByList
    effective_choices: ProductsByList
    combination_proved: bool
    campaign_taken: Mapping[int, int]


def run_price_phase(
    discounts: Sequence[Promotion],
    context: EvaluationContext,
    policy: ConflictPolicy,
    vouchers: Sequence[PresentedVoucher],
) -> PricePhaseResult:
    """Lower the prices of a basket.

    Args:
        discounts: those that may apply.
        context: with the prices as the till sent them.
        policy: decides between the discounts that compete.
        vouchers: presented at the till, in this order.
    """
    qualifier = _Qualifier(context)
    contest = UnitContest(context)
    competing = [promotion for promotion in discounts if not promotion.always_apply]
    resolution = policy.resolve_discounts(qualifier.qualified(competing, context), contest)
    qualifier.refused.update(contest.refusals_of(resolution.losers))
    campaigns = CampaignSharing(context)
    winners, out_of_budget = campaigns.shared(resolution.winners)
    qualifier.refused.update(out_of_budget)
    prices = context.prices.after(reduction for winner in winners for reduction in winner.discount_result.reductions)
    # What those that their campaign could not pay for would have taken from lists is free again.
    taken_from_lists = _taken_by(winners) if out_of_budget else contest.taken_from_lists

    always = [promotion for promotion in discounts if promotion.always_apply]
    for promotion in sorted(always, key=lambda promotion: promotion.code):
        reduced = campaigns.reduced(context)._replace(prices=prices, taken_from_lists=taken_from_lists)
        for winner in qualifier.qualified([promotion], reduced):
            winners.append(winner)
            campaigns.take(winner)
            prices = prices.after(winner.discount_result.reductions)
            taken_from_lists = _with_taken(taken_from_lists, winner)

    payment = pay_with_vouchers(vouchers, context.basket, prices)
    return PricePhaseResult(
        prices=payment.prices,
        winners=tuple(winners),
        refused=qualifier.refused,
        paid=payment.paid,
        vouchers_refused=payment.refused,
        add_products=tuple(sorted(qualifier.products_to_add, key=lambda product: product.discount)),
        personalized=_personalized_states(context),
        choices_to_lock=_choices_to_lock(winners, context, taken_from_lists),
        effective_choices=_effective_choices(winners, context),
        combination_proved=resolution.is_proved,
        campaign_taken=campaigns.taken,
    )


class _Qualifier:
    """Evaluates discounts, and collects the refusals and the free products that the basket lacks."""

    def __init__(self, context: EvaluationContext) -> None:
        self._evaluate = context.observed(evaluate_promotion)
        self.refused: dict[int, Refusal] = {}
        self.products_to_add: list[ProductToAdd] = []

    def qualified(self, discounts: Iterable[Promotion], context: EvaluationContext) -> list[Candidate]:
        """Return the discounts that would apply."""
        evaluate = self._evaluate
        candidates: list[Candidate] = []
        for promotion in discounts:
            evaluated = evaluate(promotion, context)
            if isinstance(evaluated, Candidate):
                candidates.append(evaluated)
            else:
                self.refused[promotion.id] = evaluated
                self.products_to_add += _products_to_add(evaluated, context)
        return candidates


class UnitContest:
    """The units that discounts compete for. Prices are the till's: every unit is in one competing discount at most."""

    def __init__(self, context: EvaluationContext) -> None:
        self._context = context
        self._runs_by_winner: list[tuple[str, set[int]]] = []
        self._unit_groups: set[int] = set()
        self._left = context.prices
        self._taken: list[PricedUnits] = []
        self.taken_from_lists: ProductsByList = {}
        self.too_little_left: dict[int, Refusal] = {}
        """By promotion id, the refusals of those that give more on the units left than a budget has left."""
        # What candidates got of the units left; kept by forks, which meet the same ones again and again.
        self._applied: dict[Hashable, Candidate | None] | None = None

    def refusals_of(self, losers: Iterable[Loss]) -> dict[int, Refusal]:
        """Return why losers do not apply, by promotion id: too little left of a budget, or who beat them."""
        return {
            loss.candidate.promotion.id: self.too_little_left.get(loss.candidate.promotion.id) or Refusal.lost(loss)
            for loss in losers
        }

    def reapply(self, candidate: Candidate) -> Candidate | None:
        """Apply a candidate to the units that are left; None where it gives nothing any more."""
        fit = candidate.discount_result.fit
        is_decided = not fit.undecided
        if is_decided and fit.unit_groups.isdisjoint(self._unit_groups):
            return candidate
        left = self._prices_left()
        if is_decided and fit.unit_groups.isdisjoint([priced.unit_group for priced in left.priced_units]):
            return None
        if self._applied is None:
            return self._apply(candidate, left)
        key: Hashable = (candidate.code, self.state())
        if is_decided:
            key = (
                candidate.code,
                tuple([priced for priced in left.priced_units if priced.unit_group in fit.unit_groups]),
            )
        if key not in self._applied:
            self._applied[key] = self._apply(candidate, left)
        return self._applied[key]

    def _apply(self, candidate: Candidate, left: Prices) -> Candidate | None:
        fit = candidate.discount_result.fit
        context = self._context._replace(prices=left, taken_from_lists=self.taken_from_lists)
        apply = context.observed(partial(apply_discount, fit=None if fit.undecided else fit))
        evaluated = apply(candidate.promotion, context)
        if isinstance(evaluated, Candidate):
            return evaluated
        if evaluated.reason in BUDGET_REASONS:
            self.too_little_left[candidate.promotion.id] = evaluated
        return None

    def award(self, winner: Candidate) -> None:
        """Give a winner its units, those that only qualified too."""
        taken = [reduction.priced for reduction in winner.discount_result.reductions]
        unit_groups = {priced.unit_group for priced in taken}
        self._runs_by_winner.append((winner.code, unit_groups))
        self._unit_groups |= unit_groups
        self._taken += taken
        self.taken_from_lists = _with_taken(self.taken_from_lists, winner)

    def _prices_left(self) -> Prices:
        """Return the units that no winner has.

        They are worked out when they are asked for: most winners take units that no other discount accepts.
        """
        if self._taken:
            self._left = self._left.without(self._taken)
            self._taken = []
        return self._left

    def holders(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the winners that hold units which the candidate's sets accept."""
        accepted = self.fitting(candidate)
        return tuple(code for code, unit_groups in self._runs_by_winner if not unit_groups.isdisjoint(accepted))

    @property
    def is_over(self) -> bool:
        """Whether no unit is left."""
        return not self._prices_left().priced_units

    def fitting(self, candidate: Candidate) -> Set[int]:
        """Return the unit groups that the candidate's sets accept; of a list without a choice, could accept."""
        fit = candidate.discount_result.fit
        if fit.undecided:
            fit = fit_of(candidate.promotion.discount, self._context, any_listed=True)
        return fit.unit_groups

    def within(self, unit_groups: Set[int]) -> "UnitContest":
        """Return another contest for the units of some unit groups only, of which none is taken yet."""
        priced_units = [priced for priced in self._context.prices.priced_units if priced.unit_group in unit_groups]
        contest = UnitContest(self._context._replace(prices=Prices(priced_units=tuple(priced_units))))
        contest._applied = {}
        return contest

    def fork(self) -> "UnitContest":
        """Return another contest that stands as this one does, and goes on by itself."""
        fork = UnitContest(self._context)
        fork._runs_by_winner = [*self._runs_by_winner]
        fork._unit_groups = {*self._unit_groups}
        fork._left = self._prices_left()
        fork.taken_from_lists = self.taken_from_lists
        fork._applied = self._applied
        return fork

    def state(self) -> Hashable:
        """Return the units left, and what was taken from lists without a choice."""
        return self._prices_left().priced_units, tuple(sorted(self.taken_from_lists.items()))


def _taken_by(winners: Iterable[Candidate]) -> ProductsByList:
    """Return the products that discounts take from lists without a choice."""
    taken_from_lists: ProductsByList = {}
    for winner in winners:
        taken_from_lists = _with_taken(taken_from_lists, winner)
    return taken_from_lists


def _with_taken(taken_from_lists: ProductsByList, winner: Candidate) -> ProductsByList:
    """Return the products taken from lists without a choice, with those that a discount takes.

    A default product that a set of the discount accepts by itself is not taken by anybody's choice.
    """
    result = winner.discount_result
    if not result.fit.undecided:
        return taken_from_lists
    defaults = _default_products(winner)
    merged = dict(taken_from_lists)
    for backend_id in result.fit.undecided:
        taken = [sku for sku in result.taken_from_lists.get(backend_id, ()) if (backend_id, sku) not in defaults]
        merged[backend_id] = tuple(dict.fromkeys([*merged.get(backend_id, ()), *taken]))
    return merged


def _default_products(winner: Candidate) -> set[tuple[str | None, str | None]]:
    """Return the default products that a discount's sets accept by themselves, each with its personalized promotion."""
    product_sets = winner.promotion.discount.sets
    return {
        (product_sets[index].personalized, product_sets[index].default_product)
        for index in winner.discount_result.fit.defaults
    }


def _products_to_add(refusal: Refusal, context: EvaluationContext) -> list[ProductToAdd]:
    """Return the free products that the basket lacks but otherwise qualifies for."""
    discount = refusal.promotion.discount
    if refusal.reason != "no_matching_products" or discount.kind != "free_product":
        return []
    if not context.strategy.proposes_products:
        return []
    redemptions_left = context.strategy.redemptions_left(refusal.promotion, context)
    if isinstance(redemptions_left, Refusal):
        return []
    missing = discount.missing_products(context.prices, fit_of(discount, context), redemptions_left=redemptions_left)
    return [ProductToAdd(discount=refusal.promotion.code, sku=sku, quantity=quantity) for sku, quantity in missing]


def _personalized_states(context: EvaluationContext) -> tuple[PersonalizedState, ...]:
    choices = context.shopper.personalized if context.shopper else {}
    return personalized_states(context.rulebook, context.basket, choices)


def personalized_states(
    rulebook: Rulebook, basket: Basket, choices: Mapping[str, PersonalizedChoice]
) -> tuple[PersonalizedState, ...]:
    """Return the state of the lists that discounts in force in the basket's currency use, by backend id.

    Args:
        rulebook: the account's.
        basket: whose moment and currency count; it need not qualify for the discounts.
        choices: the consumer's lists, by backend id.
    """
    if not choices:
        return ()
    return tuple(
        PersonalizedState(
            backend_id=backend_id,
            requires_selection=not choices[backend_id].selected,
            locks_after_first_apply=rulebook.personalized[backend_id].lock_after_first_apply,
            locked=choices[backend_id].locked,
            selected=choices[backend_id].selected,
        )
        for backend_id in rulebook.lists_in_force(basket)
        if backend_id in choices
    )


def _effective_choices(winners: Iterable[Candidate], context: EvaluationContext) -> dict[str, tuple[str, ...]]:
    """Return what counted as chosen: the shopper's choice, or where there is none the products taken, by backend id."""
    choices = context.shopper.personalized if context.shopper else {}
    effective: dict[str, tuple[str, ...]] = {}
    for winner in winners:
        for backend_id, taken in winner.discount_result.taken_from_lists.items():
            products = choices[backend_id].selected or [*effective.get(backend_id, ()), *taken]
            effective[backend_id] = tuple(dict.fromkeys(products))
    return effective


def _choices_to_lock(
    winners: Iterable[Candidate], context: EvaluationContext, taken_from_lists: ProductsByList
) -> dict[str, tuple[str, ...]]:
    """Return what becomes final when the decision is committed: a choice not locked yet, or else the products taken.

    A default product is no choice, whichever of the discounts took it.
    """
    shopper = context.shopper
    winners = list(winners)
    defaults = {default for winner in winners for default in _default_products(winner)}
    final: dict[str, tuple[str, ...]] = {}
    for backend_id in {backend_id for winner in winners for backend_id in winner.promotion.personalized}:
        terms = context.rulebook.personalized.get(backend_id)
        choice = shopper.personalized.get(backend_id) if shopper is not None else None
        if terms is None or choice is None or choice.locked or not terms.lock_after_first_apply:
            continue
        taken = [sku for sku in taken_from_lists.get(backend_id, ()) if (backend_id, sku) not in defaults]
        products = choice.selected or tuple(taken)
        if products:
            final[backend_id] = products
    return final
