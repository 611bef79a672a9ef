"""Fill the demo accounts, through the services that the admin, the REST API and tills use.

Every step creates only what is missing, so that a run that was cut off is completed by the next, and one more run
changes nothing. Dates are relative to the moment at which an account was created.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import reset_queries, transaction
from django.db.models import F, Sum
from django.utils.crypto import salted_hmac

from consumers.author import Author
from consumers.choices import KeyRole, MembershipStatus, StaffRole
from consumers.models import Account, ApiKey, Consumer, ConsumerGroup, SavedFilter, Site, StaffMembership, User
from consumers.selectors import saved_filters_of
from consumers.services.account import AccountValues, account_create, account_update, api_key_create
from consumers.services.consumer import ConsumerValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.saved_filter import SavedFilterValues, saved_filter_add
from consumers.services.schedule import database_now
from consumers.services.site import SiteValues, sites_save
from consumers.services.staff import staff_member_add
from loyalty.choices import MessageState
from loyalty.exceptions import LoyaltyError
from loyalty.management.demo import bookshop, discounts, programme, shop
from loyalty.management.demo.campaigns import CAMPAIGNS, PlannedCampaign, campaign_of
from loyalty.management.demo.discounts import Lists, PlannedDiscount
from loyalty.management.demo.programme import Planned
from loyalty.management.demo.sales import Trade, returns, sales
from loyalty.models import LedgerEntry, Offer, RedemptionMessage, Reversal, Transaction, Voucher
from loyalty.selectors.rewards import voucher_is_valid
from loyalty.selectors.universal_holdout import holdout_period
from loyalty.selectors.uplift_report import has_control_group
from loyalty.services.points.adjustment import points_adjust
from loyalty.services.promotion import loyalty_promotion_save
from loyalty.services.results.count import results_count
from loyalty.services.rewards.claim import offer_claim
from loyalty.services.rewards.offer import OfferValues, offers_save
from loyalty.services.sales_import.past_sales import batched
from loyalty.services.till.commit import transaction_commit
from loyalty.services.till.profiling import PROFILER
from loyalty.services.till.reversal import transaction_reverse
from loyalty.services.till.sale import Sale
from loyalty.services.uplift.population import population_freeze, populations_update, programme_freeze
from promotions.models import Campaign, PersonalizedPromotion, Product, Promotion
from promotions.selectors.budget import budget_state, campaign_budget_state
from promotions.services.campaign import campaigns_save
from promotions.services.discount import discount_save
from promotions.services.personalized.assignments import personalized_lists_assign
from promotions.services.personalized.lists import personalized_list_select
from promotions.services.personalized.promotion import personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from promotions.services.promotion.life import promotion_stop
from promotions.services.status import statuses_sync

ACCOUNT, SECOND_ACCOUNT = "demo", "demo-books"
SALES, SECOND_SALES = 6000, 150
BATCH_SIZE = 250
DEMO = Author(label="demo")
MAX_MEASURED_FOR = timedelta(minutes=1)
SEND_DELAY = timedelta(seconds=2)
"""How long after a sale its till sends it."""

VOUCHER_USE_RATE = 0.6
"""How often those who have a voucher present it."""

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""Given a label and a total, shows progress; yields the function that advances it."""

STAFF = (
    ("demo-admin", "Hana", "Whitaker", StaffRole.ADMINISTRATOR),
    ("demo-marketer", "Marco", "Bell", StaffRole.MARKETER),
    ("demo-service", "Sasha", "Reid", StaffRole.CUSTOMER_SERVICE),
    ("demo-viewer", "Vic", "Palmer", StaffRole.VIEWER),
)
SECOND_STAFF = (("demo-admin", "Hana", "Whitaker", StaffRole.ADMINISTRATOR),)
"""One member of staff works in both accounts."""

KEYS = (("demo-manager", KeyRole.MANAGER), ("demo-till", KeyRole.TILL))
_GOODWILL = (
    (75, "Goodwill: the order came late"),
    (50, "Missing points from a receipt"),
    (120, "Prize draw in the newsletter"),
    (-30, "Correction: a receipt was counted twice"),
)
_MESSAGE_ERRORS = (
    (MessageState.UNCERTAIN, "SMTPServerDisconnected: Connection unexpectedly closed"),
    (MessageState.FAILED, "SMTPRecipientsRefused: 550 No such user here"),
)


@dataclass(frozen=True, kw_only=True)
class LogIn:
    """A staff user who can log in; ``roles`` are by account code."""

    username: str
    password: str
    roles: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demo accounts, and how to log in. Keys are new at every run: only their hashes are stored."""

    account: Account
    second_account: Account
    manager_key: str
    till_key: str
    log_ins: tuple[LogIn, ...]
    sales: int
    new_sales: int


@dataclass(frozen=True, kw_only=True)
class _Content:
    """What an account is filled with."""

    trade: Trade
    promotions: Sequence[Planned | PlannedDiscount]
    campaigns: Sequence[PlannedCampaign] = ()
    sales: int
    lists: Sequence[Lists] = ()
    groups: Sequence[GroupValues] = ()
    offers: Sequence[OfferValues] = ()
    adjustments: int = 0
    claims: int = 0


def demo_fill(*, at: datetime, bar: Bar) -> Demo:
    """Create the demo accounts, or what is missing of them.

    Args:
        at: now, by which statuses are brought up to date.
        bar: shows the progress of the sales.
    """
    account, new_sales = _shop(at, bar)
    second = _bookshop(bar)
    statuses_sync(at=at)
    results_count(clock=database_now)
    populations_update(clock=database_now, for_at_most=MAX_MEASURED_FOR)
    # This process ends before its thread would write what it measured.
    PROFILER.write()
    log_ins = _staff({account: STAFF, second: SECOND_STAFF})
    _saved_filters(account)
    manager_key, till_key = _keys(account)
    return Demo(
        account=account,
        second_account=second,
        manager_key=manager_key,
        till_key=till_key,
        log_ins=log_ins,
        sales=Transaction.objects.filter(account=account).count(),
        new_sales=new_sales,
    )


def _shop(at: datetime, bar: Bar) -> tuple[Account, int]:
    """Fill the main account; return it and the number of its sales that are new."""
    account = _account(
        code=ACCOUNT,
        values=AccountValues(
            name=shop.NAME,
            currency=shop.CURRENCY,
            time_zone=shop.TIME_ZONE,
            other_earn_rates=shop.EARN_RATES,
            universal_holdout=shop.universal_holdout(today=at.astimezone(ZoneInfo(shop.TIME_ZONE)).date()),
        ),
    )
    created_at = account.created_at.astimezone(account.zone)
    consumers = shop.consumers(today=created_at.date())
    trade = Trade(
        zone=shop.TIME_ZONE,
        currency=shop.CURRENCY,
        currencies=shop.CURRENCIES,
        sites=shop.SITES,
        products=shop.products(),
        consumers=consumers,
        effect=programme.effect_of_measured_promotion(consumers, made_at=created_at),
    )
    content = _Content(
        trade=trade,
        promotions=(*programme.PROMOTIONS, *discounts.DISCOUNTS),
        campaigns=CAMPAIGNS,
        sales=SALES,
        lists=discounts.LISTS,
        groups=shop.GROUPS,
        offers=programme.OFFERS,
        adjustments=40,
        claims=60,
    )
    new_sales = _fill(account, content, created_at, bar)
    _programme(account, created_at)
    return account, new_sales


def _programme(account: Account, created_at: datetime) -> None:
    """List who is compared for the programme, as the task would have on the day the holdout or the year began."""
    for year in range(created_at.year - 1, created_at.year + 1):
        period = holdout_period(account, year)
        if period is not None:
            programme_freeze(account=account, year=year, at=period[0])


def _bookshop(bar: Bar) -> Account:
    """Fill a second account, so that there is one to switch to."""
    account = _account(
        code=SECOND_ACCOUNT,
        values=AccountValues(name=bookshop.NAME, currency=bookshop.CURRENCY, time_zone=bookshop.TIME_ZONE),
    )
    created_at = account.created_at.astimezone(account.zone)
    trade = Trade(
        zone=bookshop.TIME_ZONE,
        currency=bookshop.CURRENCY,
        currencies={},
        sites=bookshop.SITES,
        products=bookshop.products(),
        consumers=bookshop.consumers(today=created_at.date()),
    )
    _fill(account, _Content(trade=trade, promotions=bookshop.PROMOTIONS, sales=SECOND_SALES), created_at, bar)
    return account


def _account(*, code: str, values: AccountValues) -> Account:
    account = Account.objects.filter(code=code).first()
    if account is None:
        # One transaction: an account is created whole, or not at all. Its first keys are replaced by the demo's.
        with transaction.atomic():
            new = account_create(code=code, currency=values.currency, time_zone=values.time_zone, name=values.name)
            account = account_update(account_id=new.account.pk, values=values, author=DEMO)
            ApiKey.objects.filter(account=account).delete()
    return account


def _fill(account: Account, content: _Content, created_at: datetime, bar: Bar) -> int:
    """Fill an account, except staff and keys; return how many sales were new."""
    trade = content.trade
    before_first_sale = created_at - timedelta(days=400)

    _consumers_and_catalogue(account, content)
    codes = _missing(
        Offer.objects.filter(account=account).values_list("code", flat=True),
        (offer.code for offer in content.offers),
    )
    if codes:
        offers = [offer for offer in content.offers if offer.code in codes]
        offers_save(account_id=account.pk, rows=offers, at=before_first_sale, author=DEMO)
    for lists in content.lists:
        _lists(account, lists, trade.consumers, before_first_sale)
    _campaigns(account, content.campaigns, created_at)
    _promotions(account, content, created_at)
    new = _sales(account, sales(trade, until=created_at, count=content.sales), created_at, bar)
    _budget(account, content, created_at)
    _campaign_budgets(account, content.campaigns, created_at)
    _adjustments(account, content.adjustments, created_at)
    _claims(account, content.claims, created_at)
    return new


def _missing(existing: Iterable[str], planned: Iterable[str]) -> set[str]:
    return set(planned).difference(existing)


def _consumers_and_catalogue(account: Account, content: _Content) -> None:
    """Create the sites, products, groups and consumers that are missing."""
    trade = content.trade
    numbers = _missing(
        Site.objects.filter(account=account).values_list("number", flat=True),
        (site.number for site in trade.sites),
    )
    if numbers:
        sites: list[SiteValues] = [site for site in trade.sites if site.number in numbers]
        sites_save(account_id=account.pk, rows=sites)
    skus = _missing(
        Product.objects.filter(account=account).values_list("sku", flat=True),
        (product.sku for product in trade.products),
    )
    if skus:
        products: list[ProductValues] = [product for product in trade.products if product.sku in skus]
        products_save(account_id=account.pk, rows=products)
    codes = _missing(
        ConsumerGroup.objects.filter(account=account).values_list("code", flat=True),
        (group.code for group in content.groups),
    )
    if codes:
        groups_save(account_id=account.pk, rows=[group for group in content.groups if group.code in codes])
    consumer_ids = _missing(
        Consumer.objects.filter(account=account).values_list("consumer_id", flat=True),
        (consumer.consumer_id for consumer in trade.consumers),
    )
    if consumer_ids:
        consumers: list[ConsumerValues] = [
            consumer for consumer in trade.consumers if consumer.consumer_id in consumer_ids
        ]
        consumers_save(account_id=account.pk, rows=consumers)


def _lists(account: Account, lists: Lists, consumers: Sequence[ConsumerValues], before_first_sale: datetime) -> None:
    """Create a personalized promotion with its lists, unless it exists."""
    backend_id = lists.promotion.backend_id
    if PersonalizedPromotion.objects.filter(account=account, backend_id=backend_id).exists():
        return
    rows = lists.rows(consumers)
    # One transaction: it is created with its lists and choices, or not at all.
    with transaction.atomic():
        personalized_promotions_save(account_id=account.pk, rows=[lists.promotion], at=before_first_sale, author=DEMO)
        lists_only = [replace(row, selected=()) for row in rows]
        personalized_lists_assign(account_id=account.pk, backend_id=backend_id, rows=lists_only)
        for row in rows:
            if row.selected:
                personalized_list_select(
                    account_id=account.pk,
                    backend_id=backend_id,
                    consumer_id=row.consumer_id,
                    products=row.selected,
                )


def _campaigns(account: Account, planned: Sequence[PlannedCampaign], created_at: datetime) -> None:
    codes = _missing(Campaign.objects.filter(account=account).values_list("code", flat=True), (c.code for c in planned))
    rows = [campaign.values(made_at=created_at) for campaign in planned if campaign.code in codes]
    campaigns_save(account_id=account.pk, rows=rows, author=DEMO, at=created_at)


def _promotions(account: Account, content: _Content, created_at: datetime) -> None:
    """Create each as if it had been written before its start, and stop those that are planned to be stopped."""
    existing = {(row.family, row.code): row for row in Promotion.objects.filter(account=account)}
    for plan in content.promotions:
        campaign = campaign_of(content.campaigns, plan.family, plan.code)
        promotion = existing.get((plan.family, plan.code)) or _promotion(account, plan, campaign, created_at)
        stopped_at = plan.stopped_at(made_at=created_at)
        if stopped_at is not None and promotion.stopped_at is None:
            promotion_stop(promotion=promotion, author=DEMO, at=stopped_at)
        if has_control_group(promotion) and not promotion.draft and promotion.starts_at <= created_at:
            # As the task would have on the day; it does nothing where somebody has.
            population_freeze(promotion=promotion, at=promotion.starts_at)


def _promotion(
    account: Account, planned: Planned | PlannedDiscount, campaign: PlannedCampaign | None, created_at: datetime
) -> Promotion:
    at = planned.written_at(made_at=created_at)
    belongs: dict[str, Any] = {}
    if campaign is not None:
        belongs = {
            "campaign": campaign.code,
            "funding": list(campaign.funding),
            "ledger_class": campaign.ledger_class,
        }
    if isinstance(planned, PlannedDiscount):
        values = replace(planned.values(made_at=created_at), **belongs)
        return discount_save(account=account, values=values, author=DEMO, at=at)[0]
    promotion_values = replace(planned.values(made_at=created_at), **belongs)
    return loyalty_promotion_save(account=account, values=promotion_values, author=DEMO, at=at)[0]


def _sales(account: Account, planned: Sequence[Sale], created_at: datetime, bar: Bar) -> int:
    """Commit the missing sales, each as if its till had sent it at once, and returns of some; count the new sales."""
    new = 0
    account = Account.objects.get(pk=account.pk)
    with bar(f"sales of {account.name}", len(planned)) as progress:
        for batch in batched(planned, BATCH_SIZE):
            existing = set(
                Transaction.objects.filter(
                    account=account, reference__in=[sale.reference for sale in batch]
                ).values_list("reference", flat=True)
            )
            purses = _purses(account, at=batch[0].occurred_at)
            for sale in batch:
                if sale.reference not in existing:
                    paid = replace(sale, vouchers=_voucher_presented(sale, purses))
                    transaction_commit(account=account, sale=paid, at=sale.occurred_at + SEND_DELAY)
                    new += 1
                progress(1)
            _returns(account, batch, created_at)
            _messages_settle(account, [sale.reference for sale in batch])
            # With DEBUG every statement is kept.
            reset_queries()
    return new


def _budget(account: Account, content: _Content, created_at: datetime) -> None:
    """Give a discount, unless it has one, a round budget of which some 90% is used: what is used depends on the day."""
    for plan in content.promotions:
        if not isinstance(plan, PlannedDiscount) or plan.code != discounts.NEARLY_USED_BUDGET:
            continue
        promotion = Promotion.objects.get(account=account, family=plan.family, code=plan.code)
        if promotion.budget is None:
            used = Decimal(budget_state(promotion).text(promotion.budget_used))
            amount = max(round(used / 45) * 50, 50)
            values = replace(plan.values(made_at=created_at), budget={"amount": f"{amount}.00", "when_short": "cut"})
            discount_save(account=account, values=values, author=DEMO, at=created_at)


def _campaign_budgets(account: Account, planned: Sequence[PlannedCampaign], created_at: datetime) -> None:
    """Give campaigns that are planned with one, unless they have it, a round budget of which most is used."""
    for plan in planned:
        campaign = Campaign.objects.get(account=account, code=plan.code)
        if plan.has_budget and campaign.budget is None:
            given = Promotion.objects.filter(campaign=campaign).aggregate(given=Sum("saving_given"))["given"] or 0
            used = Decimal(campaign_budget_state(campaign, currency=account.currency).text(given))
            budget = {"amount": f"{max(round(used / 42) * 50, 50)}.00", "when_short": "cut"}
            values = replace(plan.values(made_at=created_at), budget=budget)
            campaigns_save(account_id=account.pk, rows=[values], author=DEMO, at=created_at)


def _purses(account: Account, *, at: datetime) -> dict[str, list[str]]:
    """Return the codes of valid vouchers by consumer id, and by card, newest first."""
    valid = Voucher.objects.filter(voucher_is_valid(at=at), account=account).order_by("-issued_at", "-pk")
    purses: dict[str, list[str]] = {}
    for code, *keys in valid.values_list("code", "consumer__consumer_id", "consumer__membership__cards__number"):
        for key in keys:
            purses.setdefault(key, []).append(code)
    return purses


def _voucher_presented(sale: Sale, purses: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the voucher that a shopper presents, if any: their oldest, whether still good or not."""
    purse = purses.get(sale.consumer or sale.loyalty_card)
    # The same for the same sale, so that a run that was cut off is completed in the same way.
    if not purse or random.Random(sale.reference).random() > VOUCHER_USE_RATE:  # noqa: S311 - a demo has no secrets
        return ()
    return (purse.pop(),)


def _returns(account: Account, batch: Sequence[Sale], created_at: datetime) -> None:
    """Commit the returns of these sales that are missing."""
    requests = returns(batch, until=created_at)
    rows = Reversal.objects.filter(account=account, reference__in=[request.reference for request in requests])
    existing = set(rows.values_list("reference", flat=True))
    for request in requests:
        if request.reference not in existing and request.occurred_at is not None:
            transaction_reverse(account=account, request=request, at=request.occurred_at + SEND_DELAY)


def _messages_settle(account: Account, references: Sequence[str]) -> None:
    """Record the messages about these sales as sent then, and a few as failed: nobody is written to now."""
    waiting = RedemptionMessage.objects.filter(
        account=account, state=MessageState.WAITING, applied__transaction__reference__in=references
    )
    tried = {"attempts": 1, "claimed_at": F("recorded_at")}
    for remainder, (state, error) in enumerate(_MESSAGE_ERRORS):
        few = waiting.annotate(remainder=F("id") % 40).filter(remainder=remainder)
        few.update(state=state, last_error=error, **tried)
    waiting.update(state=MessageState.SENT, sent_at=F("recorded_at"), **tried)


def _adjustments(account: Account, count: int, created_at: datetime) -> None:
    existing = _references(account)
    members = Consumer.objects.filter(account=account, membership__status=MembershipStatus.ACTIVE)
    ids = list(members.order_by("consumer_id").values_list("consumer_id", flat=True)[: count * 20 : 20])
    for number, consumer_id in enumerate(ids, start=1):
        reference = f"goodwill-{number:03}"
        if reference not in existing:
            points, description = _GOODWILL[number % len(_GOODWILL)]
            points_adjust(
                account=account,
                consumer_id=consumer_id,
                reference=reference,
                points=points,
                description=description,
                at=created_at - timedelta(hours=31 * number),
            )


def _claims(account: Account, count: int, created_at: datetime) -> None:
    """Let the best customers claim rewards, as far as their points allow."""
    existing = _references(account)
    earned = Sum("transactions__base_points") + Sum("transactions__promotion_points")
    best = Consumer.objects.filter(account=account, membership__status=MembershipStatus.ACTIVE).annotate(earned=earned)
    ids = best.filter(earned__gt=0).order_by("-earned", "consumer_id").values_list("consumer_id", flat=True)[:count]
    rewards = ("reward-ten", "reward-pastry", "reward-pastry", "reward-tasting", "reward-pastry")
    for number, consumer_id in enumerate(list(ids), start=1):
        reference = f"claim-{number:03}"
        if reference in existing:
            continue
        try:
            offer_claim(
                account=account,
                consumer_id=consumer_id,
                reference=reference,
                offer_code=rewards[number % len(rewards)],
                at=created_at - timedelta(hours=9 * number),
            )
        except LoyaltyError:
            # Too few points: that happens in a shop, too.
            continue


def _references(account: Account) -> set[str]:
    return set(LedgerEntry.objects.filter(account=account).exclude(reference="").values_list("reference", flat=True))


def _staff(members: dict[Account, Sequence[tuple[str, str, str, StaffRole]]]) -> tuple[LogIn, ...]:
    """Create the staff, each with a password of this installation."""
    roles: dict[str, list[tuple[str, str]]] = {}
    for account, staff in members.items():
        for username, first_name, last_name, role in staff:
            membership = StaffMembership.objects.filter(account=account, user__username=username).first()
            if membership is None:
                membership = staff_member_add(
                    account_id=account.pk,
                    username=username,
                    role=role,
                    email=f"{username}@example.com",
                    first_name=first_name,
                    last_name=last_name,
                    password=_password(username),
                )
            user = membership.user
            if not user.check_password(_password(username)):
                user.set_password(_password(username))
                user.save(update_fields=["password"])
            roles.setdefault(username, []).append((account.name, membership.role.name))
    return tuple(
        LogIn(username=username, password=_password(username), roles=tuple(held)) for username, held in roles.items()
    )


SAVED_FILTERS = (
    ("demo-marketer", "loyalty.loyaltypromotion", "Live in Leeds", "site=001&status=active", True),
    ("demo-admin", "loyalty.offer", "Running out", "dates=now&stock=left", False),
)
"""Who keeps which filters of which list under which name, and whether colleagues see them."""


def _saved_filters(account: Account) -> None:
    for username, list_name, name, query, shared in SAVED_FILTERS:
        user = User.objects.get(username=username)
        filters = saved_filters_of(account_id=account.pk, list_name=list_name, user=user)
        if not filters.filter(user=user, name_key=SavedFilter.normal_name(name)).exists():
            values = SavedFilterValues(name=name, shared=shared)
            saved_filter_add(account_id=account.pk, user=user, list_name=list_name, query=query, values=values)


def _password(username: str) -> str:
    """Derive a password from the installation's secret: the same at every run here, and unknown elsewhere."""
    return f"{salted_hmac('demo password', username, algorithm='sha256').hexdigest()[:14]}-hearth"


def _keys(account: Account) -> tuple[str, str]:
    """Create a manager's and a till's key; those of the last run end."""
    # One transaction: there is always one working key of each name.
    with transaction.atomic():
        ApiKey.objects.filter(account=account, name__in=[name for name, _ in KEYS]).delete()
        manager_key, till_key = (api_key_create(account_id=account.pk, name=name, role=role)[1] for name, role in KEYS)
    return manager_key, till_key
