"""Read accounts, staff, API keys, sites, groups, consumers and jobs."""

from collections.abc import Collection, Sequence
from functools import lru_cache, reduce
from operator import and_, or_
from typing import Any, Protocol, TypeVar

from django.db import connection
from django.db.models import Case, Count, Model, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from rest_framework_api_key.crypto import KeyGenerator

from consumers.choices import StaffRole
from consumers.models import (
    Account,
    ApiKey,
    Card,
    Consumer,
    ConsumerGroup,
    FileColumnChoice,
    Job,
    Role,
    SavedFilter,
    Site,
    StaffMembership,
    User,
)
from consumers.search_text import search_problem
from consumers.types import Rows

T = TypeVar("T", bound=Model)

CONSUMER_SEARCH_FIELDS = ("consumer_id", "first_name", "last_name", "email", "phone")
"""Columns with an index of beginnings."""
MAX_CONSUMER_CHOICES = 20
MAX_STATEMENT_VALUES = 10_000
"""Values in one statement: SQLite allows 32,766 parameters."""

MAX_ID_DIGITS = 18
"""Every number of this many digits fits a 64-bit column."""
MAX_NAMED_ROWS = 1_000
"""Rows that a condition lists one by one, which lets an index find them; with more it holds a subquery."""

ROLE_ORDER = Case(
    *(When(account=None, name=role, then=position) for position, role in enumerate(StaffRole)), default=len(StaffRole)
)
"""The templates in their order, and then all other roles."""

_keys = KeyGenerator()


def parse_id(text: object) -> int | None:
    """Return a text, such as a part of an address, as a row's id; None if it cannot be one."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_ID_DIGITS else None


def row_by_id(rows: QuerySet[T], text: object) -> T | None:
    """Return the row whose id is ``text``; None if ``rows`` has none, whatever the text."""
    row_id = parse_id(text)
    return None if row_id is None else rows.filter(pk=row_id).first()


def api_key_verified(*, key: str) -> ApiKey | None:
    """Return the key's row with its account if the key is genuine, not revoked and not expired. One SQL statement."""
    prefix, _, secret = key.partition(".")
    if not (prefix.isascii() and prefix.isalnum() and secret.isascii()):
        return None
    # In SQL: every API call runs this, and the ORM takes as long to build the query as a sale takes to commit.
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
    """Return an instance of a model from its columns' values, in order, as the driver returns them."""
    fields = model._meta.concrete_fields
    converted = list(values)
    for position, expression, converters in _converters(model):
        for convert in converters:
            converted[position] = convert(converted[position], expression, connection)
    return model.from_db(connection.alias, [field.attname for field in fields], converted)


@lru_cache
def _converters(model: type[Model]) -> list[tuple[int, Any, list[Any]]]:
    """Return the functions that convert columns' values to fields' values, by position of the column."""
    columns = [(position, field.cached_col) for position, field in enumerate(model._meta.concrete_fields)]
    converters = [
        (position, column, [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)])
        for position, column in columns
    ]
    return [entry for entry in converters if entry[2]]


def sites_of(*, account_id: int) -> QuerySet[Site]:
    """Return the account's sites."""
    return Site.objects.filter(account_id=account_id)


def group_members(*, account_id: int) -> Rows:
    """Return the members of the account's groups: one row per member, with the group and the consumer."""
    links = Consumer.groups.through._default_manager.filter(consumergroup__account_id=account_id)
    return links.select_related("consumergroup", "consumer").order_by("consumergroup__code", "consumer__consumer_id")


def members_of(*, group: ConsumerGroup, search: str = "") -> Rows:
    """Return a group's members, those added last first; with ``search`` only the consumers that it means.

    One row per member with the consumer and the membership.
    """
    links = Consumer.groups.through._default_manager.filter(consumergroup=group)
    if search:
        links = links.filter(consumer__in=consumers_matching(account_id=group.account_id, search=search))
    return links.select_related("consumer__membership").order_by("-pk")


def groups_with_sizes(*, account_id: int) -> QuerySet[ConsumerGroup]:
    """Return the account's groups, each with its ``number_of_members``, counted only for the rows that are read."""
    links: Rows = Consumer.groups.through._default_manager.filter(consumergroup=OuterRef("pk")).order_by()
    number = links.values("consumergroup").annotate(number=Count("pk")).values("number")
    return groups_of(account_id=account_id).annotate(number_of_members=Coalesce(Subquery(number), 0))


def consumer_pks_by_id(*, account_id: int, consumer_ids: Collection[str]) -> dict[str, int]:
    """Return the primary keys of consumers by id, without unknown ids."""
    return _in_chunks(Consumer.objects.filter(account_id=account_id), "consumer_id", consumer_ids, "pk")


def consumer_ids_by_pk(*, account_id: int, pks: Collection[int]) -> dict[int, str]:
    """Return the ids of the account's consumers by primary key, without those that are not there."""
    return _in_chunks(Consumer.objects.filter(account_id=account_id), "pk", pks, "consumer_id")


def _in_chunks(rows: QuerySet[Consumer], key: str, values: Collection[Any], read: str) -> dict[Any, Any]:
    """Return a column of rows by another, in as many statements as the values need."""
    ordered = sorted(set(values))
    columns: dict[Any, Any] = {}
    for start in range(0, len(ordered), MAX_STATEMENT_VALUES):
        chunk = ordered[start : start + MAX_STATEMENT_VALUES]
        columns.update(rows.filter(**{f"{key}__in": chunk}).values_list(key, read))
    return columns


def groups_of(*, account_id: int) -> QuerySet[ConsumerGroup]:
    """Return the account's groups."""
    return ConsumerGroup.objects.filter(account_id=account_id)


def consumers_of(*, account_id: int) -> QuerySet[Consumer]:
    """Return the account's consumers with home site, membership, cards and groups, in three SQL statements."""
    return (
        Consumer.objects.filter(account_id=account_id)
        .select_related("home_site", "membership")
        .prefetch_related("groups", "membership__cards")
    )


class Matching(Protocol):
    """Returns the condition for rows of an account that match a search, one that indexes can answer."""

    def __call__(self, *, account_id: int, search: str) -> Q: ...


def consumers_matching(*, account_id: int, search: str) -> QuerySet[Consumer]:
    """Return the account's consumers whom ``search`` finds; none for one that is not searched for."""
    if search_problem(search):
        return Consumer.objects.none()
    return Consumer.objects.filter(_known_by(account_id, search), account_id=account_id)


def consumers_condition(*, account_id: int, search: str) -> Q:
    """Return the condition for the account's consumers whom ``search`` finds, for lists in an order.

    It lists a few by id: whoever is to be found in an order would otherwise be looked for all along that order's index.
    """
    condition = _known_by(account_id, search)
    ids = list(
        Consumer.objects.filter(condition, account_id=account_id)
        .order_by()
        .values_list("pk", flat=True)[: MAX_NAMED_ROWS + 1]
    )
    return Q(pk__in=ids) if len(ids) <= MAX_NAMED_ROWS else condition


def _known_by(account_id: int, search: str) -> Q:
    """Return the condition for consumers of whom each word of ``search`` begins something that they are known by.

    That is the id, a name, the e-mail address, the phone number or a card. Several words may together begin a last name
    or a phone number that has blanks. Each is answered by an index of beginnings: nothing is found in the middle of a
    word. Looks up the cards in one SQL statement of its own: joined to the rest, they would keep indexes from being
    used.
    """
    words = search.split()
    holders = _card_holders(account_id, words)
    by_word = [
        reduce(or_, (Q(**{f"{name}__istartswith": word}) for name in CONSUMER_SEARCH_FIELDS), held)
        for word, held in zip(words, holders, strict=True)
    ]
    # The longest word first: SQLite begins with the first of several that it cannot tell apart.
    longest_first = sorted(zip(words, by_word, strict=True), key=lambda pair: -len(pair[0]))
    condition = reduce(and_, (known_by for _, known_by in longest_first), Q())
    for length in range(2, len(words) + 1):
        phrase = " ".join(words[:length])
        whole = Q(last_name__istartswith=phrase) | Q(first_name__istartswith=phrase) | Q(phone__istartswith=phrase)
        condition |= reduce(and_, by_word[length:], whole)
        condition |= reduce(and_, by_word[:-length], Q(last_name__istartswith=" ".join(words[-length:])))
    return condition


def _card_holders(account_id: int, words: Sequence[str]) -> list[Q]:
    """Return, for each word, the condition for the holders of cards whose number it begins; an empty one for nobody."""
    cards = Card.objects.filter(account_id=account_id).order_by()
    begins = [_begins_number(word) for word in words]
    if not begins:
        return []
    numbers = cards.filter(reduce(or_, begins)).values_list("number", "membership__consumer")
    holders = list(numbers[: MAX_NAMED_ROWS + 1])
    if len(holders) > MAX_NAMED_ROWS:
        return [Q(pk__in=cards.filter(begin).values("membership__consumer")) for begin in begins]
    by_word = [[holder for number, holder in holders if number.startswith(_spellings(word))] for word in words]
    return [Q(pk__in=ids) if ids else Q() for ids in by_word]


def _begins_number(word: str) -> Q:
    return reduce(or_, (Q(number__startswith=spelling) for spelling in _spellings(word)))


def _spellings(word: str) -> tuple[str, ...]:
    """Return a word as it is, in capitals and in small letters: the index of cards is case-sensitive."""
    return tuple(sorted({word, word.upper(), word.lower()}))


def consumers_search(*, account_id: int, search: str) -> list[tuple[str, str]]:
    """Return ids and names of at most ``MAX_CONSUMER_CHOICES`` matching consumers, without archived ones."""
    consumers = consumers_matching(account_id=account_id, search=search).filter(archived=False)
    consumers = consumers.order_by("last_name", "first_name", "consumer_id")[:MAX_CONSUMER_CHOICES]
    return [(consumer.consumer_id, str(consumer)) for consumer in consumers]


def consumer_names(*, account_id: int, consumer_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of consumers by id, without unknown ids. One SQL statement; none for no ids."""
    if not consumer_ids:
        return {}
    consumers = Consumer.objects.filter(account_id=account_id, consumer_id__in=consumer_ids)
    return {consumer.consumer_id: str(consumer) for consumer in consumers}


def accounts_of_staff(*, user: User) -> QuerySet[Account]:
    """Return the accounts that a user may work in, by name; all accounts for a superuser."""
    accounts = Account.objects.all() if user.is_superuser else Account.objects.filter(staff_memberships__user=user)
    return accounts.order_by("name", "code")


def staff_membership_current(*, user: User, account_id: int | None) -> StaffMembership | None:
    """Return the membership that a user works with: in the given account, or else the first by name; None without any.

    A superuser without a membership gets an unsaved one as administrator.
    """
    memberships = list(
        StaffMembership.objects.filter(user=user)
        .select_related("account", "role")
        .order_by("account__name", "account__code")
    )
    current = next((membership for membership in memberships if membership.account_id == account_id), None)
    if not user.is_superuser:
        return current or next(iter(memberships), None)
    if current is None:
        accounts = accounts_of_staff(user=user)
        account = accounts.filter(pk=account_id or 0).first() or accounts.first()
        if account is None:
            return None
        role = Role.objects.get(account=None, name=StaffRole.ADMINISTRATOR)
        current = next((membership for membership in memberships if membership.account_id == account.pk), None)
        current = current or StaffMembership(user=user, account=account, role=role)
    return current


def staff_of(*, account_id: int) -> QuerySet[StaffMembership]:
    """Return the account's staff memberships with users and roles."""
    return StaffMembership.objects.filter(account_id=account_id).select_related("user", "role")


def roles_of(*, account_id: int) -> QuerySet[Role]:
    """Return the four templates, in their order, and then the account's own roles by title."""
    return Role.objects.filter(Q(account=None) | Q(account_id=account_id)).order_by(ROLE_ORDER, "title")


def role_titled(*, account_id: int, title: str) -> Role | None:
    """Return the template or the account's role of this title; None without any."""
    return roles_of(account_id=account_id).filter(title=title).first()


def jobs_of(*, account_id: int, asked_by: User | None = None) -> QuerySet[Job]:
    """Return the account's jobs, newest first; only those of ``asked_by``, if given."""
    jobs = Job.objects.filter(account_id=account_id).select_related("asked_by").order_by("-asked_at", "-pk")
    return jobs if asked_by is None else jobs.filter(asked_by=asked_by)


def file_columns_of(*, account_id: int, kind: str) -> dict[str, str]:
    """Return the fields that staff chose for headings of files of a kind, by folded heading."""
    choices = FileColumnChoice.objects.filter(account_id=account_id, kind=kind)
    return dict(choices.values_list("heading", "column"))


def saved_filters_of(*, account_id: int, list_name: str, user: User) -> QuerySet[SavedFilter]:
    """Return the filters of a list that a member of staff sees, with their owners: own ones, and those shared."""
    filters = SavedFilter.objects.filter(account_id=account_id, list_name=list_name)
    return filters.filter(Q(user=user) | Q(shared=True)).select_related("user")
