"""Which of the promotions that compete apply. Pure: no database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from promotions.engine.pipeline.decision import Candidate, Contest, Loss, Resolution


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """An account's conflict settings, as the engine is given them."""

    promotion_bias: str = "max_customer_saving"
    promotions_per_type: int = 1
    promotion_age: str = "newest"
    discounts_per_transaction: int | None = None

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """Decide between loyalty promotions; see ``resolve``."""
        return resolve(candidates, self)

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """Decide between discounts; see ``resolve_discounts``."""
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
        ranked = _ranked(by_kind[kind], policy)
        best, others = ranked[: policy.promotions_per_type], ranked[policy.promotions_per_type :]
        codes = tuple(winner.code for winner in best)
        winners += best
        losers += [
            Loss(candidate=candidate, won_by=codes, decided_by=_decided_by(candidate, best[-1])) for candidate in others
        ]
    return Resolution(winners=tuple(winners), losers=tuple(losers))


def resolve_discounts(candidates: Sequence[Candidate], policy: Policy, contest: Contest) -> Resolution:
    """Decide between discounts, which conflict over units and not over the transaction.

    All are ranked once, by what they save on the whole basket. Each in turn wins if the units that earlier winners left
    still give it something, until ``discounts_per_transaction`` have won.
    """
    ranked = _ranked(list(candidates), policy)
    by_code = {candidate.code: candidate for candidate in ranked}
    limit = policy.discounts_per_transaction
    winners: list[Candidate] = []
    losers: list[Loss] = []
    for candidate in ranked:
        holders: tuple[str, ...] = ()
        if limit is None or len(winners) < limit:
            reapplied = contest.reapply(candidate)
            if reapplied is not None:
                contest.award(reapplied)
                winners.append(reapplied)
                continue
            holders = contest.holders(candidate)
        won_by = holders or tuple(winner.code for winner in winners)
        losers.append(Loss(candidate=candidate, won_by=won_by, decided_by=_decided_by(candidate, by_code[won_by[-1]])))
    return Resolution(winners=tuple(winners), losers=tuple(losers))


def _ranked(candidates: list[Candidate], policy: Policy) -> list[Candidate]:
    """Return candidates best first. Sorts are stable: the least important goes first."""
    if len(candidates) == 1:
        return candidates
    ranked = sorted(candidates, key=lambda candidate: candidate.code)
    ranked.sort(key=lambda candidate: candidate.starts_at, reverse=policy.promotion_age == "newest")
    # As whole numbers over one denominator: fractions take many times as long to compare.
    denominator = lcm(*(candidate.saving.denominator for candidate in candidates))
    ranked.sort(
        key=lambda candidate: candidate.saving.numerator * (denominator // candidate.saving.denominator),
        reverse=policy.promotion_bias == "max_customer_saving",
    )
    return ranked


def _decided_by(loser: Candidate, lowest_winner: Candidate) -> str:
    """Return what decided between two candidates: bias (the saving), age or code."""
    if loser.saving != lowest_winner.saving:
        return "bias"
    return "age" if loser.starts_at != lowest_winner.starts_at else "code"
