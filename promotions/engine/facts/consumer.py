"""The consumer as of now, and what they and others have used so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from promotions.engine.facts.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonalizedChoice:
    """A consumer's list under a personalized promotion: SKUs in the list's order, and those that they chose."""

    products: tuple[str, ...]
    selected: tuple[str, ...] = ()
    locked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Shopper:
    """A consumer as rules see them, as of now. ``today`` is the day at the basket's site.

    ``points_balance`` and ``enrolled_on`` are None without a membership; only an active one makes a loyalty member.
    ``yearless_birthday`` is the birthday in any leap year, where the date of birth is not known.
    ``personalized`` are the consumer's lists, by backend id of the personalized promotion.
    """

    consumer_id: str
    today: date
    groups: frozenset[str] = frozenset()
    home_site: str | None = None
    is_loyalty_member: bool = False
    enrolled_on: date | None = None
    date_of_birth: date | None = None
    yearless_birthday: date | None = None
    points_balance: int | None = None
    last_transaction_on: date | None = None
    last_offer_redeemed_on: date | None = None
    last_promotion_redeemed_on: date | None = None
    personalized: Mapping[str, PersonalizedChoice] = field(default_factory=dict)

    @property
    def birthday(self) -> date | None:
        """The date whose day and month recur every year."""
        return self.date_of_birth or self.yearless_birthday

    @property
    def membership_anniversary(self) -> date | None:
        """The date whose day and month recur every year."""
        return self.enrolled_on


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Redemptions and progress by promotion id, and the vouchers left by offer code; a missing entry is zero.

    ``customer_redemptions`` of a promotion whose limit per customer has a calendar period are those in the period that
    holds the basket. An offer without an entry has no stock limit. What was used of budgets is in minor units of money,
    or points where a promotion's budget is in points: ``budget_used`` by all, ``customer_budget_used`` by the consumer
    in the period that holds the basket, and ``campaign_used`` by campaign id.
    """

    total_redemptions: Mapping[int, int] = field(default_factory=dict)
    customer_redemptions: Mapping[int, int] = field(default_factory=dict)
    progress: Mapping[int, Progress] = field(default_factory=dict)
    vouchers_left: Mapping[str, int] = field(default_factory=dict)
    budget_used: Mapping[int, int] = field(default_factory=dict)
    customer_budget_used: Mapping[int, int] = field(default_factory=dict)
    campaign_used: Mapping[int, int] = field(default_factory=dict)
