"""An account's conflict settings, and what they decide."""

from collections.abc import Sequence
from dataclasses import dataclass

from conflicts.resolver.combination import Combination, best_combination
from conflicts.resolver.ranking import decided_by, ranked
from promotions.engine.pipeline.decision import Candidate, Contest, Loss, Resolution


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """An account's conflict settings, as the engine is given them."""

    promotion_bias: str = "max_customer_saving"
    promotions_per_type: int = 1
    promotion_age: str = "newest"
    discounts_per_transaction: int | None = None
    discount_combination: str = "ranked"

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """Decide between loyalty promotions; see ``resolve``."""
        return resolve(candidates, self)

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """Decide between discounts; see ``resolve_discounts`` and ``resolve_by_total``."""
        if self.discount_combination == "best_total":
            return resolve_by_total(candidates, self, contest)
        return resolve_discounts(candidates, self, contest)


def resolve(candidates: Sequence[Candidate], policy: Policy) -> Resolution:
    """Decide between candidates of all types and subtypes.

    Those of one type and subtype are ranked by saving as the bias says, then by age, then by code; the first
    ``promotions_per_type`` win. The order is total: the result does not depend on the order of the candidates.
    """
    by_kind: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        by_kind.setdefault(candidate.kind, []).append(candidate)
    winners: list[Candidate] = []
    losers: list[Loss] = []
    for kind in sorted(by_kind):
        in_order = _ranked(by_kind[kind], policy)
        best, others = in_order[: policy.promotions_per_type], in_order[policy.promotions_per_type :]
        codes = tuple(winner.code for winner in best)
        winners += best
        losers += [
            Loss(candidate=candidate, won_by=codes, decided_by=decided_by(candidate, best[-1])) for candidate in others
        ]
    return Resolution(winners=tuple(winners), losers=tuple(losers))


def resolve_discounts(candidates: Sequence[Candidate], policy: Policy, contest: Contest) -> Resolution:
    """Decide between discounts, which conflict over units and not over the transaction.

    All are ranked once, by what they save on the whole basket. Each in turn wins if the units that earlier winners left
    still give it something, until ``discounts_per_transaction`` have won.
    """
    in_order = _ranked(list(candidates), policy)
    by_code = {candidate.code: candidate for candidate in in_order}
    limit = policy.discounts_per_transaction
    winners: list[Candidate] = []
    losers: list[Loss] = []
    for candidate in in_order:
        holders: tuple[str, ...] = ()
        if limit is None or len(winners) < limit:
            reapplied = contest.reapply(candidate)
            if reapplied is not None:
                contest.award(reapplied)
                winners.append(reapplied)
                continue
            holders = contest.holders(candidate)
        won_by = holders or tuple(winner.code for winner in winners)
        losers.append(Loss(candidate=candidate, won_by=won_by, decided_by=decided_by(candidate, by_code[won_by[-1]])))
    return Resolution(winners=tuple(winners), losers=tuple(losers))


def resolve_by_total(candidates: Sequence[Candidate], policy: Policy, contest: Contest) -> Resolution:
    """Decide between discounts by the order in which all of them together save the most, or by the bias the least.

    What lost names all winners that hold units which its product sets fit, wherever they stand in the order; what lost
    for want of a place names all winners.
    """
    combination = best_combination(
        _ranked(list(candidates), policy),
        contest,
        places=policy.discounts_per_transaction,
        max_saving=policy.promotion_bias == "max_customer_saving",
    )
    return _resolved(combination, contest, places=policy.discounts_per_transaction)


def _resolved(combination: Combination, contest: Contest, *, places: int | None) -> Resolution:
    winners: list[Candidate] = []
    beaten: list[tuple[Candidate, bool]] = []
    for candidate in combination.order:
        has_place = places is None or len(winners) < places
        reapplied = contest.reapply(candidate) if has_place else None
        if reapplied is None:
            beaten.append((candidate, has_place))
        else:
            contest.award(reapplied)
            winners.append(reapplied)
    every_winner = tuple(winner.code for winner in winners)
    losers = [
        Loss(
            candidate=candidate,
            won_by=(contest.holders(candidate) if had_place else ()) or every_winner,
            decided_by="combination",
        )
        for candidate, had_place in beaten
    ]
    return Resolution(winners=tuple(winners), losers=tuple(losers), is_proved=combination.is_proved)


def _ranked(candidates: list[Candidate], policy: Policy) -> list[Candidate]:
    return ranked(
        candidates,
        max_saving=policy.promotion_bias == "max_customer_saving",
        newest=policy.promotion_age == "newest",
    )
