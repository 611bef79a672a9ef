"""What a consumer's Loyalty tab shows.

The tab belongs here, what it shows lies above: the packages above register their sections when they start. The admin's
tab and ``GET consumers/{consumer_id}/loyalty`` draw from the same register.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from consumers.models import Consumer


class SectionData(Protocol):
    """What a section shows of a consumer at a moment: plain values, lists and dicts; moments and decimals as such."""

    def __call__(self, consumer: Consumer, *, at: datetime) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class LoyaltySection:
    """One section: its name in the REST answer, its heading, its data, its template in the admin.

    ``position`` orders the sections; ``schema`` describes the data in the OpenAPI document. The template is given
    ``section``, ``data``, ``consumer`` and ``at``; where it shows more than REST answers, ``page_data`` is its data.
    Staff see it if they have the ``permission``, where one is named. ``scripts`` are static files that the template
    needs. One that ``is_answered`` not has no place in the REST answer.
    """

    key: str
    label: str
    position: int
    data: SectionData
    template: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    is_answered: bool = True
    page_data: SectionData | None = None
    permission: str = ""
    scripts: tuple[str, ...] = ()


_sections: dict[str, LoyaltySection] = {}


def loyalty_section_register(section: LoyaltySection) -> None:
    """Show ``section`` on the tab; one of the same key is replaced."""
    _sections[section.key] = section


def loyalty_sections() -> tuple[LoyaltySection, ...]:
    """Every section, in order."""
    return tuple(sorted(_sections.values(), key=lambda section: (section.position, section.key)))


def loyalty_sections_answered() -> tuple[LoyaltySection, ...]:
    """Those that REST answers, in order."""
    return tuple(section for section in loyalty_sections() if section.is_answered)


def loyalty_tab(consumer: Consumer, *, at: datetime) -> dict[str, Any]:
    """The data of every section that REST answers by its key."""
    return {section.key: section.data(consumer, at=at) for section in loyalty_sections_answered()}


def membership_data(consumer: Consumer, *, at: datetime) -> dict[str, Any] | None:
    """The membership with its cards; None for no member."""
    membership = getattr(consumer, "membership", None)
    if membership is None:
        return None
    return {
        "enrolled_on": membership.enrolled_on,
        "status": membership.status,
        "cards": [{"number": card.number, "type": card.type} for card in membership.cards.all()],
    }


def balance_data(consumer: Consumer, *, at: datetime) -> int | None:
    """The points balance; None for no member."""
    return consumer.points_balance if getattr(consumer, "membership", None) is not None else None


_TEXT = {"type": "string"}

MEMBERSHIP = LoyaltySection(
    key="membership",
    label="Membership",
    position=10,
    data=membership_data,
    template="admin/consumers/consumer/loyalty/membership.html",
    schema={
        "type": ["object", "null"],
        "properties": {
            "enrolled_on": {"type": "string", "format": "date"},
            "status": _TEXT,
            "cards": {"type": "array", "items": {"type": "object", "properties": {"number": _TEXT, "type": _TEXT}}},
        },
    },
)

BALANCE = LoyaltySection(
    key="balance",
    label="Points balance",
    position=20,
    data=balance_data,
    template="admin/consumers/consumer/loyalty/balance.html",
    schema={"type": ["integer", "null"]},
)
