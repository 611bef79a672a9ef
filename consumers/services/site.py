"""Writes of sites."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.exceptions import InUse, NotFound
from consumers.models import Site
from consumers.references import keys_referenced
from consumers.services.account import account_lock, rulebook_bump
from consumers.services.upsert import Saved, rows_upsert


@dataclass(frozen=True, kw_only=True)
class SiteValues:
    """Everything that can be said of a site; what is left out has its default."""

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
    # One transaction under the account's lock: of two writers of one number, the second replaces.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        rulebook_bump(account_id=account_id)
        _, saved = rows_upsert(model=Site, account=account, key="number", rows=[asdict(row) for row in rows])
    return saved


def site_delete(*, account_id: int, number: str) -> None:
    """Delete a site that nothing names.

    Raises:
        NotFound: the account has no such site.
        InUse: a transaction, a consumer or a promotion names it.
    """
    try:
        # One transaction under the account's lock, which every writer of a promotion holds too: none can come to
        # name the site between the look and the deletion.
        with transaction.atomic():
            account_lock(account_id=account_id)
            site = Site.objects.filter(account_id=account_id, number=number).first()
            if site is None:
                raise NotFound(f"There is no site {number}.")
            if keys_referenced(account_id=account_id, kind="site", keys=[number]):
                raise InUse
            site.delete()
            rulebook_bump(account_id=account_id)
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error
