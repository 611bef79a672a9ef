"""Which of the promotions that compete apply. Pure: no database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from promotions.engine.decision import Candidate, Loss, Resolution


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


def _ranked(candidates: list[Candidate], policy: Policy) -> list[Candidate]:
    """Best first. Sorts are stable: the least important goes first."""
    ranked = sorted(candidates, key=lambda candidate: candidate.code)
    ranked.sort(key=lambda candidate: candidate.starts_at, reverse=policy.promotion_age == "newest")
    ranked.sort(key=lambda candidate: candidate.saving, reverse=policy.promotion_bias == "max_customer_saving")
    return ranked


def _decided_by(loser: Candidate, lowest_winner: Candidate) -> str:
    if loser.saving != lowest_winner.saving:
        return "bias"
    return "age" if loser.starts_at != lowest_winner.starts_at else "code"
