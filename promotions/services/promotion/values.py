"""."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from promotions.choices import Family
from promotions.engine.definition.reader import Definition, Document
from promotions.models import Promotion
from promotions.selectors.promotion import (
    REFERENCE_SOURCES,
    ReferenceSource,
)

MAX_CODE_LENGTH = 64
MAX_NAME_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 5_000


@dataclass(frozen=True, kw_only=True)
class PromotionValues:
    """Everything that can be said of a promotion; what is left out has its default.

    ``outcome``, ``eligibility`` and ``content`` are the documents as they were sent. A blank currency is the
    account's. Times are aware.
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


@dataclass(frozen=True, kw_only=True)
class PromotionFamily:
    """What a family adds to the common lifecycle.

    ``check`` turns the documents into normal form, given whether the account has its catalogue switched on; it raises
    ``InvalidDefinition``. ``sources`` are the rows that they may name, by kind.
    """

    family: Family
    check: Callable[[PromotionValues, bool], Definition]
    sources: Mapping[str, ReferenceSource] = field(default_factory=lambda: REFERENCE_SOURCES)


def promotion_definition(promotion: Promotion) -> Document:
    """The whole of what a promotion says, as its versions keep it: the contract's document in normal form."""
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
    }


def moment_text(moment: datetime) -> str:
    """A moment in UTC as ISO 8601, such as ``2026-01-01T00:00:00Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def promotion_values(promotion: Promotion) -> PromotionValues:
    """A promotion as the values that would save it as it is."""
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
    )
