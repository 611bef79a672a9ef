"""The till's path from bytes to bytes, without its database: it is given what the reads would have read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from unittest.mock import patch
from zoneinfo import ZoneInfo

import msgspec

from benchmarks.workload import BALANCE, CHOICES, CONSUMER, GROUP, NOW, SITE, TOWN, product_facts, sku
from conflicts.resolver import Policy
from consumers.models import Account, Consumer
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.services.till import quote as quotes
from loyalty.services.till.answer import answer_of, explanation_of
from loyalty.services.till.profiling import PromotionProfiler
from loyalty.services.till.quote import NO_EXPLANATION, Quote, decide, explanation_of_first, prepare
from loyalty.services.till.reads import SaleContext, ShopperRecord, StoredList, UsageRecord
from loyalty.services.till.snapshot import AccountSnapshot, SitePlace, gc_freeze_if_large
from promotions.engine.facts.basket import SiteFacts
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.rulebook import Rulebook

_PRODUCTS = {sku(product): product_facts(product) for product in range(500)}
_STORED = UsageRecord(
    total={},
    budget_used={},
    campaign_used={},
    by_consumer={},
    in_period={},
    received={},
    progress={},
    vouchers_left={},
    lists={name: StoredList(id=n, choice=choice) for n, (name, choice) in enumerate(CHOICES.items(), start=1)},
    vouchers={},
)


class Till:
    """Answers baskets by one rulebook, as ``baskets/evaluate`` does."""

    def __init__(self, rulebook: Rulebook) -> None:
        gc_freeze_if_large(rulebook)
        self.profiler = PromotionProfiler(background=False)
        site = SitePlace(
            id=1,
            number=SITE,
            name="York",
            zone=ZoneInfo("Europe/London"),
            facts=SiteFacts(site_number=SITE.casefold(), town=TOWN.casefold()),
        )
        self.snapshot = AccountSnapshot(
            account_pk=1,
            version=1,
            epoch=1,
            zone=site.zone,
            rulebook=rulebook,
            policy=Policy(promotions_per_type=3),
            sites={SITE: site},
            sites_by_id={1: site},
            offers={},
            offers_by_id={},
            limited_offers=frozenset(),
        )
        shopper = ShopperRecord(
            consumer=Consumer(id=1, account=Account(id=1), consumer_id=CONSUMER, points_balance=BALANCE),
            groups=frozenset({GROUP}),
            home_site=None,
            status="active",
            enrolled_on=date(2025, 1, 1),
            card_type="",
            personalized_promotions=frozenset(CHOICES),
        )
        self.context = SaleContext(shopper=shopper, products=_PRODUCTS)
        self.explanation = explanation_of_first(
            sorted(rulebook, key=lambda promotion: (promotion.code, promotion.source.family))
        )

    def quote(self, body: bytes, *, explain: bool = False) -> Quote:
        """Decide what a basket would earn."""
        prepared = prepare(sale_decoded(body, now=NOW, commit=False), self.snapshot, self.context)
        return decide(prepared, self.explanation if explain else NO_EXPLANATION, profiler=self.profiler)

    def answer(self, body: bytes, *, explain: bool = False) -> bytes:
        """Return the answer to a basket, bytes to bytes."""
        quote = self.quote(body, explain=explain)
        answer = answer_of(
            quote.decision, reference="", status="quoted", balance=quote.balance, warnings=quote.warnings
        )
        if explain:
            answer["not_applied"] = explanation_of(quote.decision)
        return msgspec.json.encode(answer)

    def matches(self, body: bytes) -> set[str]:
        """Return the codes of the promotions that a basket qualifies for."""
        return qualified(self.quote(body).decision)


def qualified(decision: Decision) -> set[str]:
    """Return the codes of those that apply, that lose a conflict, or for which the others left nothing to give."""
    refused = {
        refusal.promotion.code for refusal in decision.refused if refusal.reason in ("lost_conflict", "no_value")
    }
    return refused | {applied.promotion.code for applied in decision.applied}


@contextmanager
def without_database() -> Iterator[None]:
    """Answer what was used so far without a database."""
    with patch.object(quotes, "usage_read", lambda *_args, **_kwargs: _STORED):
        yield
