"""The stored status of promotions, and the log of its changes.

The dates decide the status; the stored one is a copy for lists, and the log has the true moment of each change. A
change that the clock brought has its date (the start, the end, the stop); a change by a person has the moment of the
change.
"""

from collections import defaultdict
from datetime import datetime

from django.db import transaction

from promotions.choices import Status
from promotions.models import Promotion, StatusEvent
from promotions.selectors.life import promotions_out_of_date

MAX_ROWS_PER_TRANSACTION = 500

Transition = tuple[Status, datetime]
"""A status, and the moment from which the promotion had it."""


def transitions_missed(promotion: Promotion, *, at: datetime) -> list[Transition]:
    """Return the transitions that time brought since a promotion's status was stored, oldest first."""
    status = promotion.status_at(at)
    if status == promotion.status:
        return []
    if status in (Status.DRAFT, Status.SCHEDULED):
        return [(status, at)]
    if status is Status.ACTIVE:
        return [(status, promotion.starts_at)]
    finished_at = promotion.stopped_at if status is Status.STOPPED else promotion.ends_at
    assert finished_at is not None  # noqa: S101 - status_at has found the promotion stopped or ended by it
    transitions: list[Transition] = [(status, finished_at)]
    if promotion.status in ("", Status.DRAFT, Status.SCHEDULED) and promotion.starts_at < finished_at:
        transitions.insert(0, (Status.ACTIVE, promotion.starts_at))
    return transitions


def status_events(promotion: Promotion, transitions: list[Transition], *, at: datetime) -> list[StatusEvent]:
    """Return the log entries of a promotion's transitions, recorded at ``at``; they are not saved."""
    return [
        StatusEvent(promotion=promotion, status=status, effective_at=moment, recorded_at=at)
        for status, moment in transitions
    ]


def status_events_record(*, events: list[StatusEvent]) -> None:
    """Save log entries; one that exists already is kept. Call it within the transaction of the change."""
    StatusEvent.objects.bulk_create(events, ignore_conflicts=True)


def statuses_sync(*, at: datetime) -> int:
    """Update the stored statuses of all accounts to ``at``, and log every transition on the way.

    Can be run at any time, by any number of workers at once, and after any outage: correct rows are left alone.

    Returns:
        The number of promotions whose stored status was changed.
    """
    changed = 0
    last_pk = 0
    while True:
        # One transaction for each chunk, under its rows' locks: of two sweeps the second finds the statuses set, and
        # an edit of the dates comes either before the read or after the write. Rows are locked by id, as a sale does.
        with transaction.atomic():
            rows = list(
                promotions_out_of_date(at=at)
                .filter(pk__gt=last_pk)
                .order_by("pk")
                .select_for_update(no_key=True)
                .only("status", "draft", "starts_at", "ends_at", "stopped_at")[:MAX_ROWS_PER_TRANSACTION]
            )
            if not rows:
                return changed
            last_pk = rows[-1].pk
            by_status: defaultdict[Status, list[int]] = defaultdict(list)
            events = []
            for row in rows:
                events += status_events(row, transitions_missed(row, at=at), at=at)
                by_status[row.status_at(at)].append(row.pk)
            for status, ids in by_status.items():
                changed += Promotion.objects.filter(pk__in=ids).exclude(status=status).update(status=status)
            status_events_record(events=events)
