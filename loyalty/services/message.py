"""Redemption messages: recorded with the sale, sent afterwards by workers, and what people do about them.

A message is claimed, and the claim committed, before it is handed to the mail server; what became of it is recorded
after. So no message is sent twice by two workers, and one whose worker died in between is known as uncertain and left
to a person, because sending it again could be the second time.
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
from loyalty.services.promotion_texts import message_text, plain_text
from loyalty.services.till.bulk_insert import rows_insert
from promotions.engine.pipeline.decision import Applied

logger = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
GIVE_UP = timedelta(days=1)
CLAIM_HOLDS = timedelta(minutes=15)
"""After this a worker that says nothing has died: every step of handing over a message has a shorter limit."""

AT_ONCE = 200
"""Messages that one run tries at most."""

PERMANENT = 500
"""From here on a mail server's refusal is for good."""

LONGEST_ERROR = 1_000

Clock = Callable[[], datetime]

messages_waiting = Signal()
"""Sent after the commit that recorded messages. Says "look now" and no more: a look is due every few seconds anyway."""


# --- recording ------------------------------------------------------------------------------------------------------


def messages_of(*, applied: Sequence[Applied], consumer: Consumer, at: datetime) -> dict[int, RedemptionMessage]:
    """What a consumer is to be told about a sale, unsaved, by the promotion's id. Nobody is told who has no address.

    Args:
        applied: what was decided.
        consumer: with account and e-mail.
        at: now.
    """
    if not consumer.email:
        return {}
    return {
        one.promotion.id: RedemptionMessage(
            account_id=consumer.account_id,
            consumer=consumer,
            address=consumer.email,
            subject=text.subject,
            body=text.body,
            recorded_at=at,
            next_attempt_at=at,
            give_up_at=at + GIVE_UP,
        )
        for one in applied
        if (text := message_text(one.promotion.source))
    }


def messages_record(*, messages: Mapping[int, RedemptionMessage], rows: Mapping[int, AppliedPromotion]) -> None:
    """Record messages in one statement. Belongs in the sale's transaction.

    Args:
        messages: unsaved, by the promotion's id.
        rows: the saved row of what each is about, by the promotion's id.
    """
    if messages:
        for promotion_id, message in messages.items():
            message.applied = rows[promotion_id]
        rows_insert(list(messages.values()), ids=False)
        _look_now()


def _look_now() -> None:
    transaction.on_commit(partial(messages_waiting.send_robust, sender=RedemptionMessage))


# --- sending --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one attempt: sent; waiting, where it was surely not sent and may be tried again; failed, where it
    was surely not sent and never will be; or uncertain."""

    state: MessageState
    error: str = ""


def messages_send(*, clock: Clock) -> int:
    """Send what is due, up to AT_ONCE messages; returns how many were tried.

    Can be run at any time and by any number of workers at once. ``clock`` is read anew for each message, because
    handing one over takes its time.
    """
    at = clock()
    _uncertain_after(at=at)
    _cancel_voided(at=at)
    tried = 0
    while tried < AT_ONCE and (message := _claim(at=clock())):
        tried += 1
        outcome = _hand_over(message)
        _record(message, outcome, at=clock())
    return tried


def _due(*, at: datetime) -> QuerySet[RedemptionMessage]:
    return RedemptionMessage.objects.filter(state=MessageState.WAITING, next_attempt_at__lte=at)


def _uncertain_after(*, at: datetime) -> None:
    """Leave to a person what a worker claimed and then said nothing about for CLAIM_HOLDS."""
    lost = RedemptionMessage.objects.filter(state=MessageState.CLAIMED, claimed_at__lte=at - CLAIM_HOLDS)
    lost.update(state=MessageState.UNCERTAIN, last_error="The worker stopped before it could say what became of it.")


def _cancel_voided(*, at: datetime) -> None:
    voided = _due(at=at).filter(applied__transaction__status=TransactionStatus.VOIDED)
    voided.update(state=MessageState.CANCELLED, last_error="The transaction was voided.")


def _claim(*, at: datetime) -> RedemptionMessage | None:
    """Take the next message that is due; None if there is none that no other worker has."""
    # Closes the race of two workers for one message: the second passes over what the first has locked, and where rows
    # cannot be locked it waits for the claim. Ends before anything is sent.
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


def _hand_over(message: RedemptionMessage) -> Outcome:
    """Give a message to the mail server, over a connection of its own: one left open may have died unnoticed."""
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
    except Exception as error:  # noqa: BLE001 - whatever it was, nothing has been handed over yet
        return Outcome(state=MessageState.WAITING, error=_in_words(error))
    try:
        server.send_messages([email])
    except Exception as error:  # noqa: BLE001 - what is not known to be a refusal may have come after the hand-over
        return Outcome(state=_state_after(error), error=_in_words(error))
    finally:
        # A good-bye that fails changes nothing.
        with suppress(OSError):
            server.close()
    return Outcome(state=MessageState.SENT)


def _state_after(error: Exception) -> MessageState:
    """What an error of a mail server's says: its refusals are sure (RFC 5321, 4.2.1), those from 500 on for good."""
    match error:
        case SMTPRecipientsRefused(recipients=refused):
            for_good = all(code >= PERMANENT for code, _ in refused.values())
        case SMTPDataError(smtp_code=code):
            for_good = code >= PERMANENT
        case SMTPSenderRefused() | SMTPHeloError() | SMTPNotSupportedError():
            # Not about this message, but about how the two servers are set up, which can be mended.
            for_good = False
        case _:
            return MessageState.UNCERTAIN
    return MessageState.FAILED if for_good else MessageState.WAITING


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]


def _record(message: RedemptionMessage, outcome: Outcome, *, at: datetime) -> None:
    """Write down what became of the attempt, unless the message has been claimed or decided upon anew meanwhile."""
    state, next_attempt_at = outcome.state, message.next_attempt_at
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
        last_error=outcome.error,
    )
    if state != MessageState.SENT:
        logger.warning("Redemption message %s is %s: %s", message.pk, state, outcome.error)


def retry_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, up to LONGEST_RETRY.

    Between half of that and all of it by chance, so that what failed together does not come back together.
    """
    longest = min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret


# --- what people do -------------------------------------------------------------------------------------------------


def message_send_again(*, message: RedemptionMessage, at: datetime) -> RedemptionMessage:
    """Let a message be sent as if it had never been tried, to the address that its consumer has now, if any.

    Raises:
        MessageSettled: it is being sent at this moment, or its transaction was voided.
    """
    # One transaction under the message's lock: no worker claims it while it is decided upon.
    with transaction.atomic():
        message = _locked(message)
        if message.state == MessageState.CLAIMED:
            raise MessageSettled("It is being sent at this moment. Look again in a quarter of an hour.")
        if message.applied.transaction.status == TransactionStatus.VOIDED:
            raise MessageSettled("The transaction was voided.")
        message.address = message.consumer.email or message.address
        message.state, message.attempts, message.last_error = MessageState.WAITING, 0, ""
        message.next_attempt_at, message.give_up_at = at, at + GIVE_UP
        message.save(
            update_fields=["address", "state", "attempts", "last_error", "next_attempt_at", "give_up_at"],
        )
        _look_now()
    return message


def message_cancel(*, message: RedemptionMessage) -> RedemptionMessage:
    """Give a message up: it is not sent any more.

    Raises:
        MessageSettled: it is sent, or being sent at this moment.
    """
    # One transaction under the message's lock: no worker claims it while it is decided upon.
    with transaction.atomic():
        message = _locked(message)
        if message.state in (MessageState.CLAIMED, MessageState.SENT):
            raise MessageSettled("It is sent already, or being sent at this moment.")
        message.state = MessageState.CANCELLED
        message.save(update_fields=["state"])
    return message


def _locked(message: RedemptionMessage) -> RedemptionMessage:
    rows = RedemptionMessage.objects.select_related("applied__transaction", "consumer")
    return rows.select_for_update(of=("self",)).get(pk=message.pk)
