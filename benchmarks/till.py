"""The till's path from bytes to bytes, without its database: what the reads would have found is handed in."""

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
from loyalty.services.till.profiling import Costs
from loyalty.services.till.quote import EXPLAINED, Quote, decide
from loyalty.services.till.reads import ShopperRecord, StoredList, UsageRecord
from loyalty.services.till.snapshot import AccountSnapshot, SitePlace, spare_garbage_collector
from promotions.engine.facts.basket import SiteFacts
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.rulebook import Rulebook

_PRODUCTS = {sku(product): product_facts(product) for product in range(500)}
_STORED = UsageRecord(
    total={},
    by_consumer={},
    progress={},
    vouchers_left={},
    lists={name: StoredList(id=n, choice=choice) for n, (name, choice) in enumerate(CHOICES.items(), start=1)},
    vouchers={},
)


class Till:
    """Answers baskets by one rulebook, as ``baskets/evaluate`` does."""

    def __init__(self, rulebook: Rulebook) -> None:
        spare_garbage_collector(rulebook)
        place = SitePlace(
            id=1,
            number=SITE,
            name="York",
            zone=ZoneInfo("Europe/London"),
            facts=SiteFacts(site_number=SITE.casefold(), town=TOWN.casefold()),
        )
        self.book = AccountSnapshot(
            account_pk=1,
            version=1,
            epoch=1,
            rulebook=rulebook,
            policy=Policy(promotions_per_type=3),
            sites={SITE: place},
            sites_by_id={1: place},
            offers={},
            offers_by_id={},
            limited_offers=frozenset(),
        )
        self.known = ShopperRecord(
            consumer=Consumer(id=1, account=Account(id=1), consumer_id=CONSUMER, points_balance=BALANCE),
            groups=frozenset({GROUP}),
            home_site=None,
            status="active",
            enrolled_on=date(2025, 1, 1),
            card_type="",
            personalized_promotions=frozenset(CHOICES),
        )
        self.explained = tuple(sorted(rulebook, key=lambda one: (one.code, one.source.family))[:EXPLAINED])

    def quote(self, body: bytes, *, explain: bool = False) -> Quote:
        """What a basket would earn."""
        return decide(
            sale=sale_decoded(body, now=NOW, commit=False),
            book=self.book,
            known=self.known,
            products=_PRODUCTS,
            explained=self.explained if explain else (),
            sampled=True,
        )

    def answer(self, body: bytes, *, explain: bool = False) -> bytes:
        """Bytes to bytes."""
        made = self.quote(body, explain=explain)
        balance = BALANCE + made.decision.points
        answer = answer_of(made.decision, reference="", status="quoted", balance=balance, warnings=made.warnings)
        if explain:
            answer["not_applied"] = explanation_of(made.decision)
        return msgspec.json.encode(answer)

    def matches(self, body: bytes) -> set[str]:
        """The codes of the promotions that a basket qualifies for."""
        return qualified(self.quote(body).decision)


def qualified(decision: Decision) -> set[str]:
    """The codes of those that apply, that lose a conflict, or for which the others left nothing to give."""
    others = {one.promotion.code for one in decision.refused if one.reason in ("lost_conflict", "no_value")}
    return others | {one.promotion.code for one in decision.applied}


@contextmanager
def without_database() -> Iterator[None]:
    """Within it, what was used so far is known without asking, and what sampled decisions cost stays in memory."""
    costs = Costs(background=False)
    with (
        patch.object(quotes, "usage_read", lambda *_request, **_contended: _STORED),
        patch.object(quotes, "COSTS", costs),
    ):
        yield
