"""Masks of promotions: Python integers with a bit for each promotion, by ordinal, that something allows.

What is asked is worked out the first time, and kept. Each kind can be copied and corrected for one promotion,
so that an edit costs what it changes: ``put`` adds one whose ordinal is free, ``remove`` frees it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from datetime import datetime, time
from decimal import Decimal
from typing import TypeVar

from promotions.engine.facts.basket import Basket, SiteFacts
from promotions.engine.rules.compile import Predicate

ANSWERS_KEPT = 1_000
"""Answers that are corrected at an edit; where there are more (the spans of a replay) they are found anew."""

Asked = TypeVar("Asked")


def mask_of(holds: Iterable[bool]) -> int:
    """The mask of what holds, by ordinal. Written out as text: adding bit by bit copies the mask each time."""
    digits = "".join(["1" if one else "0" for one in holds])
    return int(digits[::-1], 2) if digits else 0


def _kept(answers: dict[Asked, int]) -> dict[Asked, int]:
    return answers.copy() if len(answers) <= ANSWERS_KEPT else {}


def _add(answers: dict[Asked, int], bit: int, holds: Callable[[Asked], bool]) -> None:
    for asked, mask in answers.items():
        if holds(asked):
            answers[asked] = mask | bit


def _take_out(answers: dict[Asked, int], bit: int) -> None:
    for asked, mask in answers.items():
        answers[asked] = mask & ~bit


class LifeMasks:
    """Promotions in force at a moment. Nothing begins or ends within a span, so that each is judged once.

    A span is known by the moment that it begins with; None for what is before all. A moment that nothing begins or ends
    with any more parts a span in two, and does no harm.
    """

    def __init__(self, moments: Iterable[datetime]) -> None:
        self.life_moments = sorted(set(moments))
        self._spans: dict[datetime | None, int] = {}

    def copy(self) -> "LifeMasks":
        """To be corrected."""
        other = LifeMasks(())
        other.life_moments, other._spans = self.life_moments.copy(), _kept(self._spans)
        return other

    def put(self, ordinal: int, moments: Iterable[datetime], is_live: Callable[[datetime], bool]) -> None:
        """Add a promotion whose life changes at some moments; it has not begun before the first of them."""
        for moment in moments:
            place = bisect_left(self.life_moments, moment)
            if place < len(self.life_moments) and self.life_moments[place] == moment:
                continue
            around = self._spans.get(self.life_moments[place - 1] if place else None)
            if around is not None:
                self._spans[moment] = around
            self.life_moments.insert(place, moment)
        _add(self._spans, 1 << ordinal, lambda begin: begin is not None and is_live(begin))

    def remove(self, ordinal: int) -> None:
        """Take a promotion out."""
        _take_out(self._spans, 1 << ordinal)

    def at(self, moment: datetime, is_live: Callable[[], Iterable[bool]]) -> int:
        """Those in force; ``is_live`` tells by ordinal, where it is not known yet."""
        place = bisect_right(self.life_moments, moment)
        begin = self.life_moments[place - 1] if place else None
        mask = self._spans.get(begin)
        if mask is None:
            mask = self._spans[begin] = mask_of(is_live())
        return mask


class SiteMasks:
    """Promotions whose site rules a site satisfies: judged once for each site."""

    def __init__(self, free: int, rules: dict[int, Predicate]) -> None:
        """``free`` are those without rules on the site; rules by ordinal."""
        self._free = free
        self._rules = rules
        self._sites: dict[SiteFacts, int] = {}

    def copy(self) -> "SiteMasks":
        """To be corrected."""
        other = SiteMasks(self._free, self._rules.copy())
        other._sites = _kept(self._sites)
        return other

    def put(self, ordinal: int, rules: Predicate | None) -> None:
        """Add a promotion."""
        bit = 1 << ordinal
        if rules is None:
            self._free |= bit
        else:
            self._rules[ordinal] = rules
        _add(self._sites, bit, lambda site: rules is None or rules(site))

    def remove(self, ordinal: int) -> None:
        """Take a promotion out."""
        self._free &= ~(1 << ordinal)
        self._rules.pop(ordinal, None)
        _take_out(self._sites, 1 << ordinal)

    def at(self, site: SiteFacts) -> int:
        """Those that may apply at a site."""
        mask = self._sites.get(site)
        if mask is None:
            mask = self._free
            for ordinal, rules in self._rules.items():
                if rules(site):
                    mask |= 1 << ordinal
            self._sites[site] = mask
        return mask


class HourMasks:
    """Promotions whose rules on the time of day hold. No answer changes within a span, so that each is judged once."""

    def __init__(self, free: int, rules: dict[int, Predicate], boundaries: Iterable[time]) -> None:
        """``free`` are those without rules on the time of day; rules by ordinal, and the times at which they change."""
        self._free = free
        self._rules = rules
        self._boundaries = sorted(set(boundaries))
        self._spans: dict[tuple[int, int], int] = {}

    def copy(self) -> "HourMasks":
        """To be corrected."""
        other = HourMasks(self._free, self._rules.copy(), self._boundaries)
        other._spans = self._spans.copy()
        return other

    def put(self, ordinal: int, rules: Predicate | None, boundaries: Iterable[time]) -> None:
        """Add a promotion, and the times at which what its rules say may change."""
        bit = 1 << ordinal
        if rules is None:
            self._free |= bit
            _add(self._spans, bit, lambda _span: True)
            return
        self._rules[ordinal] = rules
        for boundary in boundaries:
            if boundary not in self._boundaries:
                insort(self._boundaries, boundary)
        self._spans.clear()

    def remove(self, ordinal: int) -> None:
        """Take a promotion out."""
        self._free &= ~(1 << ordinal)
        self._rules.pop(ordinal, None)
        _take_out(self._spans, 1 << ordinal)

    def at(self, basket: Basket) -> int:
        """Those that may apply at a basket's time of day."""
        # At a boundary itself another condition may hold than on either side of it.
        now = basket.transaction_time
        span = bisect_left(self._boundaries, now), bisect_right(self._boundaries, now)
        mask = self._spans.get(span)
        if mask is None:
            mask = self._free
            for ordinal, rules in self._rules.items():
                if rules(basket):
                    mask |= 1 << ordinal
            self._spans[span] = mask
        return mask


class MinimumMasks:
    """Promotions that do not ask for more of a number than there is: for each amount asked those up to it."""

    def __init__(self, free: int, minima: Iterable[tuple[int, Decimal]]) -> None:
        """``free`` are those that ask for nothing; the others' ordinals, and how much they ask for."""
        by_minimum: dict[Decimal, int] = {}
        for ordinal, minimum in minima:
            by_minimum[minimum] = by_minimum.get(minimum, 0) | 1 << ordinal
        self._amounts = sorted(by_minimum)
        self._masks = [free]
        for amount in self._amounts:
            self._masks.append(self._masks[-1] | by_minimum[amount])

    def copy(self) -> "MinimumMasks":
        """To be corrected."""
        other = MinimumMasks(0, ())
        other._amounts, other._masks = self._amounts.copy(), self._masks.copy()
        return other

    def put(self, ordinal: int, minimum: Decimal | None) -> None:
        """Add a promotion that asks for so much; None for nothing."""
        place = 0
        if minimum is not None:
            place = bisect_left(self._amounts, minimum) + 1
            if place > len(self._amounts) or self._amounts[place - 1] != minimum:
                self._amounts.insert(place - 1, minimum)
                self._masks.insert(place, self._masks[place - 1])
        bit = 1 << ordinal
        self._masks[place:] = [mask | bit for mask in self._masks[place:]]

    def remove(self, ordinal: int) -> None:
        """Take a promotion out."""
        bit = 1 << ordinal
        self._masks = [mask & ~bit for mask in self._masks]

    def up_to(self, have: Decimal | int | None) -> int:
        """Those that ask for no more than this; None is no number."""
        return self._masks[0] if have is None else self._masks[bisect_right(self._amounts, have)]
