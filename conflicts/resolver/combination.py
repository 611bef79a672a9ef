"""The order of discounts that together save the most: every order tried, or the ranked one improved step by step.

An order is worth what its discounts save when each in turn is applied to the units that those before it left.
"""

from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from promotions.engine.pipeline.decision import Candidate, Contest

MAX_PROVED = 6
"""Discounts that compete with one another of which every order is tried."""

MAX_EXCHANGES = 2_000
"""Exchanges of two places that are tried to improve the order of more discounts than that.

It bounds what one basket can cost. Up to sixty discounts that compete with one another have at least a whole round.
"""


class Combination(NamedTuple):
    """The order in which discounts are applied; ``is_proved`` says whether no other is better."""

    order: tuple[Candidate, ...]
    is_proved: bool


def best_combination(
    ranked: Sequence[Candidate], contest: Contest, *, places: int | None, max_saving: bool
) -> Combination:
    """Return the order of the greatest total saving, or of the least; of equal ones the first by ranks.

    Discounts that no unit connects are decided apart; where only so many may win, all compete with one another.

    Args:
        ranked: discounts that would apply to the whole basket, best first.
        contest: the units that they compete for, of which none is taken yet; left as it is.
        places: how many may win; None without a limit.
        max_saving: whether the greatest total is the best.
    """
    rank = {candidate.code: position for position, candidate in enumerate(ranked)}
    groups = _connected(ranked, contest)
    if places is not None and groups:
        groups = [_Group(frozenset().union(*(group.unit_groups for group in groups)), list(ranked))]
    orders: list[Sequence[Candidate]] = []
    is_proved = True
    for unit_groups, members in groups:
        if len(members) == 1:
            orders.append(members)
        elif len(members) <= MAX_PROVED:
            search = _Search(max_saving=max_saving)
            orders.append(search.best(tuple(members), contest.within(unit_groups), places).order)
        else:
            orders.append(_improved(members, contest.within(unit_groups), places, max_saving=max_saving))
            is_proved = False
    return Combination(order=tuple(_merged(orders, rank)), is_proved=is_proved)


class _Group(NamedTuple):
    """Candidates, best ranked first, that compete for units of some unit groups of the basket, by ordinal."""

    unit_groups: Set[int]
    members: list[Candidate]


def _connected(ranked: Sequence[Candidate], contest: Contest) -> list[_Group]:
    """Return the candidates in groups of those that units of the basket connect."""
    groups: list[_Group] = []
    for candidate in ranked:
        unit_groups = contest.fitting(candidate)
        met = [group for group in groups if not group.unit_groups.isdisjoint(unit_groups)]
        groups = [group for group in groups if group.unit_groups.isdisjoint(unit_groups)]
        members = {member.code for group in met for member in group.members} | {candidate.code}
        groups.append(
            _Group(
                unit_groups=frozenset(unit_groups).union(*(group.unit_groups for group in met)),
                members=[member for member in ranked if member.code in members],
            )
        )
    return groups


def _merged(orders: Sequence[Sequence[Candidate]], rank: dict[str, int]) -> list[Candidate]:
    """Merge the orders of groups: of the next of each, the best ranked goes first.

    As no group takes units from another, it is the order that deciding all together would find first.
    """
    waiting = [list(order) for order in orders]
    merged: list[Candidate] = []
    while waiting:
        first = min(waiting, key=lambda order: rank[order[0].code])
        merged.append(first.pop(0))
        waiting = [order for order in waiting if order]
    return merged


class _Best(NamedTuple):
    """What the best order of some candidates saves, in minor units, and that order."""

    saved: int
    order: tuple[Candidate, ...]


@dataclass(kw_only=True, slots=True)
class _Search:
    """Tries every order; what is left of the basket says what the rest can save, however it came about."""

    max_saving: bool
    _known: dict[Hashable, _Best] = field(default_factory=dict)

    def best(self, waiting: tuple[Candidate, ...], contest: Contest, places: int | None) -> _Best:
        """Return the best order of the candidates that wait, of equal ones the first in the order given."""
        if not waiting or places == 0 or contest.is_over:
            return _Best(0, waiting)
        key = (tuple([candidate.code for candidate in waiting]), contest.state(), places)
        if key not in self._known:
            self._known[key] = self._tried(waiting, contest, places)
        return self._known[key]

    def _tried(self, waiting: tuple[Candidate, ...], contest: Contest, places: int | None) -> _Best:
        best: _Best | None = None
        for position, candidate in enumerate(waiting):
            others = waiting[:position] + waiting[position + 1 :]
            after, saved = _applied(candidate, contest)
            places_left = places - 1 if places is not None and after is not contest else places
            rest = self.best(others, after, places_left)
            total = saved + rest.saved
            if best is None or _is_better(total, best.saved, max_saving=self.max_saving):
                best = _Best(total, (candidate, *rest.order))
        assert best is not None  # noqa: S101 - something waits
        return best


def _applied(candidate: Candidate, contest: Contest) -> tuple[Contest, int]:
    """Return the contest after a candidate, and what it saves; the contest itself where it gets nothing."""
    reapplied = contest.reapply(candidate)
    if reapplied is None:
        return contest, 0
    after = contest.fork()
    after.award(reapplied)
    return after, reapplied.discount_result.off


def _is_better(saved: int, than: int, *, max_saving: bool) -> bool:
    return saved > than if max_saving else saved < than


def _improved(
    ranked: Sequence[Candidate], contest: Contest, places: int | None, *, max_saving: bool
) -> list[Candidate]:
    """Return the ranked order, improved by the first exchange of two places that betters it until none does."""
    order = list(ranked)
    stages = _stages(order, contest, places)
    tried = 0
    while tried < MAX_EXCHANGES:
        for first, second in combinations(range(len(order)), 2):
            if first >= len(stages) - 1 or tried == MAX_EXCHANGES:
                # Behind the last place that is filled, no exchange changes anything.
                return order
            tried += 1
            exchanged = [*order]
            exchanged[first], exchanged[second] = order[second], order[first]
            others = _stages(exchanged[first:], stages[first].contest, stages[first].places)
            if _is_better(stages[first].saved + others[-1].saved, stages[-1].saved, max_saving=max_saving):
                order = exchanged
                stages = _stages(order, contest, places)
                break
        else:
            return order
    return order


class _Stage(NamedTuple):
    """What the first candidates of an order save and leave: units, and places for winners."""

    contest: Contest
    places: int | None
    saved: int


def _stages(order: Sequence[Candidate], contest: Contest, places: int | None) -> list[_Stage]:
    """Return the stages of applying candidates in an order, from before the first until nothing is left to win."""
    stages = [_Stage(contest, places, 0)]
    for candidate in order:
        left = stages[-1]
        if left.places == 0 or left.contest.is_over:
            break
        after, saved = _applied(candidate, left.contest)
        won = after is not left.contest
        stages.append(_Stage(after, left.places - 1 if left.places and won else left.places, left.saved + saved))
    return stages
