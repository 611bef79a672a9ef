"""Reads of accounts, keys, sites and consumers."""

from collections.abc import Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Any, Protocol, TypeVar

from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Model, Q, QuerySet
from rest_framework_api_key.crypto import KeyGenerator

from consumers.choices import StaffRole
from consumers.models import Account, ApiKey, Card, Consumer, ConsumerGroup, Job, Site, StaffMembership, User

T = TypeVar("T", bound=Model)

MAXIMUM_FOUND = 20
LONGEST_ID = 18
"""Digits that an id may have: a column of 64 bits holds all numbers of so many."""

_keys = KeyGenerator()


def id_read(text: object) -> int | None:
    """The id that a text is, such as a part of an address; None for what is no row's id."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_ID else None


def row_by_id(rows: QuerySet[T], text: object) -> T | None:
    """The row whose id a text is; None where there is none in ``rows``, whatever the text."""
    found = id_read(text)
    return None if found is None else rows.filter(pk=found).first()


def api_key_usable(*, key: str) -> ApiKey | None:
    """The key's row with its account, if it is genuine, not revoked and not expired: one SQL statement."""
    prefix, _, secret = key.partition(".")
    if not (prefix.isascii() and prefix.isalnum() and secret.isascii()):
        return None
    # In SQL: every call of the API asks this, and the ORM takes as long to put it together as a sale takes to commit.
    keys, accounts = ApiKey._meta.concrete_fields, Account._meta.concrete_fields
    columns = [*(f"k.{field.column}" for field in keys), *(f"a.{field.column}" for field in accounts)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM consumers_apikey k"  # noqa: S608 - names are the models' own
            " JOIN consumers_account a ON a.id = k.account_id WHERE k.prefix = %s AND NOT k.revoked",
            [prefix],
        )
        values = cursor.fetchone()
    if values is None:
        return None
    row = _from_row(ApiKey, values[: len(keys)])
    row.account = _from_row(Account, values[len(keys) :])
    return None if row.has_expired or not _keys.verify(key, row.hashed_key) else row


def _from_row(model: type[T], values: Sequence[Any]) -> T:
    """A model's instance from the values of its columns in order, as the driver gives them."""
    fields = model._meta.concrete_fields
    converted = list(values)
    for place, expression, converters in _converters(model):
        for convert in converters:
            converted[place] = convert(converted[place], expression, connection)
    return model.from_db(connection.alias, [field.attname for field in fields], converted)


@lru_cache
def _converters(model: type[Model]) -> list[tuple[int, Any, list[Any]]]:
    """What makes a column's value that of its field, by place; only where there is something to do."""
    columns = [(place, field.cached_col) for place, field in enumerate(model._meta.concrete_fields)]
    found = [
        (place, column, [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)])
        for place, column in columns
    ]
    return [entry for entry in found if entry[2]]


def sites_of(*, account_id: int) -> QuerySet[Site]:
    """The account's sites."""
    return Site.objects.filter(account_id=account_id)


def group_members(*, account_id: int) -> QuerySet[Any]:
    """Who is in which group of the account: one row for each member, with the group and the consumer."""
    links = Consumer.groups.through._default_manager.filter(consumergroup__account_id=account_id)
    return links.select_related("consumergroup", "consumer").order_by("consumergroup__code", "consumer__consumer_id")


def groups_of(*, account_id: int) -> QuerySet[ConsumerGroup]:
    """The account's groups."""
    return ConsumerGroup.objects.filter(account_id=account_id)


def consumers_of(*, account_id: int) -> QuerySet[Consumer]:
    """The account's consumers with their home site, membership, cards and groups: three statements for any number."""
    return (
        Consumer.objects.filter(account_id=account_id)
        .select_related("home_site", "membership")
        .prefetch_related("groups", "membership__cards")
    )


class Matching(Protocol):
    """What of an account's rows a text finds that somebody searches for, as a condition that indexes answer."""

    def __call__(self, *, account_id: int, search: str) -> Q: ...


def consumers_matching(*, account_id: int, search: str) -> QuerySet[Consumer]:
    """Those of whom each word of ``search`` begins the id, a name or the e-mail address, or is a card's number.

    The cards are looked up here, in one SQL statement: an index answers the rest only if it need not ask for them.
    """
    words = search.split()
    cards = Card.objects.filter(account_id=account_id, number__in=words)
    owners = dict(cards.values_list("number", "membership__consumer"))
    consumers = Consumer.objects.filter(account_id=account_id)
    for word in words:
        begins = [Q(**{f"{name}__istartswith": word}) for name in ("consumer_id", "first_name", "last_name", "email")]
        consumers = consumers.filter(reduce(or_, begins, Q(pk=owners[word]) if word in owners else Q()))
    return consumers


def consumers_found(*, account_id: int, search: str) -> list[tuple[str, str]]:
    """Up to ``MAXIMUM_FOUND`` consumers that match and are not archived: ids with names. Two SQL statements."""
    consumers = consumers_matching(account_id=account_id, search=search).filter(archived=False)
    found = consumers.order_by("last_name", "first_name", "consumer_id")[:MAXIMUM_FOUND]
    return [(one.consumer_id, str(one)) for one in found]


def consumers_named(*, account_id: int, consumer_ids: Sequence[str]) -> dict[str, str]:
    """The names of the consumers among ``consumer_ids`` that exist, by id. One SQL statement; none for none."""
    found = Consumer.objects.filter(account_id=account_id, consumer_id__in=consumer_ids) if consumer_ids else ()
    return {one.consumer_id: str(one) for one in found}


def accounts_of_staff(*, user: User) -> QuerySet[Account]:
    """The accounts that a user may work in, in order of name: all of them for a superuser."""
    accounts = Account.objects.all() if user.is_superuser else Account.objects.filter(staff_memberships__user=user)
    return accounts.order_by("name", "code")


def staff_membership_current(*, user: User, account_id: int | None) -> StaffMembership | None:
    """The membership in which a user works: of the account given, or else of the first by name; None without any.

    A superuser needs no membership: where there is none, they are given an unsaved one as administrator.
    """
    memberships = list(
        StaffMembership.objects.filter(user=user)
        .select_related("account", "role")
        .order_by("account__name", "account__code")
    )
    chosen = next((one for one in memberships if one.account_id == account_id), None)
    if not user.is_superuser:
        return chosen or next(iter(memberships), None)
    if chosen is None:
        accounts = accounts_of_staff(user=user)
        account = accounts.filter(pk=account_id or 0).first() or accounts.first()
        if account is None:
            return None
        role = Group.objects.get(name=StaffRole.ADMINISTRATOR)
        chosen = next((one for one in memberships if one.account_id == account.pk), None) or StaffMembership(
            user=user, account=account, role=role
        )
    return chosen


def staff_of(*, account_id: int) -> QuerySet[StaffMembership]:
    """The account's staff with their users and roles."""
    return StaffMembership.objects.filter(account_id=account_id).select_related("user", "role")


def jobs_of(*, account_id: int, asked_by: User | None = None) -> QuerySet[Job]:
    """The account's large jobs, newest first; those of one member of staff, where one is named."""
    jobs = Job.objects.filter(account_id=account_id).select_related("asked_by").order_by("-asked_at", "-pk")
    return jobs if asked_by is None else jobs.filter(asked_by=asked_by)
