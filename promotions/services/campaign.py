"""Write campaigns."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.author import Author
from consumers.services.account import account_lock
from consumers.services.upsert import Saved, rows_by_values, rows_upsert, upsert_record
from promotions.exceptions import CampaignInUse, CampaignNotFound, PromotionsError
from promotions.models import Campaign


@dataclass(frozen=True, kw_only=True)
class CampaignValues:
    """All editable fields of a campaign; times are aware."""

    code: str
    name: str
    description: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    owner: str = ""
    archived: bool = False


def campaigns_save(*, account_id: int, rows: Sequence[CampaignValues], author: Author, at: datetime) -> Saved:
    """Create or replace campaigns by code: all of them or none.

    Raises:
        PromotionsError: each problem under ``<index>.<field>``.
    """
    # Race: two writers of one code. The account's lock admits one at a time, and the second replaces the first's row.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        owned = Campaign.objects.filter(account=account)
        replaced = {campaign.code: campaign for campaign in rows_by_values(owned, "code", (row.code for row in rows))}
        campaigns, saved = rows_upsert(
            model=Campaign, account=account, key="code", rows=[asdict(row) for row in rows], refuse=PromotionsError
        )
        upsert_record(campaigns, replaced=replaced, key="code", author=author, at=at)
    return saved


def campaign_delete(*, account_id: int, code: str, author: Author) -> None:
    """Delete a campaign without members.

    Raises:
        CampaignNotFound: the account has no such campaign.
        CampaignInUse: promotions or discounts belong to it.
    """
    try:
        # Race: a promotion joins between the check and the deletion. Writers of promotions hold the account's lock too.
        with transaction.atomic():
            account_lock(account_id=account_id)
            campaign = Campaign.objects.filter(account_id=account_id, code=code).first()
            if campaign is None:
                raise CampaignNotFound(f"There is no campaign {code}.")
            author.sign(campaign)
            campaign.delete()
    except (ProtectedError, IntegrityError) as error:
        raise CampaignInUse from error
