"""What the worker runs: shells over services. A task only says "look now", and may run twice."""

from celery import shared_task
from django.utils import timezone

from loyalty.services.message import messages_send as loyalty_messages_send
from loyalty.services.voucher import vouchers_expire as loyalty_vouchers_expire
from promotions.services.status import statuses_sync as promotions_statuses_sync


@shared_task
def statuses_sync() -> int:
    """Bring stored statuses up to date; returns how many promotions changed."""
    return promotions_statuses_sync(at=timezone.now())


@shared_task
def vouchers_expire() -> int:
    """Store which vouchers are over; returns how many."""
    return loyalty_vouchers_expire(at=timezone.now())


@shared_task
def messages_send() -> int:
    """Send the redemption messages that are due; returns how many were tried."""
    return loyalty_messages_send(clock=timezone.now)
