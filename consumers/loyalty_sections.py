"""Register of the sections of a consumer's Loyalty tab.

The packages above register their sections when they start. The admin's tab and
``GET consumers/{consumer_id}/loyalty`` show the same register.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from consumers.models import Consumer
from consumers.types import JsonMapping, JsonObject, Rows


class SectionData(Protocol):
    """Returns a section's data: plain values, lists and dicts; moments and decimals are not formatted."""

    def __call__(self, consumer: Consumer, *, at: datetime) -> Any: ...


class SectionRows(Protocol):
    """Returns all rows of a section as a query that is not evaluated, newest first."""

    def __call__(self, consumer: Consumer, *, at: datetime) -> Rows: ...


@dataclass(frozen=True, kw_only=True)
class LoyaltySection:
    """A section: its key in the REST answer, its heading, its data, and its template in the admin.

    ``position`` orders the sections; ``schema`` describes the data in the OpenAPI document. The template gets
    ``section``, ``data``, ``consumer`` and ``at``; ``page_data`` replaces ``data`` where the page shows more than REST.
    A section with ``page_rows`` is paged there: ``data`` is a page of these rows, as ``page_shape`` shows them. Staff
    need the ``permission``, if one is named. ``scripts`` are static files that the template needs. A section that is
    not ``is_answered`` is left out of the REST answer.
    """

    key: str
    label: str
    position: int
    data: SectionData
    template: str
    schema: JsonMapping = field(default_factory=dict)
    is_answered: bool = True
    page_data: SectionData | None = None
    page_rows: SectionRows | None = None
    page_shape: Callable[[Sequence[Any]], Sequence[Any]] = list
    permission: str = ""
    scripts: tuple[str, ...] = ()


_sections: dict[str, LoyaltySection] = {}


def loyalty_section_register(section: LoyaltySection) -> None:
    """Register a section of the tab; it replaces one with the same key."""
    _sections[section.key] = section


def loyalty_sections() -> tuple[LoyaltySection, ...]:
    """Return all sections, in order."""
    return tuple(sorted(_sections.values(), key=lambda section: (section.position, section.key)))


def loyalty_sections_answered() -> tuple[LoyaltySection, ...]:
    """Return the sections of the REST answer, in order."""
    return tuple(section for section in loyalty_sections() if section.is_answered)


def loyalty_tab(consumer: Consumer, *, at: datetime) -> JsonObject:
    """Return the data of every section of the REST answer, by key."""
    return {section.key: section.data(consumer, at=at) for section in loyalty_sections_answered()}


def membership_data(consumer: Consumer, *, at: datetime) -> JsonObject | None:
    """Return the membership with its cards; None without one."""
    membership = getattr(consumer, "membership", None)
    if membership is None:
        return None
    return {
        "enrolled_on": membership.enrolled_on,
        "status": membership.status,
        "cards": [{"number": card.number, "type": card.type} for card in membership.cards.all()],
    }


def balance_data(consumer: Consumer, *, at: datetime) -> int | None:
    """Return the points balance; None without a membership."""
    return consumer.points_balance if getattr(consumer, "membership", None) is not None else None


MEMBERSHIP = LoyaltySection(
    key="membership",
    label="Membership",
    position=10,
    data=membership_data,
    template="admin/consumers/consumer/loyalty/membership.html",
    schema={"anyOf": [{"$ref": "#/components/schemas/Loyalty"}, {"type": "null"}]},
)

BALANCE = LoyaltySection(
    key="balance",
    label="Points balance",
    position=20,
    data=balance_data,
    template="admin/consumers/consumer/loyalty/balance.html",
    schema={"type": ["integer", "null"]},
)
