"""The stored status of promotions, and the log of its changes.

The dates are the truth; the stored status is a copy for overviews, and the log says when each change truly happened.
A change that the clock made carries its date (the start, the end, the stop); one that a person made carries the moment
of the deed.
"""

from collections import defaultdict
from datetime import datetime

from django.db import transaction

from promotions.choices import Status
from promotions.models import Promotion, StatusEvent
from promotions.selectors.promotion import promotions_out_of_date

CHUNK = 500

Transition = tuple[Status, datetime]
"""A status, and the moment from which the promotion had it."""


def transitions_missed(promotion: Promotion, *, at: datetime) -> list[Transition]:
    """What the clock has done to a promotion since its status was stored, oldest first; empty if nothing."""
    status = promotion.status_at(at)
    if status == promotion.status:
        return []
    if status in (Status.DRAFT, Status.SCHEDULED):
        return [(status, at)]
    if status is Status.ACTIVE:
        return [(status, promotion.starts_at)]
    over = promotion.stopped_at if status is Status.STOPPED else promotion.ends_at
    assert over is not None  # noqa: S101 - status_at has found the promotion stopped or ended by it
    path: list[Transition] = [(status, over)]
    if promotion.status in ("", Status.DRAFT, Status.SCHEDULED) and promotion.starts_at < over:
        path.insert(0, (Status.ACTIVE, promotion.starts_at))
    return path


def status_events(promotion: Promotion, transitions: list[Transition], *, at: datetime) -> list[StatusEvent]:
    """Log entries of a promotion's transitions, found at a moment; not saved."""
    return [
        StatusEvent(promotion=promotion, status=status, effective_at=moment, recorded_at=at)
        for status, moment in transitions
    ]


def status_events_record(*, events: list[StatusEvent]) -> None:
    """Log transitions; one that is logged already stays as it is. Belongs in the caller's transaction."""
    StatusEvent.objects.bulk_create(events, ignore_conflicts=True)


def statuses_sync(*, at: datetime) -> int:
    """Bring the stored statuses of all accounts up to a moment, and log every transition on the way.

    Can be run at any time, by any number of workers at once, and after any outage: what is right already is left alone.

    Returns:
        The number of promotions whose stored status was changed.
    """
    changed = 0
    last = 0
    while True:
        # One transaction for each chunk, under its rows' locks: of two sweeps the second finds the statuses set, and
        # an edit of the dates comes either before the look or after the write. Rows are locked by id, as a sale does.
        with transaction.atomic():
            rows = list(
                promotions_out_of_date(at=at)
                .filter(pk__gt=last)
                .order_by("pk")
                .select_for_update(no_key=True)
                .only("status", "draft", "starts_at", "ends_at", "stopped_at")[:CHUNK]
            )
            if not rows:
                return changed
            last = rows[-1].pk
            by_status: defaultdict[Status, list[int]] = defaultdict(list)
            events = []
            for row in rows:
                events += status_events(row, transitions_missed(row, at=at), at=at)
                by_status[row.status_at(at)].append(row.pk)
            for status, ids in by_status.items():
                changed += Promotion.objects.filter(pk__in=ids).exclude(status=status).update(status=status)
            status_events_record(events=events)
