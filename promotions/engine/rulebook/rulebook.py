"""Promotions compiled and indexed for one account: built once per version, shared by all threads, read by all.

Each promotion has an ordinal. Indexes answer with masks: Python integers with the bits of the promotions that a basket
could have. A few ANDs and ORs of masks give the candidates of a basket; only they are evaluated, so a decision costs
what matches, not what exists.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper
from promotions.engine.rulebook.indexes import PromotionIndex, empty_indexes
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.masks import ALL
from promotions.engine.rulebook.promotion import Campaign, OfferFacts, Promotion, Terms

MAX_CORRECTED_PROMOTIONS = 100
"""Masks are corrected for at most this many promotions put or removed at once; after more they are computed again."""


class Rulebook:
    """An account's promotions (drafts too, archived ones not), compiled and indexed. Never changed once built."""

    def __init__(
        self,
        *,
        terms: Terms,
        offers: Mapping[str, OfferFacts],
        personalized: Mapping[str, PersonalizedTerms],
        campaigns: Mapping[int, Campaign],
    ) -> None:
        self.terms = terms
        self.campaigns = campaigns
        self.offers = offers
        self.personalized = personalized
        self._promotions: list[Promotion | None] = []
        self._ordinals: dict[int, int] = {}
        self._indexes: tuple[PromotionIndex, ...] = empty_indexes()
        self._by_code: list[tuple[int, Promotion]] | None = None
        """Ordinals and promotions in order of code: sorted when it is first asked for, then corrected at an edit."""
        self._with_lists: list[Promotion] | None = None
        """The discounts with personalized product sets: collected when they are first asked for."""

    @classmethod
    def build(
        cls,
        promotions: Iterable[Promotion],
        *,
        terms: Terms,
        offers: Mapping[str, OfferFacts] | None = None,
        personalized: Mapping[str, PersonalizedTerms] | None = None,
        campaigns: Mapping[int, Campaign] | None = None,
    ) -> "Rulebook":
        """Return a rulebook of compiled promotions; ``campaigns`` are by id."""
        rulebook = cls(terms=terms, offers=offers or {}, personalized=personalized or {}, campaigns=campaigns or {})
        for promotion in promotions:
            rulebook._put(promotion)
        return rulebook

    def changed(
        self,
        *,
        put: Iterable[Promotion] = (),
        removed: Iterable[int] = (),
        terms: Terms | None = None,
        offers: Mapping[str, OfferFacts] | None = None,
        personalized: Mapping[str, PersonalizedTerms] | None = None,
        campaigns: Mapping[int, Campaign] | None = None,
    ) -> "Rulebook":
        """Return a rulebook with some promotions added or replaced and others (by id) removed; the rest is shared."""
        removed, put = list(removed), list(put)
        is_small = len(removed) + len(put) <= MAX_CORRECTED_PROMOTIONS
        other = Rulebook(
            terms=terms or self.terms,
            offers=self.offers if offers is None else offers,
            personalized=self.personalized if personalized is None else personalized,
            campaigns=self.campaigns if campaigns is None else campaigns,
        )
        other._promotions, other._ordinals = self._promotions.copy(), self._ordinals.copy()
        other._indexes = tuple(index.copy(keep_masks=is_small) for index in self._indexes)
        if is_small and self._by_code is not None:
            other._by_code = self._by_code.copy()
        for promotion_id in removed:
            other._remove(promotion_id)
        for promotion in put:
            other._put(promotion)
        return other

    def _put(self, promotion: Promotion) -> None:
        self._remove(promotion.id)
        ordinal = self._ordinals.get(promotion.id)
        if ordinal is None:
            ordinal = self._ordinals[promotion.id] = len(self._promotions)
            self._promotions.append(promotion)
        else:
            self._promotions[ordinal] = promotion
        for index in self._indexes:
            index.put(ordinal, promotion)
        if self._by_code is not None:
            insort(self._by_code, (ordinal, promotion), key=_code_order)

    def _remove(self, promotion_id: int) -> None:
        ordinal = self._ordinals.get(promotion_id)
        promotion = None if ordinal is None else self._promotions[ordinal]
        if ordinal is None or promotion is None:
            return
        self._promotions[ordinal] = None
        for index in self._indexes:
            index.remove(ordinal, promotion)
        if self._by_code is not None:
            self._by_code = [entry for entry in self._by_code if entry[0] != ordinal]

    # --- reading ----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Promotion]:
        return (promotion for promotion in self._promotions if promotion is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, promotion_id: int) -> Promotion | None:
        """Return a promotion by its id."""
        ordinal = self._ordinals.get(promotion_id)
        return None if ordinal is None else self._promotions[ordinal]

    def candidates(self, basket: Basket, shopper: Shopper | None) -> list[Promotion]:
        """Return the promotions that no index rules out."""
        mask = ALL
        for index in self._indexes:
            mask &= index.mask(basket, shopper)
        return self._of_mask(mask)

    def lists_in_force(self, basket: Basket) -> list[str]:
        """Return the personalized promotions, by backend id, of the discounts in force in the basket's currency."""
        if self._with_lists is None:
            self._with_lists = [promotion for promotion in self if promotion.personalized]
        backend_ids = {
            backend_id
            for promotion in self._with_lists
            if promotion.source.currency == basket.currency and life_reason(promotion.source, basket.at) is None
            for backend_id in promotion.personalized
        }
        return sorted(backend_ids & self.personalized.keys())

    def nearest(self, basket: Basket, shopper: Shopper | None, *, limit: int) -> list[Promotion]:
        """Return up to ``limit`` promotions: first those that pass more stages of the checks, among equals by code."""
        stages = [(1 << len(self._promotions)) - 1]
        for index in self._indexes:
            stages.append(stages[-1] & index.mask(basket, shopper))
        nearest: list[Promotion] = []
        added = 0
        for mask in reversed(stages):
            nearest += self._first_by_code(mask & ~added, limit=limit - len(nearest))
            added |= mask
            if len(nearest) >= limit:
                break
        return nearest

    def _first_by_code(self, mask: int, *, limit: int) -> list[Promotion]:
        """Return up to ``limit`` promotions of a mask, by code: the order of their creation is no reason to prefer."""
        if mask.bit_count() <= limit:
            return self._of_mask(mask)
        by_code = self._by_code
        if by_code is None:
            entries = [(ordinal, p) for ordinal, p in enumerate(self._promotions) if p is not None]
            by_code = self._by_code = sorted(entries, key=_code_order)
        bits = f"{mask:0{len(self._promotions)}b}"[::-1]
        return list(islice((promotion for ordinal, promotion in by_code if bits[ordinal] == "1"), limit))

    def _of_mask(self, mask: int) -> list[Promotion]:
        chosen: list[Promotion] = []
        promotions = self._promotions
        while mask:
            lowest = mask & -mask
            mask ^= lowest
            promotion = promotions[lowest.bit_length() - 1]
            if promotion is not None:
                chosen.append(promotion)
        return chosen


def _code_order(entry: tuple[int, Promotion]) -> tuple[str, str]:
    return entry[1].code, entry[1].source.family
