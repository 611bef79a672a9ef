"""What a sale was decided with, kept with the transaction: replays and results read this, never today's consumer.

A transaction has its basket in columns and lines, and rates and lists in its other facts. This adds the consumer as
they were, what was used by then, and the settings. What has its default is left out.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Self

from msgspec import Struct, field

from conflicts.resolver import Policy
from loyalty.services.till.snapshot import AccountSnapshot
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.facts.progress import Totals
from promotions.engine.money import amount_text
from promotions.engine.pipeline.decision import Decision, HeldOut
from promotions.engine.rulebook.promotion import Promotion


class StoredShopper(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A consumer as rules saw them. Their external id is the consumer row's, their membership the facts' own.

    Every sale stores one: the names are short.
    """

    groups: tuple[str, ...] = ()
    balance: int | None = None
    home_site: str | None = None
    enrolled_on: date | None = field(default=None, name="enrolled")
    date_of_birth: date | None = field(default=None, name="born")
    yearless_birthday: date | None = field(default=None, name="birthday")
    last_transaction_on: date | None = field(default=None, name="last_sale")
    last_offer_redeemed_on: date | None = field(default=None, name="last_offer")
    last_promotion_redeemed_on: date | None = field(default=None, name="last_promotion")

    @classmethod
    def of(cls, shopper: Shopper) -> Self:
        """Store a shopper."""
        return cls(
            groups=tuple(sorted(shopper.groups)),
            balance=shopper.points_balance,
            home_site=shopper.home_site,
            enrolled_on=shopper.enrolled_on,
            date_of_birth=shopper.date_of_birth,
            yearless_birthday=shopper.yearless_birthday,
            last_transaction_on=shopper.last_transaction_on,
            last_offer_redeemed_on=shopper.last_offer_redeemed_on,
            last_promotion_redeemed_on=shopper.last_promotion_redeemed_on,
        )


class StoredPolicy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The account's conflict settings; the defaults are those of an account that has changed none."""

    promotion_bias: str = field(default="max_customer_saving", name="bias")
    promotions_per_type: int = field(default=1, name="per_type")
    promotion_age: str = field(default="newest", name="age")
    discounts_per_transaction: int | None = field(default=None, name="discounts")
    discount_combination: str = field(default="ranked", name="combination")

    @classmethod
    def of(cls, policy: Policy) -> "StoredPolicy":
        """Store a policy."""
        settings = ((name, getattr(policy, name)) for name in cls.__struct_fields__)
        # A default is left out only where it is the same object, which a text from the database is not.
        changed = {name: value for name, value in settings if value != getattr(_DEFAULT_POLICY, name)}
        return cls(**changed) if changed else _DEFAULT_POLICY


_DEFAULT_POLICY = StoredPolicy()


class StoredUse(Struct, frozen=True, array_like=True):
    """How much of a promotion was used before the sale.

    ``by_consumer`` and ``by_all`` are redemptions (``by_all`` is zero without a total limit), and ``progress`` the
    totals of each application rule's period up to the sale, without the sale's own.
    """

    promotion: int
    by_consumer: int
    by_all: int
    progress: tuple[Totals, ...]


class StoredBudgetUse(Struct, frozen=True, array_like=True):
    """How much of a promotion's budgets was used before the sale: its own, the consumer's, its campaign's.

    In minor units of money, or points where the promotion's own budgets are in points.
    """

    promotion: int
    by_all: int
    by_consumer: int
    by_campaign: int


class StoredHeldOut(Struct, frozen=True, array_like=True):
    """The ghost redemptions of a promotion that a consumer was held out of; saving in major units.

    ``is_universal`` says that the universal holdout held them out, and not the promotion's own control group.
    """

    promotion: int
    version: int
    redemptions: int
    points: int
    saving: str
    is_universal: bool

    @classmethod
    def of(cls, held_out: HeldOut, currency: str) -> Self:
        """Store what was withheld."""
        return cls(
            promotion=held_out.promotion.id,
            version=held_out.promotion.source.version,
            redemptions=held_out.redemptions,
            points=held_out.points,
            saving=amount_text(held_out.saving, currency),
            is_universal=held_out.reason == "universal_holdout",
        )


class DecisionInputs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sale was decided with, besides its basket.

    ``rulebook`` is the version of the account's rulebook, ``usage`` is of the promotions that applied or that the
    stored decision names, as far as any was used.
    """

    rulebook: int
    policy: StoredPolicy = _DEFAULT_POLICY
    shopper: StoredShopper | None = None
    usage: tuple[StoredUse, ...] = ()
    budgets: tuple[StoredBudgetUse, ...] = ()
    held_out: tuple[StoredHeldOut, ...] = ()

    @classmethod
    def of(cls, decision: Decision, *, snapshot: AccountSnapshot, shopper: Shopper | None, usage: Usage) -> Self:
        """Store what a decision was made with."""
        named = [*(applied.promotion for applied in decision.applied), *(r.promotion for r in decision.refused)]
        return cls(
            rulebook=snapshot.version,
            policy=StoredPolicy.of(snapshot.policy),
            shopper=None if shopper is None else StoredShopper.of(shopper),
            usage=tuple(_used(named, usage, decision.basket.today)),
            budgets=tuple(_budgets_used(named, usage)),
            held_out=tuple([StoredHeldOut.of(withheld, decision.basket.currency) for withheld in decision.held_out]),
        )


def _used(promotions: Iterable[Promotion], usage: Usage, today: date) -> Iterator[StoredUse]:
    """Yield what was used before a sale on a local day; of a promotion that nobody used, nothing."""
    for promotion in promotions:
        by_consumer = usage.customer_redemptions.get(promotion.id, 0)
        by_all = usage.total_redemptions.get(promotion.id, 0)
        progress = usage.progress.get(promotion.id)
        totals: tuple[Totals, ...] = ()
        if progress is not None and promotion.application_rules:
            totals = tuple([progress.before(i, rule, today) for i, rule in enumerate(promotion.application_rules)])
        if by_consumer or by_all or any(rule_totals.transactions for rule_totals in totals):
            yield StoredUse(promotion.id, by_consumer, by_all, totals)


def _budgets_used(promotions: Iterable[Promotion], usage: Usage) -> Iterator[StoredBudgetUse]:
    """Yield what was used of budgets before a sale; of a promotion whose budgets nobody used, nothing."""
    for promotion in promotions:
        if not promotion.is_budgeted:
            continue
        by_all = usage.budget_used.get(promotion.id, 0) if promotion.budget is not None else 0
        by_consumer = usage.customer_budget_used.get(promotion.id, 0)
        by_campaign = 0 if promotion.campaign_id is None else usage.campaign_used.get(promotion.campaign_id, 0)
        if by_all or by_consumer or by_campaign:
            yield StoredBudgetUse(promotion.id, by_all, by_consumer, by_campaign)
