"""Writes of groups."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.exceptions import InUse, NotFound
from consumers.models import ConsumerGroup
from consumers.references import keys_referenced
from consumers.services.account import account_lock
from consumers.services.rows import Saved, rows_upsert


@dataclass(frozen=True, kw_only=True)
class GroupValues:
    """Everything that can be said of a group."""

    code: str
    name: str = ""
    archived: bool = False


def groups_save(*, account_id: int, rows: Sequence[GroupValues]) -> Saved:
    """Create or replace groups by code: all of them or none.

    Raises:
        ConsumersError: each problem under ``<index>.<field>``.
    """
    # One transaction under the account's lock: of two writers of one code, the second replaces.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        _, saved = rows_upsert(model=ConsumerGroup, account=account, key="code", rows=[asdict(row) for row in rows])
    return saved


def group_delete(*, account_id: int, code: str) -> None:
    """Delete a group without members that nothing names.

    Raises:
        NotFound: the account has no such group.
        InUse: it has members, or a promotion names it.
    """
    try:
        # One transaction under the account's lock, which writers of consumers and of promotions hold too: neither
        # can come to name the group between the look and the deletion.
        with transaction.atomic():
            account_lock(account_id=account_id)
            group = ConsumerGroup.objects.filter(account_id=account_id, code=code).first()
            if group is None:
                raise NotFound(f"There is no group {code}.")
            if group.consumers.exists() or keys_referenced(account_id=account_id, kind="group", keys=[code]):
                raise InUse
            group.delete()
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error
