"""Write consumers, their memberships and their cards."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.choices import ConsumerKind, MembershipStatus
from consumers.exceptions import ConsumersError, InUse, NotFound, Problem
from consumers.models import Account, Card, Consumer, ConsumerGroup, Membership, Site
from consumers.moments import month_day_date, month_day_text
from consumers.references import referenced_keys
from consumers.services.account import account_lock
from consumers.services.upsert import Saved, rows_by_values, rows_delete, rows_upsert
from consumers.texts import key_problem


@dataclass(frozen=True, kw_only=True)
class CardValues:
    """A loyalty card."""

    number: str
    type: str = ""


@dataclass(frozen=True, kw_only=True)
class LoyaltyValues:
    """A membership with all of its cards."""

    enrolled_on: date
    status: str = MembershipStatus.ACTIVE
    cards: tuple[CardValues, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ConsumerValues:
    """All editable fields of a consumer; the home site by number, groups by code.

    ``birthday`` is a month and day such as ``03-31``; without one it follows the date of birth.
    """

    consumer_id: str
    kind: str = ConsumerKind.CUSTOMER
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    date_of_birth: date | None = None
    birthday: str | None = None
    home_site: str | None = None
    groups: tuple[str, ...] = ()
    loyalty: LoyaltyValues | None = None
    archived: bool = False


def consumers_save(*, account_id: int, rows: Sequence[ConsumerValues]) -> Saved:
    """Create or replace consumers by id, each with its membership, cards and groups: all of them or none.

    Raises:
        ConsumersError: each problem under ``<index>.<field>``, unknown sites, unknown groups and cards of others too.
        InUse: a membership with a history of points would be removed.
    """
    # Race: two writers give one card to two consumers. The account's lock admits one at a time. The upsert locks the
    # consumers' rows, so that no sale earns points for a membership that is being removed.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        sites = {
            site.number: site
            for site in rows_by_values(
                Site.objects.filter(account=account), "number", (row.home_site for row in rows if row.home_site)
            )
        }
        groups = {
            group.code: group
            for group in rows_by_values(
                ConsumerGroup.objects.filter(account=account), "code", (code for row in rows for code in row.groups)
            )
        }
        problems = [*_wrong_birthdays(rows), *_unknown_rows(rows, sites, groups), *_cards_of_others(account, rows)]
        if problems:
            raise ConsumersError(problems=problems)
        consumers, saved = rows_upsert(
            model=Consumer,
            account=account,
            key="consumer_id",
            rows=[
                {
                    "consumer_id": row.consumer_id,
                    "kind": row.kind,
                    "first_name": row.first_name,
                    "last_name": row.last_name,
                    "email": row.email,
                    "phone": row.phone,
                    "date_of_birth": row.date_of_birth,
                    "yearless_birthday": row.birthday or "" if row.date_of_birth is None else "",
                    "home_site": sites[row.home_site] if row.home_site else None,
                    "archived": row.archived,
                }
                for row in rows
            ],
            exclude=("home_site",),
        )
        _memberships_save(account, consumers, rows)
        _groups_save(consumers, rows, groups)
    return saved


def consumer_delete(*, account_id: int, consumer_id: str) -> None:
    """Delete a consumer without history, with their membership and cards.

    Raises:
        NotFound: the account has no such consumer.
        InUse: there are transactions, points or vouchers of theirs.
    """
    try:
        # Race: another writer changes the consumer meanwhile. The account's lock admits one at a time.
        with transaction.atomic():
            account_lock(account_id=account_id)
            consumer = Consumer.objects.filter(account_id=account_id, consumer_id=consumer_id).first()
            if consumer is None:
                raise NotFound(f"There is no consumer {consumer_id}.")
            consumer.delete()
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error


def consumers_lock(*, account_id: int, consumer_ids: Collection[str]) -> dict[str, int]:
    """Lock consumers' rows until the transaction ends; return their primary keys by id, without unknown ids.

    Rows are locked in order of primary key, so that two callers never deadlock; sales lock their consumer first, too.
    Must be called inside ``transaction.atomic()``.
    """
    consumers = Consumer.objects.filter(account_id=account_id).order_by("pk").select_for_update(no_key=True)
    return dict(rows_by_values(consumers.values_list("consumer_id", "pk"), "consumer_id", consumer_ids))


def _wrong_birthdays(rows: Sequence[ConsumerValues]) -> Iterator[Problem]:
    for index, row in enumerate(rows):
        if not row.birthday:
            continue
        path = f"{index}.birthday"
        try:
            month_day_date(row.birthday)
        except ValueError as error:
            yield Problem(code="invalid", detail=str(error), attr=path)
            continue
        if row.date_of_birth is not None and month_day_text(row.date_of_birth) != row.birthday:
            detail = (
                f"The date of birth is {row.date_of_birth:%Y-%m-%d}. "
                "Correct one of the two, or leave the birthday blank."
            )
            yield Problem(code="contradicts_date_of_birth", detail=detail, attr=path)


def _unknown_rows(
    rows: Sequence[ConsumerValues], sites: Mapping[str, Site], groups: Mapping[str, ConsumerGroup]
) -> Iterator[Problem]:
    for index, row in enumerate(rows):
        if row.home_site and row.home_site not in sites:
            yield Problem(code="does_not_exist", detail=f"There is no site {row.home_site}.", attr=f"{index}.home_site")
        for position, code in enumerate(row.groups):
            if code not in groups:
                yield Problem(
                    code="does_not_exist", detail=f"There is no group {code}.", attr=f"{index}.groups.{position}"
                )


def _cards_of_others(account: Account, rows: Sequence[ConsumerValues]) -> Iterator[Problem]:
    paths: dict[str, str] = {}
    for index, row in enumerate(rows):
        for position, named in enumerate(row.loyalty.cards if row.loyalty else ()):
            path = f"{index}.loyalty.cards.{position}.number"
            if problem := key_problem(named.number):
                yield Problem(code=problem.code, detail=problem.detail, attr=path)
            if paths.setdefault(named.number, path) != path:
                yield Problem(code="duplicate", detail=f"Card {named.number} is listed twice.", attr=path)
    saved_ids = {row.consumer_id for row in rows}
    cards = Card.objects.filter(account=account).select_related("membership__consumer")
    for card in rows_by_values(cards, "number", paths):
        if card.membership.consumer.consumer_id not in saved_ids:
            yield Problem(
                code="duplicate", detail=f"Card {card.number} belongs to another consumer.", attr=paths[card.number]
            )


def _memberships_save(account: Account, consumers: Sequence[Consumer], rows: Sequence[ConsumerValues]) -> None:
    leaving = [consumer for consumer, row in zip(consumers, rows, strict=True) if row.loyalty is None]
    removed = Membership.objects.filter(consumer__in=leaving)
    removed_ids = list(removed.values_list("consumer__consumer_id", flat=True))
    if with_points := referenced_keys(account_id=account.pk, kind="membership", keys=removed_ids):
        raise InUse(
            f"The membership of {', '.join(sorted(with_points)[:10])} has points history: set its status to withdrawn."
        )
    Card.objects.filter(membership__in=removed).delete()
    removed.delete()
    staying = [
        (Membership(consumer=consumer, enrolled_on=row.loyalty.enrolled_on, status=row.loyalty.status), row.loyalty)
        for consumer, row in zip(consumers, rows, strict=True)
        if row.loyalty is not None
    ]
    if not staying:
        return
    memberships = Membership.objects.bulk_create(
        [membership for membership, _ in staying],
        update_conflicts=True,
        unique_fields=["consumer"],
        update_fields=["enrolled_on", "status"],
    )
    cards = [
        Card(account=account, membership=membership, number=card.number, type=card.type)
        for membership, (_, loyalty) in zip(memberships, staying, strict=True)
        for card in loyalty.cards
    ]
    saved_numbers = {card.number for card in cards}
    stored_cards = Card.objects.filter(membership__in=memberships)
    rows_delete(Card.objects.all(), [card.pk for card in stored_cards if card.number not in saved_numbers])
    if cards:
        Card.objects.bulk_create(
            cards, update_conflicts=True, unique_fields=["account", "number"], update_fields=["membership", "type"]
        )


def _groups_save(
    consumers: Sequence[Consumer], rows: Sequence[ConsumerValues], groups: Mapping[str, ConsumerGroup]
) -> None:
    link = Consumer.groups.through
    pairs = {
        (consumer.pk, groups[code].pk) for consumer, row in zip(consumers, rows, strict=True) for code in row.groups
    }
    links = link.objects.filter(consumer__in=consumers).values_list("pk", "consumer_id", "consumergroup_id")
    stored = {(consumer_pk, group_pk): pk for pk, consumer_pk, group_pk in links}
    rows_delete(link.objects.all(), [pk for pair, pk in stored.items() if pair not in pairs])
    link.objects.bulk_create(
        [
            link(consumer_id=consumer_pk, consumergroup_id=group_pk)
            for consumer_pk, group_pk in sorted(pairs - stored.keys())
        ]
    )
