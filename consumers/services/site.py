"""Write sites."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.exceptions import InUse, NotFound
from consumers.models import Site
from consumers.references import referenced_keys
from consumers.services.account import account_lock, rulebook_version_bump
from consumers.services.upsert import Saved, rows_upsert


@dataclass(frozen=True, kw_only=True)
class SiteValues:
    """All editable fields of a site."""

    number: str
    name: str = ""
    address_line_1: str = ""
    town: str = ""
    county: str = ""
    postcode: str = ""
    time_zone: str = ""
    archived: bool = False


def sites_save(*, account_id: int, rows: Sequence[SiteValues]) -> Saved:
    """Create or replace sites by number: all of them or none.

    Raises:
        ConsumersError: each problem under ``<index>.<field>``.
    """
    # Race: two writers of one number. The account's lock admits one at a time, and the second replaces the first's row.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        rulebook_version_bump(account_id=account_id)
        _, saved = rows_upsert(model=Site, account=account, key="number", rows=[asdict(row) for row in rows])
    return saved


def site_delete(*, account_id: int, number: str) -> None:
    """Delete a site that is not used.

    Raises:
        NotFound: the account has no such site.
        InUse: a transaction, a consumer or a promotion uses it.
    """
    try:
        # Race: a promotion starts to use the site between the check and the deletion. Writers of promotions hold the
        # account's lock too.
        with transaction.atomic():
            account_lock(account_id=account_id)
            site = Site.objects.filter(account_id=account_id, number=number).first()
            if site is None:
                raise NotFound(f"There is no site {number}.")
            if referenced_keys(account_id=account_id, kind="site", keys=[number]):
                raise InUse
            site.delete()
            rulebook_version_bump(account_id=account_id)
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error
