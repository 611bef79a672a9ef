"""What a promotion says, as services take it and as versions keep it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consumers.moments import moment_text
from promotions.choices import Family
from promotions.engine.definition.fields import Document
from promotions.engine.definition.reader import Definition
from promotions.models import Promotion
from promotions.selectors.references import REFERENCE_SOURCES, ReferenceSource

MAX_CODE_LENGTH = 64
MAX_NAME_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 5_000


@dataclass(frozen=True, kw_only=True)
class PromotionValues:
    """Everything that can be set on a promotion; each field has the default that it gets when it is left out.

    ``outcome``, ``eligibility``, ``content``, ``funding`` and the budgets are the documents as they were sent. A blank
    currency means the account's. Times are aware. ``campaign`` is a campaign's code.
    """

    code: str
    type: str
    name: str
    starts_at: datetime
    description: str = ""
    currency: str = ""
    ends_at: datetime | None = None
    draft: bool = False
    archived: bool = False
    outcome: object = field(default_factory=dict)
    eligibility: object = field(default_factory=dict)
    content: object = field(default_factory=dict)
    budget: object = None
    customer_budget: object = None
    campaign: str | None = None
    funding: object = field(default_factory=list)
    ledger_class: str = ""


@dataclass(frozen=True, kw_only=True)
class PromotionFamily:
    """What a family adds to the common lifecycle.

    ``check`` brings the documents into normal form, given whether the account uses the catalogue; it raises
    ``InvalidDefinition``. ``sources`` are the rows that the documents may reference, by kind. ``type_is_fixed`` says
    whether a promotion keeps its type for life.
    """

    family: Family
    check: Callable[[PromotionValues, bool], Definition]
    sources: Mapping[str, ReferenceSource] = field(default_factory=lambda: REFERENCE_SOURCES)
    type_is_fixed: bool = True


def promotion_definition(promotion: Promotion) -> Document:
    """Return the whole definition of a promotion as its versions keep it: the contract's document in normal form."""
    return {
        "family": promotion.family,
        "code": promotion.code,
        "type": promotion.type,
        "subtype": promotion.subtype,
        "name": promotion.name,
        "description": promotion.description,
        "currency": promotion.currency,
        "starts_at": moment_text(promotion.starts_at),
        "ends_at": moment_text(promotion.ends_at) if promotion.ends_at is not None else None,
        "outcome": promotion.outcome,
        "eligibility": promotion.eligibility,
        "content": promotion.content,
        "budget": promotion.budget,
        "customer_budget": promotion.customer_budget,
        "funding": promotion.funding,
        "ledger_class": promotion.ledger_class,
    }


def promotion_values(promotion: Promotion) -> PromotionValues:
    """Return the values that would save a promotion unchanged."""
    return PromotionValues(
        code=promotion.code,
        type=promotion.type,
        name=promotion.name,
        description=promotion.description,
        currency=promotion.currency,
        starts_at=promotion.starts_at,
        ends_at=promotion.ends_at,
        draft=promotion.draft,
        archived=promotion.archived,
        outcome=promotion.outcome,
        eligibility=promotion.eligibility,
        content=promotion.content,
        budget=promotion.budget,
        customer_budget=promotion.customer_budget,
        campaign=promotion.campaign.code if promotion.campaign is not None else None,
        funding=promotion.funding,
        ledger_class=promotion.ledger_class,
    )
