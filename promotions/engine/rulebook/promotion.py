"""A promotion as it is stored and compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple

from promotions.engine.benefits.discounts import Discount, compile_discount
from promotions.engine.benefits.rewards import RewardDefinition, compile_reward
from promotions.engine.definition.budgets import budget_amount
from promotions.engine.definition.fields import IGNORES_UNIVERSAL_HOLDOUT, LIMIT_PERIOD, WHOLE_PROMOTION, Document
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper
from promotions.engine.facts.progress import QUANTITY_SCALE, ApplicationRule, compile_application_rule
from promotions.engine.matching.item_rules import ItemRules, compile_item_rules
from promotions.engine.rulebook.universal_holdout import UniversalHoldout, is_drawn
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import Predicate, compile_tree
from promotions.engine.rules.tree import Tree


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The account's loyalty terms.

    ``earn_rates`` are base points for one unit of a currency, by ISO code; ``point_value`` is what one point is worth
    in the account's currency; ``universal_holdout`` are the consumers whom promotions leave out.
    """

    currency: str
    earn_rates: Mapping[str, Fraction]
    point_value: Fraction
    universal_holdout: UniversalHoldout | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferFacts:
    """An offer as decisions need it. ``perceived_value`` in major units of its currency."""

    code: str
    perceived_value: Fraction
    starts_at: datetime | None
    ends_at: datetime | None
    archived: bool = False

    def is_open(self, at: datetime) -> bool:
        """Return whether a moment is within the offer's dates."""
        return (
            not self.archived
            and (self.starts_at is None or self.starts_at <= at)
            and (self.ends_at is None or at < self.ends_at)
        )


class Budget(NamedTuple):
    """How much may be given, in minor units of money or in points.

    ``when_short`` is what happens where less is left than a basket needs: ``refuse``, ``cut`` or ``honour``.
    """

    amount: int
    when_short: str


class CustomerBudget(NamedTuple):
    """How much each customer may get in a calendar period; without a ``period`` it is the whole promotion."""

    amount: int
    period: str | None
    when_short: str


class Campaign(NamedTuple):
    """A campaign as decisions need it; its budget is in minor units of the account's currency."""

    id: int
    code: str
    name: str
    budget: Budget | None

    @property
    def words(self) -> str:
        """What it is called where a promotion is refused for it."""
        return self.code if self.name == self.code else f"{self.name} ({self.code})"


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlGroup:
    """Members of a group who do not get the promotion, so that its effect can be measured."""

    group: str
    percentage: Decimal

    def holds_out(self, promotion: "Promotion", shopper: Shopper) -> bool:
        """Return whether the shopper is held out: a stable hash of promotion and consumer is below the percentage.

        A promotion is known by family and code, which are the same on every machine.
        """
        if self.group not in shopper.groups:
            return False
        return self.draws(promotion.source.family, promotion.code, shopper.consumer_id)

    def draws(self, family: str, code: str, consumer_id: str) -> bool:
        """Return whether a promotion holds out a consumer of the group."""
        return is_drawn(f"{family}\x00{code}\x00{consumer_id}", self.percentage)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotionSource:
    """A promotion as it is stored: its life, and its documents in normal form."""

    id: int
    family: str
    code: str
    type: str
    subtype: str
    name: str
    version: int
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime | None
    draft: bool
    stopped_at: datetime | None
    outcome: Document
    eligibility: Document
    content: Document
    budget: Document | None = None
    customer_budget: Document | None = None
    campaign_id: int | None = None


FailureFinder = Callable[[Any], list[Tree]]
"""Returns the conditions and groups of a tree that fail for a subject."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """A compiled promotion.

    The fields that follow from the others are computed once: ``code`` is unique within the family; ``gives_points``
    says whether only active members can have it; ``offer`` is the code of the offer whose vouchers it issues, or empty;
    ``personalized`` are the backend ids of the personalized promotions that feed it; ``is_tracked`` says whether it
    depends on what the consumer did before. ``failure_finders``, by name of its rules, are compiled when first needed.
    """

    source: PromotionSource
    site_rules: Predicate | None
    customer_rules: Predicate | None
    transaction_rules: Predicate | None
    line_item_rules: ItemRules | None
    application_rules: tuple[ApplicationRule, ...]
    rules_signature: str
    control_group: ControlGroup | None
    ignores_universal_holdout: bool
    total_limit: int | None
    customer_limit: int | None
    limit_period: str | None
    transaction_limit: int | None
    always_apply: bool
    effect: RewardDefinition | Discount
    budget: Budget | None = None
    customer_budget: CustomerBudget | None = None
    id: int = field(init=False)
    code: str = field(init=False)
    is_discount: bool = field(init=False)
    gives_points: bool = field(init=False)
    offer: str = field(init=False)
    personalized: tuple[str, ...] = field(init=False)
    is_tracked: bool = field(init=False)
    is_limited: bool = field(init=False)
    campaign_id: int | None = field(init=False)
    is_budgeted: bool = field(init=False)
    failure_finders: dict[str, FailureFinder] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Read for every candidate of every basket: fields take a third of the time of properties.
        reward = self.effect if isinstance(self.effect, RewardDefinition) else None
        derived = {
            "id": self.source.id,
            "code": self.source.code,
            "is_discount": self.source.family == "discount",
            "gives_points": reward is not None and reward.outcome.gives_points,
            "offer": reward.offer if reward else "",
            "personalized": self.effect.personalized if isinstance(self.effect, Discount) else (),
            "is_tracked": bool(self.application_rules)
            or (self.customer_limit is not None and self.limit_period is None),
            "is_limited": any(
                limit is not None for limit in (self.total_limit, self.customer_limit, self.transaction_limit)
            ),
            "campaign_id": self.source.campaign_id,
            "is_budgeted": (self.budget, self.customer_budget, self.source.campaign_id) != (None, None, None),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def discount(self) -> Discount:
        """What it takes off prices.

        Raises:
            TypeError: it is a loyalty promotion.
        """
        if not isinstance(self.effect, Discount):
            raise TypeError(f"{self.code} is no discount")
        return self.effect

    @property
    def reward(self) -> RewardDefinition:
        """What it gives for the units that it takes.

        Raises:
            TypeError: it is a discount.
        """
        if not isinstance(self.effect, RewardDefinition):
            raise TypeError(f"{self.code} is no loyalty promotion")
        return self.effect

    def counts(self, basket: Basket) -> bool:
        """Return whether a transaction qualifies for the application rules."""
        return (
            basket.currency == self.source.currency
            and (self.site_rules is None or self.site_rules(basket.site))
            and (self.transaction_rules is None or self.transaction_rules(basket))
        )


def compile_promotion(source: PromotionSource) -> Promotion:
    """Compile a promotion whose documents are in normal form."""
    eligibility = source.eligibility
    group = eligibility["control_group"]
    return Promotion(
        source=source,
        site_rules=compile_tree(eligibility["site_rules"], Scope.SITE),
        customer_rules=compile_tree(eligibility["customer_rules"], Scope.CUSTOMER),
        transaction_rules=compile_tree(eligibility["transaction_rules"], Scope.TRANSACTION),
        line_item_rules=compile_item_rules(eligibility["line_item_rules"]),
        application_rules=tuple(
            compile_application_rule(
                rule,
                currency=source.currency,
                starts_at=source.starts_at,
                line_items=compile_tree(rule["line_item_rules"], Scope.LINE_ITEM),
            )
            for rule in eligibility["application_rules"]
        ),
        rules_signature=_rules_signature(source),
        control_group=ControlGroup(group=group["group"], percentage=Decimal(group["percentage"])) if group else None,
        ignores_universal_holdout=eligibility.get(IGNORES_UNIVERSAL_HOLDOUT, False),
        total_limit=eligibility["total_redemption_limit"],
        customer_limit=eligibility["customer_redemption_limit"],
        limit_period=_limit_period(eligibility),
        transaction_limit=eligibility.get("transaction_redemption_limit"),
        always_apply=eligibility["always_apply"],
        effect=_effect(source),
        budget=_budget(source),
        customer_budget=_customer_budget(source),
    )


def _budget(source: PromotionSource) -> Budget | None:
    document = source.budget
    return None if document is None else Budget(_budget_amount(source, document), document["when_short"])


def _customer_budget(source: PromotionSource) -> CustomerBudget | None:
    document = source.customer_budget
    if document is None:
        return None
    period = None if document["period"] == WHOLE_PROMOTION else document["period"]
    return CustomerBudget(_budget_amount(source, document), period, document["when_short"])


def _budget_amount(source: PromotionSource, budget: Document) -> int:
    return budget_amount(budget, family=source.family, promotion_type=source.type, currency=source.currency)


def _limit_period(eligibility: Document) -> str | None:
    """Return the calendar period of the limit per customer; None where it holds over the whole promotion."""
    period: str = eligibility.get(LIMIT_PERIOD, WHOLE_PROMOTION)
    return None if period == WHOLE_PROMOTION else period


def _effect(source: PromotionSource) -> RewardDefinition | Discount:
    compile_effect = compile_discount if source.family == "discount" else compile_reward
    return compile_effect(source.type, source.outcome, source.currency)


def _rules_signature(source: PromotionSource) -> str:
    """Return a text that changes when progress added up under the rules before no longer holds."""
    eligibility = source.eligibility
    if not eligibility["application_rules"]:
        return ""
    configuration = [
        source.currency,
        source.starts_at.isoformat(),
        eligibility["application_rules"],
        eligibility["site_rules"],
        eligibility["transaction_rules"],
    ]
    if any(rule["measure"] == "quantity" for rule in eligibility["application_rules"]):
        # Such progress was once added up in units: it is added up again. That of other rules holds.
        configuration.append(QUANTITY_SCALE)
    return sha256(repr(tuple(configuration)).encode()).hexdigest()[:32]


def needs_consumer(promotion: Promotion) -> bool:
    """Return whether only baskets with a consumer can have the promotion."""
    return (
        promotion.source.family == "loyalty"
        or promotion.customer_rules is not None
        or promotion.customer_limit is not None
        or promotion.customer_budget is not None
        or bool(promotion.application_rules)
        or bool(promotion.personalized)
    )
