"""Writes of discounts: the common lifecycle of promotions, in a discount's own fields.

A discount is entered flat, as ``DiscountValues``, and stored like every promotion in three documents. This module alone
knows which field is in which document: problems name the fields, not the documents.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from consumers.author import Author
from consumers.exceptions import Problem
from consumers.models import Account
from promotions.choices import Family
from promotions.engine.definition.discount import check_discount
from promotions.engine.definition.fields import BUDGETS, CONDITIONS, DISCOUNT_OUTCOME, DISCOUNT_RESTRICTIONS, Document
from promotions.engine.definition.reader import Definition
from promotions.exceptions import PromotionsError
from promotions.models import Promotion
from promotions.services.promotion.save import promotion_problems, promotion_save, promotions_save
from promotions.services.promotion.values import PromotionFamily, PromotionValues
from promotions.services.rich_text import CONTENT_RICH_TEXTS, document_cleaned

OUTCOME = tuple(DISCOUNT_OUTCOME)


@dataclass(frozen=True, kw_only=True)
class DiscountValues:
    """Everything that can be set on a discount; each field has the default that it gets when it is left out.

    From ``value`` on these are parts of its definition as sent; ``check_discount`` checks them. ``conditions``
    has rule trees under the names of ``CONDITIONS``. A blank currency means the account's. Times are aware.
    """

    code: str
    discount_type: str
    name: str
    starts_at: datetime
    description: str = ""
    currency: str = ""
    ends_at: datetime | None = None
    draft: bool = False
    archived: bool = False
    value: object = None
    maximum_discount: object = None
    price_order: object = "cheapest"
    product_sets: object = None
    conditions: Mapping[str, object] = field(default_factory=dict)
    total_redemption_limit: object = None
    customer_redemption_limit: object = None
    transaction_redemption_limit: object = None
    customer_limit_period: object = None
    always_apply: object = False
    ignores_universal_holdout: object = False
    budget: object = None
    customer_budget: object = None
    content: object = field(default_factory=dict)
    campaign: str | None = None
    funding: object = field(default_factory=list)
    ledger_class: str = ""

    def as_promotion(self) -> PromotionValues:
        """Return these values as those of a promotion of any family."""
        return PromotionValues(
            code=self.code,
            type=self.discount_type,
            name=self.name,
            description=self.description,
            currency=self.currency,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            draft=self.draft,
            archived=self.archived,
            outcome={name: getattr(self, name) for name in OUTCOME},
            eligibility={
                **{name: self.conditions.get(name) for name in CONDITIONS},
                "application_rules": [],
                "control_group": None,
                **{name: getattr(self, name) for name in DISCOUNT_RESTRICTIONS},
            },
            content=self.content,
            budget=self.budget,
            customer_budget=self.customer_budget,
            campaign=self.campaign,
            funding=self.funding,
            ledger_class=self.ledger_class,
        )


def field_path(path: str) -> str:
    """Return the path in a discount's own fields of a path in its documents (``eligibility.site_rules.rules.0``)."""
    match path.split("."):
        case ["type"]:
            return "discount_type"
        case ["outcome", *inside]:
            return ".".join(inside)
        case ["eligibility", name, *inside] if name in DISCOUNT_RESTRICTIONS:
            return ".".join((name, *inside))
        case ["eligibility", *inside]:
            return ".".join(("conditions", *inside))
        case [index, *inside] if index.isdigit() and inside:
            return f"{index}.{field_path('.'.join(inside))}"
    return path


def discount_fields(definition: Document) -> Document:
    """Return a definition, as versions keep it, in a discount's own fields."""
    documents = ("type", "outcome", "eligibility", "content")
    outcome, eligibility = definition["outcome"], definition["eligibility"]
    return {
        **{name: value for name, value in definition.items() if name not in documents},
        "discount_type": definition["type"],
        **{name: outcome[name] for name in OUTCOME},
        "conditions": {name: eligibility[name] for name in CONDITIONS},
        **{name: eligibility[name] for name in DISCOUNT_RESTRICTIONS},
        "content": definition["content"],
    }


@contextmanager
def _in_own_fields() -> Iterator[None]:
    try:
        yield
    except PromotionsError as refused:
        raise refused.with_paths(lambda attr: attr and field_path(attr)) from refused.__cause__


def _check(values: PromotionValues, catalogue_enabled: bool) -> Definition:
    return check_discount(
        values.type,
        outcome=values.outcome,
        eligibility=values.eligibility,
        content=document_cleaned(values.content, CONTENT_RICH_TEXTS),
        budgets={name: getattr(values, name) for name in BUDGETS},
        currency=values.currency,
        catalogue_enabled=catalogue_enabled,
    )


DISCOUNT = PromotionFamily(family=Family.DISCOUNT, check=_check, type_is_fixed=False)


def discounts_save(
    *, account_id: int, rows: Sequence[DiscountValues], author: Author, at: datetime
) -> list[tuple[Promotion, bool]]:
    """Create or replace discounts by code: all of them or none; see ``promotions_save``.

    Raises:
        PromotionsError: every problem, each under ``<index>.<field>``.
    """
    with _in_own_fields():
        return promotions_save(
            family=DISCOUNT,
            account_id=account_id,
            rows=[row.as_promotion() for row in rows],
            author=author,
            at=at,
        )


def discount_save(*, account: Account, values: DiscountValues, author: Author, at: datetime) -> tuple[Promotion, bool]:
    """Create or replace one discount; see ``promotion_save``.

    Raises:
        PromotionsError: every problem, each under its field (``product_sets.0.products``).
    """
    with _in_own_fields():
        return promotion_save(
            family=DISCOUNT,
            account=account,
            values=values.as_promotion(),
            author=author,
            at=at,
        )


def discount_problems(
    *, account: Account, values: DiscountValues, before: Promotion | None, at: datetime
) -> tuple[Problem, ...]:
    """Return what saving would refuse of a discount, each problem under its field; see ``promotion_problems``."""
    problems = promotion_problems(family=DISCOUNT, account=account, values=values.as_promotion(), before=before, at=at)
    return tuple(replace(problem, attr=problem.attr and field_path(problem.attr)) for problem in problems)
