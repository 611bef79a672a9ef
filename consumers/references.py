"""Register of references: which rows are used by packages above this one.

Promotions name sites, groups and products by key, in rules that no foreign key guards. Packages above register, when
they start, how to find such references; a service checks them before it deletes a row.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Protocol


class ReferenceCheck(Protocol):
    """Returns those of the account's ``keys`` that are in use."""

    def __call__(self, *, account_id: int, keys: Collection[str]) -> set[str]: ...


_checks: defaultdict[str, list[ReferenceCheck]] = defaultdict(list)


def reference_check_register(kind: str, check: ReferenceCheck) -> None:
    """Call ``check`` before a row of ``kind`` (``site``, ``group``, ``product``, …) is deleted."""
    if check not in _checks[kind]:
        _checks[kind].append(check)


def referenced_keys(*, account_id: int, kind: str, keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that a package above uses."""
    return {key for check in _checks[kind] for key in check(account_id=account_id, keys=keys)}
