"""Changes of promotions written to every table that keeps something of them."""

from collections.abc import Sequence
from datetime import datetime

from consumers.author import Author
from consumers.models import Account
from consumers.services.account import account_lock, rulebook_version_advance
from consumers.services.upsert import history_record
from promotions.exceptions import PromotionNotFound
from promotions.models import Promotion, PromotionVersion, StatusEvent
from promotions.services.promotion.campaign_budget import budgets_follow
from promotions.services.promotion.change import Change
from promotions.services.promotion.references import INSERT_BATCH, references_write
from promotions.services.promotion.values import promotion_definition
from promotions.services.status import status_events, status_events_record, transitions_missed

_NEVER_UPDATED = frozenset({"id", "account", "family", "redemptions", "budget_used", "saving_given", "created_at"})
_UPDATED = [field.name for field in Promotion._meta.concrete_fields if field.name not in _NEVER_UPDATED]


def promotion_lock(promotion: Promotion) -> Promotion:
    """Lock the promotion's account until the transaction ends; return the promotion as it is now, with its account.

    Raises:
        PromotionNotFound: it was deleted meanwhile.
    """
    account = account_lock(account_id=promotion.account_id)
    current = Promotion.objects.select_related("campaign").filter(pk=promotion.pk).first()
    if current is None:
        raise PromotionNotFound(f"There is no promotion {promotion.code}.")
    current.account = account
    return current


def changes_write(account: Account, changes: Sequence[Change], author: Author, at: datetime) -> None:
    """Write changes under the account's lock, one SQL statement for each table, whatever the number of rows."""
    changes = [change for change in changes if not change.is_idle]
    if not changes:
        return
    revision = rulebook_version_advance(account=account)
    versions: list[PromotionVersion] = []
    events: list[StatusEvent] = []
    for change in changes:
        change.promotion.revision = revision
        events += _status_set(change, at)
        if change.redefined:
            versions.append(_next_version(change.promotion, author, at))
    _insert([change.promotion for change in changes if change.before is None], author, at)
    _update([change.promotion for change in changes if change.before is not None], author, at)
    budgets_follow(changes)
    if versions:
        PromotionVersion.objects.bulk_create(versions, batch_size=INSERT_BATCH)
    references_write(changes)
    if events:
        status_events_record(events=events)


def _status_set(change: Change, at: datetime) -> list[StatusEvent]:
    """Set the status that a changed promotion has now; return the events of the way there.

    Those that the clock brought before the change come first, each with its own moment.
    """
    promotion = change.promotion
    transitions = transitions_missed(change.before, at=at) if change.before is not None else []
    status_before = transitions[-1][0] if transitions else promotion.status
    status = promotion.status_at(at)
    if status != status_before:
        transitions.append((status, at))
    promotion.status = status
    return status_events(promotion, transitions, at=at)


def _next_version(promotion: Promotion, author: Author, at: datetime) -> PromotionVersion:
    """Count the promotion's version up, and return the row of the new one."""
    promotion.version += 1
    return PromotionVersion(
        promotion=promotion,
        number=promotion.version,
        definition=promotion_definition(promotion),
        created_at=at,
        created_by=author.user,
        created_with=author.label[:100],
    )


def _insert(promotions: list[Promotion], author: Author, at: datetime) -> None:
    if promotions:
        Promotion.objects.bulk_create(promotions, batch_size=INSERT_BATCH)
        history_record(promotions, is_update=False, author=author, at=at, batch_size=INSERT_BATCH)


def _update(promotions: list[Promotion], author: Author, at: datetime) -> None:
    if not promotions:
        return
    # By id, as sales and sweeps lock them. Only sales write the counters of what was given.
    promotions.sort(key=lambda promotion: promotion.pk)
    creation_times = [promotion.created_at for promotion in promotions]
    Promotion.objects.bulk_create(
        promotions, batch_size=INSERT_BATCH, update_conflicts=True, unique_fields=["id"], update_fields=_UPDATED
    )
    # The insert half of the statement has set a new time on the instances.
    for promotion, created_at in zip(promotions, creation_times, strict=True):
        promotion.created_at = created_at
    history_record(promotions, is_update=True, author=author, at=at, batch_size=INSERT_BATCH)
