"""Record redemption messages with the sale, send them in workers, send them again or cancel them.

A worker claims a message, and commits the claim, before it hands the message to the mail server; it records the result
afterwards. So no two workers send the same message, and a message whose worker died in between is known as uncertain
and left to staff, because sending it again might deliver it twice.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from smtplib import (
    SMTPDataError,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)

from django.core import mail
from django.db import connection, transaction
from django.db.models import QuerySet
from django.dispatch import Signal

from consumers.models import Consumer
from loyalty.choices import MessageState, TransactionStatus
from loyalty.exceptions import MessageSettled
from loyalty.models import AppliedPromotion, RedemptionMessage
from loyalty.services.promotion_texts import plain_text, redemption_message
from loyalty.services.statements.bulk_insert import rows_insert
from promotions.engine.pipeline.decision import Applied

logger = logging.getLogger(__name__)

FIRST_RETRY_DELAY = timedelta(seconds=30)
MAX_RETRY_DELAY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=1)
CLAIM_TIMEOUT = timedelta(minutes=15)
"""After this time a worker with no result has died: every step of handing over a message has a shorter limit."""

MAX_MESSAGES_PER_RUN = 200
"""Messages that one run tries to send."""

PERMANENT_ERROR = 500
"""The lowest reply code with which a mail server refuses for good."""

MAX_ERROR_LENGTH = 1_000

Clock = Callable[[], datetime]

messages_waiting = Signal()
"""Sent after the commit that recorded messages, to send them at once: the worker looks every few seconds anyway."""


# --- recording ------------------------------------------------------------------------------------------------------


def messages_of(*, applied: Sequence[Applied], consumer: Consumer, at: datetime) -> dict[int, RedemptionMessage]:
    """Return the unsaved messages to a consumer about a sale, by the promotion's id; none without an e-mail address.

    Args:
        applied: the promotions that applied.
        consumer: with account and e-mail.
        at: now.
    """
    if not consumer.email:
        return {}
    return {
        promotion.promotion.id: RedemptionMessage(
            account_id=consumer.account_id,
            consumer=consumer,
            address=consumer.email,
            subject=text.subject,
            body=text.body,
            recorded_at=at,
            next_attempt_at=at,
            give_up_at=at + GIVE_UP_AFTER,
        )
        for promotion in applied
        if (text := redemption_message(promotion.promotion.source))
    }


def messages_record(*, messages: Mapping[int, RedemptionMessage], rows: Mapping[int, AppliedPromotion]) -> None:
    """Record messages in one statement. Call it in the sale's database transaction.

    Args:
        messages: unsaved, by the promotion's id.
        rows: the saved row that each message is about, by the promotion's id.
    """
    if messages:
        for promotion_id, message in messages.items():
            message.applied = rows[promotion_id]
        rows_insert(list(messages.values()), ids=False)
        _notify_worker()


def _notify_worker() -> None:
    transaction.on_commit(partial(messages_waiting.send_robust, sender=RedemptionMessage))


# --- sending --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """The result of one attempt to send a message.

    ``state`` is sent; waiting (not sent, to be tried again); failed (not sent, and never will be); or uncertain.
    """

    state: MessageState
    error: str = ""


def messages_send(*, clock: Clock) -> int:
    """Send the messages that are due, up to ``MAX_MESSAGES_PER_RUN``; return how many were tried.

    Can run at any time and in any number of workers at once. ``clock`` is read for each message, because handing one
    over takes time.
    """
    at = clock()
    _mark_uncertain(at=at)
    _cancel_voided(at=at)
    tried = 0
    while tried < MAX_MESSAGES_PER_RUN and (message := _claim(at=clock())):
        tried += 1
        attempt = _hand_over(message)
        _record(message, attempt, at=clock())
    return tried


def _due(*, at: datetime) -> QuerySet[RedemptionMessage]:
    return RedemptionMessage.objects.filter(state=MessageState.WAITING, next_attempt_at__lte=at)


def _mark_uncertain(*, at: datetime) -> None:
    """Leave to staff the messages that a worker claimed ``CLAIM_TIMEOUT`` ago without a result."""
    abandoned = RedemptionMessage.objects.filter(state=MessageState.CLAIMED, claimed_at__lte=at - CLAIM_TIMEOUT)
    abandoned.update(
        state=MessageState.UNCERTAIN, last_error="Sending was interrupted. The message may have been sent."
    )


def _cancel_voided(*, at: datetime) -> None:
    voided = _due(at=at).filter(applied__transaction__status=TransactionStatus.VOIDED)
    voided.update(state=MessageState.CANCELLED, last_error="The transaction was voided.")


def _claim(*, at: datetime) -> RedemptionMessage | None:
    """Claim the next message that is due and that no other worker holds; None if there is none."""
    # Closes the race of two workers for one message: the second skips what the first has locked, or, in a database
    # that cannot skip locked rows, waits for the claim. The transaction ends before anything is sent.
    with transaction.atomic():
        due = _due(at=at).exclude(applied__transaction__status=TransactionStatus.VOIDED)
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(of=("self",), skip_locked=True)
        message = due.order_by("next_attempt_at", "pk").first()
        if message is not None:
            message.state, message.claimed_at = MessageState.CLAIMED, at
            message.attempts += 1
            message.save(update_fields=["state", "claimed_at", "attempts"])
    return message


def _hand_over(message: RedemptionMessage) -> Attempt:
    """Hand a message to the mail server over a new connection: one that was left open may have died unnoticed."""
    email = mail.EmailMultiAlternatives(
        message.subject,
        plain_text(message.body),
        to=[message.address],
        headers={"Auto-Submitted": "auto-generated"},
    )
    email.attach_alternative(message.body, "text/html")
    try:
        email.message()
        server = mail.get_connection()
        server.open()
    except Exception as error:  # noqa: BLE001 - whatever happened, nothing has been handed over yet
        return Attempt(state=MessageState.WAITING, error=_describe_error(error))
    try:
        server.send_messages([email])
    except Exception as error:  # noqa: BLE001 - an error that is no refusal may have come after the hand-over
        return Attempt(state=_state_after(error), error=_describe_error(error))
    finally:
        # The message is handed over: an error while closing the connection changes nothing.
        with suppress(OSError):
            server.close()
    return Attempt(state=MessageState.SENT)


def _state_after(error: Exception) -> MessageState:
    """Return the state after an error: refusals are certain (RFC 5321, 4.2.1), and final from code 500 on."""
    match error:
        case SMTPRecipientsRefused(recipients=refused):
            is_final = all(code >= PERMANENT_ERROR for code, _ in refused.values())
        case SMTPDataError(smtp_code=code):
            is_final = code >= PERMANENT_ERROR
        case SMTPSenderRefused() | SMTPHeloError() | SMTPNotSupportedError():
            # About how the two servers are set up, not about this message: that can be fixed.
            is_final = False
        case _:
            return MessageState.UNCERTAIN
    return MessageState.FAILED if is_final else MessageState.WAITING


def _describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_ERROR_LENGTH]


def _record(message: RedemptionMessage, attempt: Attempt, *, at: datetime) -> None:
    """Store the result of an attempt, unless the message was claimed again or changed by staff in the meantime."""
    state, next_attempt_at = attempt.state, message.next_attempt_at
    if state == MessageState.WAITING:
        next_attempt_at = at + retry_after(message.attempts)
        if next_attempt_at > message.give_up_at:
            state = MessageState.FAILED
    this_claim = RedemptionMessage.objects.filter(
        pk=message.pk, claimed_at=message.claimed_at, state__in=(MessageState.CLAIMED, MessageState.UNCERTAIN)
    )
    this_claim.update(
        state=state,
        next_attempt_at=next_attempt_at,
        sent_at=at if state == MessageState.SENT else message.sent_at,
        last_error=attempt.error,
    )
    if state != MessageState.SENT:
        logger.warning("Redemption message %s is %s: %s", message.pk, state, attempt.error)


def retry_after(attempts: int) -> timedelta:
    """Return the delay after a number of attempts: twice as long each time, up to ``MAX_RETRY_DELAY``.

    It is a random part, from half of that to all of it, so that messages that failed together are not retried together.
    """
    max_delay = min(FIRST_RETRY_DELAY * (1 << min(attempts - 1, 10)), MAX_RETRY_DELAY)
    return max_delay * random.uniform(0.5, 1)  # noqa: S311 - no secret


# --- staff ----------------------------------------------------------------------------------------------------------


def message_send_again(*, message: RedemptionMessage, at: datetime) -> RedemptionMessage:
    """Queue a message as if it had never been tried, to the consumer's current address, if there is one.

    Raises:
        MessageSettled: it is being sent right now, or its transaction was voided.
    """
    # One transaction under the message's lock: no worker can claim it in between.
    with transaction.atomic():
        message = _lock(message)
        if message.state == MessageState.CLAIMED:
            raise MessageSettled("This message is being sent. Check again in 15 minutes.")
        if message.applied.transaction.status == TransactionStatus.VOIDED:
            raise MessageSettled("The transaction was voided.")
        message.address = message.consumer.email or message.address
        message.state, message.attempts, message.last_error = MessageState.WAITING, 0, ""
        message.next_attempt_at, message.give_up_at = at, at + GIVE_UP_AFTER
        message.save(
            update_fields=["address", "state", "attempts", "last_error", "next_attempt_at", "give_up_at"],
        )
        _notify_worker()
    return message


def message_cancel(*, message: RedemptionMessage) -> RedemptionMessage:
    """Cancel a message, so that it is not sent.

    Raises:
        MessageSettled: it was sent, or is being sent right now.
    """
    # One transaction under the message's lock: no worker can claim it in between.
    with transaction.atomic():
        message = _lock(message)
        if message.state in (MessageState.CLAIMED, MessageState.SENT):
            raise MessageSettled("This message has been sent or is being sent.")
        message.state = MessageState.CANCELLED
        message.save(update_fields=["state"])
    return message


def _lock(message: RedemptionMessage) -> RedemptionMessage:
    rows = RedemptionMessage.objects.select_related("applied__transaction", "consumer")
    return rows.select_for_update(of=("self",)).get(pk=message.pk)
