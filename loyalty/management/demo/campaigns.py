"""Harbour & Hearth's campaigns, which promotions belong to them, and who pays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from loyalty.management.demo.programme import Document, Term
from promotions.choices import Family
from promotions.services.campaign import CampaignValues


@dataclass(frozen=True, kw_only=True)
class PlannedCampaign(Term):
    """A campaign with its members by family; ``funding`` and ``ledger_class`` are those of all members.

    ``has_budget`` says that they share a budget.
    """

    code: str
    name: str
    description: str
    owner: str
    members: Mapping[Family, Sequence[str]]
    funding: tuple[Document, ...] = ()
    ledger_class: str = ""
    has_budget: bool = False

    def values(self, *, made_at: datetime) -> CampaignValues:
        """Return the campaign with its dates."""
        return CampaignValues(
            code=self.code,
            name=self.name,
            description=self.description,
            owner=self.owner,
            starts_at=self.starts_at(made_at=made_at),
            ends_at=self.ends_at(made_at=made_at),
        )


CAMPAIGNS = (
    PlannedCampaign(
        code="everyday-savings",
        name="Everyday savings",
        description="What we take off all year, and the points that go with it.",
        owner="Marketing",
        starts=-365,
        ends=120,
        members={
            Family.LOYALTY: ("triple-fairtrade", "stock-the-pantry"),
            Family.DISCOUNT: ("three-for-two", "last-hour", "ten-off-eighty"),
        },
        has_budget=True,
    ),
    PlannedCampaign(
        code="tea-season",
        name="Tea season",
        description="With our tea supplier, who pays for most of it.",
        owner="Buying, hot drinks",
        starts=-60,
        ends=30,
        members={Family.LOYALTY: ("tea-month",), Family.DISCOUNT: ("iced-tea-in-pairs",)},
        funding=({"party": "Leaf & Co", "share": "60"},),
        ledger_class="4711",
    ),
    PlannedCampaign(
        code="cosy-home",
        name="Cosy home",
        description="Candles, mugs and hampers for long evenings.",
        owner="Marketing",
        starts=-30,
        ends=60,
        members={
            Family.LOYALTY: ("candles-in-pairs", "hundred-for-hampers", "mugs-in-pairs"),
            Family.DISCOUNT: ("candle-evenings", "mug-sale"),
        },
    ),
)


def campaign_of(campaigns: Sequence[PlannedCampaign], family: Family, code: str) -> PlannedCampaign | None:
    """Return the campaign that a promotion belongs to, if any."""
    return next((each for each in campaigns if code in each.members.get(family, ())), None)
