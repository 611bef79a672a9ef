"""Write loyalty cards of many consumers, one by one, without their other cards."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count

from consumers.exceptions import ConsumersError, Problem
from consumers.models import Account, Card, Membership
from consumers.services.account import account_lock
from consumers.services.consumer import consumers_lock
from consumers.services.upsert import model_problems, rows_by_values
from consumers.texts import key_problem

MAX_CARDS_OF_A_CONSUMER = 50


@dataclass(frozen=True, kw_only=True)
class CardOfConsumer:
    """A card, and the consumer whose it is."""

    number: str
    consumer_id: str
    type: str = ""


def cards_save(*, account_id: int, rows: Sequence[CardOfConsumer]) -> None:
    """Give cards to members, or change the type of cards that they have: all of them or none. Other cards stay.

    Raises:
        ConsumersError: each problem under ``<index>.<field>``: a consumer who is unknown or no member, a card of
            another consumer, too many cards, a number or type that cannot be stored.
    """
    # Race: two writers give one card to two consumers. The account's lock admits one at a time. The consumers' locks
    # keep their memberships until the cards are written.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        pks = consumers_lock(account_id=account_id, consumer_ids={row.consumer_id for row in rows})
        members = Membership.objects.select_related("consumer").annotate(card_count=Count("cards"))
        memberships = {
            membership.consumer.consumer_id: membership
            for membership in rows_by_values(members, "consumer_id", pks.values())
        }
        cards = Card.objects.filter(account=account).select_related("membership__consumer")
        stored = {card.number: card for card in rows_by_values(cards, "number", {row.number for row in rows})}
        if problems := list(_problems(account, rows, pks, memberships, stored)):
            raise ConsumersError(problems=problems)
        Card.objects.bulk_create(
            [
                Card(account=account, membership=memberships[row.consumer_id], number=row.number, type=row.type)
                for row in rows
            ],
            update_conflicts=True,
            unique_fields=["account", "number"],
            update_fields=["type"],
        )


def _problems(
    account: Account,
    rows: Sequence[CardOfConsumer],
    pks: Mapping[str, int],
    memberships: Mapping[str, Membership],
    stored: Mapping[str, Card],
) -> Iterator[Problem]:
    added: Counter[str] = Counter()
    for index, row in enumerate(rows):
        if row.consumer_id not in pks:
            detail = f"There is no consumer {row.consumer_id}."
            yield Problem(code="does_not_exist", detail=detail, attr=f"{index}.consumer_id")
            continue
        membership = memberships.get(row.consumer_id)
        if membership is None:
            detail = f"Only loyalty members have cards, and {row.consumer_id} is not a member."
            yield Problem(code="not_a_member", detail=detail, attr=f"{index}.consumer_id")
            continue
        if problem := key_problem(row.number):
            yield Problem(code=problem.code, detail=problem.detail, attr=f"{index}.number")
        card = Card(account=account, membership=membership, number=row.number, type=row.type)
        for invalid in model_problems(card, exclude=("membership",)):
            yield Problem(code=invalid.code, detail=invalid.detail, attr=f"{index}.{invalid.attr}")
        owner = stored.get(row.number)
        if owner is not None and owner.membership.consumer.consumer_id != row.consumer_id:
            detail = f"Card {row.number} belongs to another consumer."
            yield Problem(code="duplicate", detail=detail, attr=f"{index}.number")
        added[row.consumer_id] += owner is None
        if owner is None and getattr(membership, "card_count", 0) + added[row.consumer_id] > MAX_CARDS_OF_A_CONSUMER:
            detail = f"A consumer has up to {MAX_CARDS_OF_A_CONSUMER} cards."
            yield Problem(code="max_length", detail=detail, attr=f"{index}.number")
