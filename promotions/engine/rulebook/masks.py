"""Masks of promotions: Python integers with one bit for each promotion, by ordinal, that something allows.

Masks are computed when they are first asked for, and kept. An edit copies them and corrects the bit of one promotion:
``put`` adds a promotion whose ordinal is free, ``remove`` frees the ordinal.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime, time
from decimal import Decimal
from typing import TypeVar

from promotions.engine.facts.basket import Basket, SiteFacts
from promotions.engine.rules.compile import Predicate
from promotions.engine.rules.index import Key

ALL = -1
"""The mask of every promotion."""

MAX_CORRECTED_MASKS = 1_000
"""An edit corrects at most this many masks of one kind; of more (the spans of a replay) all are computed again."""

Question = TypeVar("Question")


def mask_of(flags: Iterable[bool]) -> int:
    """Return the mask of flags in order of ordinals. It is written as text: adding bit by bit copies it each time."""
    digits = "".join(["1" if flag else "0" for flag in flags])
    return int(digits[::-1], 2) if digits else 0


def _correctable(masks: dict[Question, int]) -> dict[Question, int]:
    return masks.copy() if len(masks) <= MAX_CORRECTED_MASKS else {}


def _set_bit(masks: dict[Question, int], bit: int, allows: Callable[[Question], bool]) -> None:
    for question, mask in masks.items():
        if allows(question):
            masks[question] = mask | bit


def _clear_bit(masks: dict[Question, int], bit: int) -> None:
    for question, mask in masks.items():
        masks[question] = mask & ~bit


class KeyMasks:
    """Promotions by the keys that they need: of several keys one is enough, and some promotions need none."""

    def __init__(self) -> None:
        self._by_key: dict[Key, int] = {}
        self._unkeyed = 0

    def copy(self) -> "KeyMasks":
        """Return a copy to be corrected."""
        other = KeyMasks()
        other._by_key, other._unkeyed = self._by_key.copy(), self._unkeyed
        return other

    def put(self, bit: int, keys: frozenset[Key] | None) -> None:
        """Add a promotion that needs one of the keys; None needs none."""
        if keys is None:
            self._unkeyed |= bit
            return
        for key in keys:
            self._by_key[key] = self._by_key.get(key, 0) | bit

    def remove(self, bit: int, keys: frozenset[Key] | None) -> None:
        """Remove a promotion that was put with these keys."""
        if keys is None:
            self._unkeyed &= ~bit
            return
        for key in keys:
            mask = self._by_key[key] & ~bit
            if mask:
                self._by_key[key] = mask
            else:
                del self._by_key[key]

    def of(self, keys: Iterable[Key]) -> int:
        """Return the promotions that the keys of a basket or shopper allow."""
        mask, by_key = self._unkeyed, self._by_key
        for key in keys:
            keyed = by_key.get(key)
            if keyed is not None:
                mask |= keyed
        return mask


class LifeMasks:
    """Promotions in force at a moment. Nothing begins or ends within a span of time, so each span is judged once.

    A span is known by the moment at which it begins; None begins before all. An edit may leave a moment at which
    nothing begins or ends any more: it divides one span in two and does no harm.
    """

    def __init__(self, moments: Iterable[datetime]) -> None:
        self._moments = sorted(set(moments))
        self._spans: dict[datetime | None, int] = {}

    def copy(self) -> "LifeMasks":
        """Return a copy to be corrected."""
        other = LifeMasks(())
        other._moments, other._spans = self._moments.copy(), _correctable(self._spans)
        return other

    def put(self, ordinal: int, moments: Iterable[datetime], is_live: Callable[[datetime], bool]) -> None:
        """Add a promotion whose life changes at some moments; it has not begun before the first of them."""
        for moment in moments:
            place = bisect_left(self._moments, moment)
            if place < len(self._moments) and self._moments[place] == moment:
                continue
            divided = self._spans.get(self._moments[place - 1] if place else None)
            if divided is not None:
                self._spans[moment] = divided
            self._moments.insert(place, moment)
        _set_bit(self._spans, 1 << ordinal, lambda begin: begin is not None and is_live(begin))

    def remove(self, ordinal: int) -> None:
        """Remove a promotion."""
        _clear_bit(self._spans, 1 << ordinal)

    def at(self, moment: datetime, are_live: Callable[[], Iterable[bool]]) -> int:
        """Return the promotions in force; ``are_live`` says it of each ordinal, where the span has not been judged."""
        place = bisect_right(self._moments, moment)
        begin = self._moments[place - 1] if place else None
        mask = self._spans.get(begin)
        if mask is None:
            mask = self._spans[begin] = mask_of(are_live())
        return mask


class SiteMasks:
    """Promotions whose site rules a site satisfies: judged once for each site."""

    def __init__(self) -> None:
        self._free = 0
        self._rules: dict[int, Predicate] = {}
        self._sites: dict[SiteFacts, int] = {}

    def copy(self, *, keep_masks: bool) -> "SiteMasks":
        """Return a copy to be corrected."""
        other = SiteMasks()
        other._free, other._rules = self._free, self._rules.copy()
        if keep_masks:
            other._sites = _correctable(self._sites)
        return other

    def put(self, ordinal: int, rules: Predicate | None) -> None:
        """Add a promotion; None has no rules on the site."""
        bit = 1 << ordinal
        if rules is None:
            self._free |= bit
        else:
            self._rules[ordinal] = rules
        _set_bit(self._sites, bit, lambda site: rules is None or rules(site))

    def remove(self, ordinal: int) -> None:
        """Remove a promotion."""
        self._free &= ~(1 << ordinal)
        self._rules.pop(ordinal, None)
        _clear_bit(self._sites, 1 << ordinal)

    def at(self, site: SiteFacts) -> int:
        """Return the promotions that may apply at a site."""
        mask = self._sites.get(site)
        if mask is None:
            mask = self._sites[site] = _with_rules(self._free, self._rules, site)
        return mask


class HourMasks:
    """Promotions whose rules on the time of day hold. No answer changes within a span, so each span is judged once."""

    def __init__(self) -> None:
        self._free = 0
        self._rules: dict[int, Predicate] = {}
        self._boundaries: list[time] = []
        self._spans: dict[tuple[int, int], int] = {}

    def copy(self, *, keep_masks: bool) -> "HourMasks":
        """Return a copy to be corrected."""
        other = HourMasks()
        other._free, other._rules, other._boundaries = self._free, self._rules.copy(), self._boundaries.copy()
        if keep_masks:
            other._spans = self._spans.copy()
        return other

    def put(self, ordinal: int, rules: Predicate | None, boundaries: Iterable[time]) -> None:
        """Add a promotion, with the times at which the answer of its rules may change; None has no such rules."""
        bit = 1 << ordinal
        if rules is None:
            self._free |= bit
            _set_bit(self._spans, bit, lambda _span: True)
            return
        self._rules[ordinal] = rules
        for boundary in boundaries:
            place = bisect_left(self._boundaries, boundary)
            if place == len(self._boundaries) or self._boundaries[place] != boundary:
                self._boundaries.insert(place, boundary)
        self._spans.clear()

    def remove(self, ordinal: int) -> None:
        """Remove a promotion."""
        self._free &= ~(1 << ordinal)
        self._rules.pop(ordinal, None)
        _clear_bit(self._spans, 1 << ordinal)

    def at(self, basket: Basket) -> int:
        """Return the promotions that may apply at a basket's time of day."""
        # At a boundary itself another condition may hold than on either side of it.
        now = basket.transaction_time
        span = bisect_left(self._boundaries, now), bisect_right(self._boundaries, now)
        mask = self._spans.get(span)
        if mask is None:
            mask = self._spans[span] = _with_rules(self._free, self._rules, basket)
        return mask


def _with_rules(free: int, rules: dict[int, Predicate], subject: SiteFacts | Basket) -> int:
    mask = free
    for ordinal, holds in rules.items():
        if holds(subject):
            mask |= 1 << ordinal
    return mask


class MinimumMasks:
    """Promotions by the least value that they ask of a number, such as the total of a basket."""

    def __init__(self) -> None:
        self._minima: dict[int, Decimal] = {}
        self._free = 0
        self._thresholds: tuple[list[Decimal], list[int]] | None = None
        """Each minimum, and one more mask than minima: what is allowed below all, from the first, from the second, …"""

    def copy(self, *, keep_masks: bool) -> "MinimumMasks":
        """Return a copy to be corrected."""
        other = MinimumMasks()
        other._minima, other._free = self._minima.copy(), self._free
        if keep_masks and self._thresholds is not None:
            minima, masks = self._thresholds
            other._thresholds = minima.copy(), masks.copy()
        return other

    def put(self, ordinal: int, minimum: Decimal | None) -> None:
        """Add a promotion; None asks for no minimum."""
        bit = 1 << ordinal
        if minimum is None:
            self._free |= bit
        else:
            self._minima[ordinal] = minimum
        if self._thresholds is None:
            return
        minima, masks = self._thresholds
        place = 0
        if minimum is not None:
            place = bisect_left(minima, minimum) + 1
            if place > len(minima) or minima[place - 1] != minimum:
                minima.insert(place - 1, minimum)
                masks.insert(place, masks[place - 1])
        masks[place:] = [mask | bit for mask in masks[place:]]

    def remove(self, ordinal: int) -> None:
        """Remove a promotion."""
        bit = 1 << ordinal
        self._free &= ~bit
        self._minima.pop(ordinal, None)
        if self._thresholds is not None:
            minima, masks = self._thresholds
            self._thresholds = minima, [mask & ~bit for mask in masks]

    def up_to(self, value: Decimal | int | None) -> int:
        """Return the promotions that ask for no more than a value; None is no value."""
        thresholds = self._thresholds
        if thresholds is None:
            thresholds = self._thresholds = self._by_price()
        minima, masks = thresholds
        return masks[0] if value is None else masks[bisect_right(minima, value)]

    def _by_price(self) -> tuple[list[Decimal], list[int]]:
        by_minimum: dict[Decimal, int] = {}
        for ordinal, minimum in self._minima.items():
            by_minimum[minimum] = by_minimum.get(minimum, 0) | 1 << ordinal
        minima = sorted(by_minimum)
        masks = [self._free]
        for minimum in minima:
            masks.append(masks[-1] | by_minimum[minimum])
        return minima, masks
