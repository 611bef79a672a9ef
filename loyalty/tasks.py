"""Scheduled tasks. Each calls one service, and may run twice."""

from datetime import timedelta

from consumers.services import schedule
from consumers.tasks import BULK, MAX_JOB_TIME, scheduled
from loyalty.services.message import messages_send as loyalty_messages_send
from loyalty.services.results.count import results_count as loyalty_results_count
from loyalty.services.rewards.voucher import vouchers_expire as loyalty_vouchers_expire
from loyalty.services.uplift.population import populations_update
from promotions.services.status import statuses_sync as promotions_statuses_sync


@scheduled(title="Statuses of promotions", every=timedelta(minutes=1))
def statuses_sync() -> int:
    """Bring stored statuses up to date; return how many promotions changed."""
    return promotions_statuses_sync(at=schedule.database_now())


@scheduled(title="Vouchers that are over", every=timedelta(minutes=1))
def vouchers_expire() -> int:
    """Mark expired vouchers; return how many."""
    return loyalty_vouchers_expire(at=schedule.database_now())


@scheduled(title="Redemption messages", every=timedelta(seconds=10))
def messages_send() -> int:
    """Send the redemption messages that are due; return how many were tried."""
    return loyalty_messages_send(clock=schedule.database_now)


MAX_RESULTS_TIME = timedelta(seconds=10)
"""After this time counting yields to other work; it goes on at its next turn."""


@scheduled(title="Results of promotions", every=timedelta(seconds=20))
def results_count() -> int:
    """Count sales and returns into the results of promotions; return how many."""
    return loyalty_results_count(clock=schedule.database_now, for_at_most=MAX_RESULTS_TIME)


@scheduled(title="Uplift of promotions", every=timedelta(minutes=1), queue=BULK)
def uplift_measure() -> int:
    """List and measure the consumers of promotions with a control group; return how many were measured."""
    return populations_update(clock=schedule.database_now, for_at_most=MAX_JOB_TIME)
