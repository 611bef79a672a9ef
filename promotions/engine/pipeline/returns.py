"""What is kept of a transaction when a part of it is returned.

What applied is applied again to what is left. Conflicts were decided at the sale: nothing competes anew, and what fell
out stays out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promotions.engine.pipeline.decision import Candidate, Contest, Resolution


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnLimit:
    """What a promotion has of a transaction just before a return: it gets no more. ``position`` orders them."""

    position: int
    redemptions: int
    points: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnPolicy:
    """A transaction just before a return.

    ``stands`` are its promotions by id, ``paid`` what was paid for it less what was refunded, in minor units.
    """

    stands: Mapping[int, ReturnLimit]
    paid: int

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """All win, in the order in which they applied."""
        return Resolution(winners=tuple(self._ordered(candidates)), losers=())

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """All that still get something win, in the order in which they applied."""
        winners = []
        for candidate in self._ordered(candidates):
            left = contest.on_what_is_left(candidate)
            if left is not None:
                contest.award(left)
                winners.append(left)
        return Resolution(winners=tuple(winners), losers=())

    def _ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda candidate: self.stands[candidate.promotion.id].position)
