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
        """The winners of each type and subtype, and for each loser who won and by what."""
        return resolve(candidates, self)

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """The discounts that share the units of a basket between them, and for each loser who won and by what."""
        return resolve_discounts(candidates, self, contest)


def resolve(candidates: Sequence[Candidate], policy: Policy) -> Resolution:
    """Decide between candidates of all types and subtypes.

    Those of one type and subtype are ranked by saving as the bias says, then by age, then by code; the first so many
    win. The order is total, so the result does not depend on the order of the candidates.
    """
    kinds: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        kinds.setdefault(candidate.kind, []).append(candidate)
    winners: list[Candidate] = []
    losers: list[Loss] = []
    for kind in sorted(kinds):
        ranked = _ranked(kinds[kind], policy)
        won, lost = ranked[: policy.promotions_per_type], ranked[policy.promotions_per_type :]
        winners += won
        names = tuple(candidate.code for candidate in won)
        losers += [Loss(candidate=one, won_by=names, decided_by=_decided_by(one, won[-1])) for one in lost]
    return Resolution(winners=tuple(winners), losers=tuple(losers))


def resolve_discounts(candidates: Sequence[Candidate], policy: Policy, contest: Contest) -> Resolution:
    """Decide between discounts, which conflict over units and not over the transaction.

    All are ranked once, by what they save on the whole basket. Each in turn wins if the units that earlier winners left
    still give it something, until so many have won as the policy allows for a transaction.
    """
    ranked = _ranked(list(candidates), policy)
    winners: list[Candidate] = []
    losers: list[Loss] = []
    by_code = {candidate.code: candidate for candidate in ranked}
    for candidate in ranked:
        holders: tuple[str, ...] = ()
        if policy.discounts_per_transaction is None or len(winners) < policy.discounts_per_transaction:
            left = contest.reapply(candidate)
            if left is not None:
                contest.award(left)
                winners.append(left)
                continue
            holders = contest.holders(candidate)
        won_by = holders or tuple(winner.code for winner in winners)
        losers.append(Loss(candidate=candidate, won_by=won_by, decided_by=_decided_by(candidate, by_code[won_by[-1]])))
    return Resolution(winners=tuple(winners), losers=tuple(losers))


def _ranked(candidates: list[Candidate], policy: Policy) -> list[Candidate]:
    """Best first. Sorts are stable: the least important goes first."""
    if len(candidates) == 1:
        return candidates
    ranked = sorted(candidates, key=lambda candidate: candidate.code)
    ranked.sort(key=lambda candidate: candidate.starts_at, reverse=policy.promotion_age == "newest")
    # As whole numbers of one measure: fractions take many times as long to compare.
    measure = lcm(*(candidate.saving.denominator for candidate in candidates))
    ranked.sort(
        key=lambda candidate: candidate.saving.numerator * (measure // candidate.saving.denominator),
        reverse=policy.promotion_bias == "max_customer_saving",
    )
    return ranked


def _decided_by(loser: Candidate, lowest_winner: Candidate) -> str:
    if loser.saving != lowest_winner.saving:
        return "bias"
    return "age" if loser.starts_at != lowest_winner.starts_at else "code"
