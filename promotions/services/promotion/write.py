"""."""

from collections.abc import Sequence
from datetime import datetime

from consumers.author import Author
from consumers.models import Account
from consumers.services.account import account_lock, rulebook_advance
from consumers.services.upsert import history_record
from promotions.exceptions import (
    PromotionNotFound,
)
from promotions.models import Promotion, PromotionVersion
from promotions.services.promotion.change import _BATCH, Change
from promotions.services.promotion.references import references_write
from promotions.services.promotion.values import promotion_definition
from promotions.services.status import status_events, status_events_record, transitions_missed

# --- writing --------------------------------------------------------------------------------------------------------


def promotion_lock(promotion: Promotion) -> Promotion:
    """The promotion as it is now, with its account, which stays locked until the transaction ends.

    Raises:
        PromotionNotFound: it was deleted meanwhile.
    """
    account = account_lock(account_id=promotion.account_id)
    current = Promotion.objects.filter(pk=promotion.pk).first()
    if current is None:
        raise PromotionNotFound(f"There is no promotion {promotion.code}.")
    current.account = account
    return current


def changes_write(account: Account, changes: Sequence[Change], author: Author, at: datetime) -> None:
    """Write changes under the account's lock, one SQL statement for each table, whatever the number of rows."""
    changes = [change for change in changes if not change.is_idle]
    if not changes:
        return
    revision = rulebook_advance(account=account)
    versions, events = [], []
    for change in changes:
        promotion = change.promotion
        promotion.revision = revision
        missed = transitions_missed(change.before, at=at) if change.before is not None else []
        reached = missed[-1][0] if missed else promotion.status
        promotion.status = promotion.status_at(at)
        if promotion.status != reached:
            missed.append((promotion.status_at(at), at))
        events += status_events(promotion, missed, at=at)
        if change.redefined:
            promotion.version += 1
            versions.append(
                PromotionVersion(
                    promotion=promotion,
                    number=promotion.version,
                    definition=promotion_definition(promotion),
                    created_at=at,
                    created_by=author.user,
                    created_with=author.label[:100],
                )
            )
    _write_rows([change.promotion for change in changes if change.before is None], author, at, created=True)
    _write_rows([change.promotion for change in changes if change.before is not None], author, at, created=False)
    if versions:
        PromotionVersion.objects.bulk_create(versions, batch_size=_BATCH)
    references_write(changes)
    if events:
        status_events_record(events=events)


_NEVER_REWRITTEN = frozenset({"id", "account", "family", "type", "redemptions", "created_at"})
_REWRITTEN = [field.name for field in Promotion._meta.concrete_fields if field.name not in _NEVER_REWRITTEN]


def _write_rows(promotions: list[Promotion], author: Author, at: datetime, *, created: bool) -> None:
    if not promotions:
        return
    if created:
        Promotion.objects.bulk_create(promotions, batch_size=_BATCH)
    else:
        # By id, as sales and sweeps lock them. The counter of redemptions is the sales' alone.
        promotions.sort(key=lambda promotion: promotion.pk)
        made = [promotion.created_at for promotion in promotions]
        Promotion.objects.bulk_create(
            promotions, batch_size=_BATCH, update_conflicts=True, unique_fields=["id"], update_fields=_REWRITTEN
        )
        for promotion, created_at in zip(promotions, made, strict=True):
            promotion.created_at = created_at
    history_record(promotions, is_update=not created, author=author, at=at, batch_size=_BATCH)
