"""Write accounts and their API keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from consumers.author import Author
from consumers.choices import KeyRole
from consumers.exceptions import AlreadyExists, ConsumersError, InUse, Problem
from consumers.models import Account, ApiKey
from consumers.references import referenced_keys
from consumers.services.upsert import model_problems


@dataclass(frozen=True, kw_only=True)
class HoldoutValues:
    """The universal holdout of an account: a percentage of its consumers, and its first and last day."""

    percentage: Decimal | None
    starts_on: date | None
    ends_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class AccountValues:
    """All editable fields of an account.

    ``arrival_grace_days`` None leaves it as it is; ``universal_holdout`` None takes it away.
    """

    name: str
    currency: str
    time_zone: str
    points_per_currency_unit: Decimal = Decimal(1)
    other_earn_rates: Mapping[str, str] = field(default_factory=dict)
    point_value: Decimal = Decimal("0.01")
    catalogue_enabled: bool = True
    late_transaction_days: int = 30
    arrival_grace_days: int | None = None
    expected_redemption: Decimal = Decimal(100)
    universal_holdout: HoldoutValues | None = None


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """A new account with its first API keys, in plain text: only their hashes are stored."""

    account: Account
    manager_key: str
    till_key: str


def account_lock(*, account_id: int) -> Account:
    """Lock and return the account's row until the transaction ends, so that writes of master data happen one by one.

    Tills do not wait: their foreign keys to the account need only its key columns, which this lock leaves free.
    Must be called inside ``transaction.atomic()``.
    """
    return Account.objects.select_for_update(no_key=True).get(pk=account_id)


def rulebook_version_bump(*, account_id: int) -> int:
    """Increase the account's rulebook version by one, and return it.

    Called in the transaction of every change that a decision depends on. It locks the account's row as
    ``account_lock`` does, so what is read after it cannot change before the commit.
    """
    Account.objects.filter(pk=account_id).update(rulebook_version=F("rulebook_version") + 1)
    return Account.objects.values_list("rulebook_version", flat=True).get(pk=account_id)


def rulebook_version_advance(*, account: Account, removed: bool = False) -> int:
    """Increase the version of an account locked by ``account_lock``: one statement instead of two.

    ``removed`` also increases the epoch, so that processes rebuild their rulebook instead of updating it.
    """
    account.rulebook_version += 1
    account.rulebook_epoch += int(removed)
    Account.objects.filter(pk=account.pk).update(
        rulebook_version=account.rulebook_version, rulebook_epoch=account.rulebook_epoch
    )
    return account.rulebook_version


def account_create(*, code: str, currency: str, time_zone: str, name: str = "") -> NewAccount:
    """Create an account with a manager's key and a till's key.

    Raises:
        AlreadyExists: an account has this code.
        ConsumersError: values are invalid; each problem under its field.
    """
    account = Account(code=code, name=name or code, currency=currency, time_zone=time_zone)
    problems = tuple(model_problems(account))
    if problems:
        raise ConsumersError(problems=problems)
    # One transaction: an account without keys could not be used.
    # Race: two calls create one code. The unique constraint lets only one succeed.
    with transaction.atomic():
        created_account, is_new = Account.objects.get_or_create(
            code=code, defaults={"name": account.name, "currency": currency, "time_zone": time_zone}
        )
        if not is_new:
            raise AlreadyExists(f"An account {code} exists already.", attr="code")
        _, manager_key = api_key_create(account_id=created_account.pk, name="manager", role=KeyRole.MANAGER)
        _, till_key = api_key_create(account_id=created_account.pk, name="till", role=KeyRole.TILL)
    return NewAccount(account=created_account, manager_key=manager_key, till_key=till_key)


def account_update(*, account_id: int, values: AccountValues, author: Author) -> Account:
    """Replace an account's settings.

    Raises:
        ConsumersError: values are invalid; each problem under its field.
        InUse: the currency would change while amounts in the old one exist.
    """
    # One transaction: the tills' next decision sees all of the change or none.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        old_currency = account.currency
        for name in _PLAIN:
            if (value := getattr(values, name)) is not None:
                setattr(account, name, value)
        holdout = values.universal_holdout or HoldoutValues(percentage=None, starts_on=None)
        for name in _HOLDOUT:
            setattr(account, f"{_HOLDOUT_COLUMN}{name}", getattr(holdout, name))
        if problems := tuple(map(_in_holdout, model_problems(account))):
            raise ConsumersError(problems=problems)
        if account.currency != old_currency and referenced_keys(
            account_id=account_id, kind="currency", keys=[old_currency]
        ):
            raise InUse(f"You cannot change the currency: {old_currency} is in use.")
        author.sign(account)
        account.save()
        rulebook_version_advance(account=account)
    return account


_PLAIN = tuple(field.name for field in fields(AccountValues) if field.name != "universal_holdout")
"""The values that are set on the account's row as they are."""

_HOLDOUT = tuple(field.name for field in fields(HoldoutValues))
_HOLDOUT_COLUMN = "holdout_"
"""How the columns of the universal holdout begin."""


def _in_holdout(problem: Problem) -> Problem:
    """Return a problem under its value's path: columns of the universal holdout are one value with three fields."""
    attr = problem.attr or ""
    if not attr.startswith(_HOLDOUT_COLUMN):
        return problem
    return replace(problem, attr=f"universal_holdout.{attr.removeprefix(_HOLDOUT_COLUMN)}")


def api_key_create(*, account_id: int, name: str, role: KeyRole) -> tuple[ApiKey, str]:
    """Create an API key; return it with its secret, which is not stored."""
    key = ApiKey(account_id=account_id, name=name, role=role)
    secret = ApiKey.objects.assign_key(key)
    key.save()
    return key, secret


def api_key_revoke(*, account_id: int, prefix: str) -> None:
    """Revoke an API key.

    Raises:
        ConsumersError: the account has no such key.
    """
    if not ApiKey.objects.filter(account_id=account_id, prefix=prefix).update(revoked=True):
        raise ConsumersError(
            problems=[Problem(code="does_not_exist", detail="This key does not exist.", attr="prefix")]
        )
