"""Keep one immutable snapshot per account in memory: rulebook, conflict policy, sites, offers.

A snapshot is built once per version of the account and shared by the process's threads. A request compares one number;
where it has changed, only the promotions changed since are read and compiled again.
"""

import gc
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery

from conflicts.resolver import Policy
from conflicts.selectors import conflict_policy
from consumers.models import Account, Site
from loyalty.models import Offer
from loyalty.selectors.universal_holdout import universal_holdout_of
from loyalty.services.till.metrics import rulebook_observe
from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.facts.basket import SiteFacts
from promotions.engine.rulebook.promotion import (
    Budget,
    Campaign,
    OfferFacts,
    Promotion,
    PromotionSource,
    Terms,
    compile_promotion,
)
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.models import Campaign as StoredCampaign
from promotions.models import PersonalizedPromotion, PromotionVersion
from promotions.models import Promotion as StoredPromotion
from promotions.selectors.promotion import site_facts

MAX_SNAPSHOTS = 200
"""Accounts whose snapshots stay in memory; the least recently used goes first."""

GC_FREEZE_THRESHOLD = 1_000
"""A rulebook of at least this many promotions is taken out of garbage collection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SitePlace:
    """A site with its time zone, and what rules may ask of it."""

    id: int
    number: str
    name: str
    zone: ZoneInfo
    facts: SiteFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountSnapshot:
    """What every decision needs of an account and what changes seldom, at one version of the account."""

    account_pk: int
    version: int
    epoch: int
    zone: ZoneInfo
    rulebook: Rulebook
    policy: Policy
    sites: dict[str, SitePlace]
    sites_by_id: dict[int, SitePlace]
    offers: dict[str, Offer]
    offers_by_id: dict[int, Offer]
    limited_offers: frozenset[str]


_snapshots: OrderedDict[int, AccountSnapshot] = OrderedDict()
_lock = Lock()


def snapshot_current(*, account: Account) -> AccountSnapshot:
    """Return the account's snapshot at the version that the account's row says, or a newer one.

    ``account`` must have been read in this request.
    """
    snapshot = _snapshots.get(account.pk)
    if (
        snapshot is not None
        and snapshot.version >= account.rulebook_version
        and snapshot.epoch == account.rulebook_epoch
    ):
        return snapshot
    with _lock:
        snapshot = _snapshots.get(account.pk)
        if snapshot is None or snapshot.version < account.rulebook_version or snapshot.epoch != account.rulebook_epoch:
            is_same_epoch = snapshot is not None and snapshot.epoch == account.rulebook_epoch
            previous = snapshot if is_same_epoch else None
            snapshot = _snapshots[account.pk] = _read(account, previous)
            if previous is None:
                gc_freeze_if_large(snapshot.rulebook)
            rulebook_observe(version=snapshot.version)
        _snapshots.move_to_end(account.pk)
        while len(_snapshots) > MAX_SNAPSHOTS:
            _snapshots.popitem(last=False)
    return snapshot


def gc_freeze_if_large(rulebook: Rulebook) -> None:
    """Take a large rulebook, which stays, out of garbage collection, which would traverse it again and again."""
    if len(rulebook) >= GC_FREEZE_THRESHOLD:
        gc.collect()
        gc.freeze()


def snapshots_forget() -> None:
    """Drop every snapshot, as a process that starts has none."""
    with _lock:
        _snapshots.clear()


def _read(account: Account, previous: AccountSnapshot | None) -> AccountSnapshot:
    terms = account_terms(account)
    offers = list(Offer.objects.filter(account=account).select_related("product"))
    facts = {offer.code: _offer_facts(offer) for offer in offers}
    personalized = _personalized_terms(account)
    campaigns = _campaigns_with_budgets(account)
    sites = {site.number: _site_place(site, account) for site in Site.objects.filter(account=account)}
    stored = StoredPromotion.objects.filter(account=account)
    if previous is None:
        rulebook = Rulebook.build(
            _compiled(stored.filter(archived=False)),
            terms=terms,
            offers=facts,
            personalized=personalized,
            campaigns=campaigns,
        )
    else:
        changed = stored.filter(revision__gt=previous.version)
        rulebook = previous.rulebook.changed(
            removed=changed.filter(archived=True).values_list("id", flat=True),
            put=list(_compiled(changed.filter(archived=False))),
            terms=terms,
            offers=facts,
            personalized=personalized,
            campaigns=campaigns,
        )
    return AccountSnapshot(
        account_pk=account.pk,
        version=account.rulebook_version,
        epoch=account.rulebook_epoch,
        zone=account.zone,
        rulebook=rulebook,
        policy=conflict_policy(account_id=account.pk),
        sites=sites,
        sites_by_id={site.id: site for site in sites.values()},
        offers={offer.code: offer for offer in offers},
        offers_by_id={offer.pk: offer for offer in offers},
        limited_offers=frozenset(offer.code for offer in offers if offer.stock is not None),
    )


def _compiled(stored: QuerySet[StoredPromotion]) -> Iterable[Promotion]:
    return (compile_promotion(source) for source in _sources(stored))


_SOURCE_FIELDS = (
    "id",
    "family",
    "code",
    "type",
    "subtype",
    "name",
    "version",
    "currency",
    "starts_at",
    "ends_at",
    "draft",
    "stopped_at",
    "outcome",
    "eligibility",
    "content",
    "budget",
    "customer_budget",
    "campaign_id",
)


def _sources(stored: QuerySet[StoredPromotion]) -> Iterator[PromotionSource]:
    version = PromotionVersion.objects.filter(promotion=OuterRef("pk"), number=OuterRef("version"))
    rows = stored.annotate(version_row=Subquery(version.values("id")[:1])).values("version_row", *_SOURCE_FIELDS)
    for row in rows.order_by("id").iterator(chunk_size=2000):
        yield PromotionSource(version_id=row.pop("version_row") or 0, **row)


def account_terms(account: Account) -> Terms:
    """Return the account's earning terms, as the engine is given them."""
    rates = {code: Fraction(rate) for code, rate in account.other_earn_rates.items()}
    rates[account.currency] = Fraction(account.points_per_currency_unit)
    return Terms(
        currency=account.currency,
        earn_rates=rates,
        point_value=Fraction(account.point_value),
        universal_holdout=universal_holdout_of(account),
    )


def _offer_facts(offer: Offer) -> OfferFacts:
    return OfferFacts(
        code=offer.code,
        perceived_value=Fraction(offer.perceived_value),
        starts_at=offer.starts_at,
        ends_at=offer.ends_at,
        archived=offer.archived,
    )


def _personalized_terms(account: Account) -> dict[str, PersonalizedTerms]:
    """Return the account's personalized promotions, by backend id; an archived one has no effect any more."""
    rows = PersonalizedPromotion.objects.filter(account=account, archived=False)
    return {
        backend_id: PersonalizedTerms(maximum_distinct_products=maximum, lock_after_first_apply=locks)
        for backend_id, maximum, locks in rows.values_list(
            "backend_id", "maximum_distinct_products", "lock_after_first_apply"
        )
    }


def _campaigns_with_budgets(account: Account) -> dict[int, Campaign]:
    """Return the account's campaigns that have a budget, by id, archived ones too: these keep their members."""
    rows = StoredCampaign.objects.filter(account=account, budget__isnull=False)
    return {
        pk: Campaign(pk, code, name, Budget(amount or 0, (budget or {})["when_short"]))
        for pk, code, name, amount, budget in rows.values_list("id", "code", "name", "budget_amount", "budget")
    }


def _site_place(site: Site, account: Account) -> SitePlace:
    return SitePlace(
        id=site.pk,
        number=site.number,
        name=site.name,
        zone=site.zone_in(account),
        facts=site_facts(site),
    )
