"""Who names a row from above.

Packages above this one name sites, groups and the like by key, in rule trees that no foreign key guards. They register
here, when they start, how to find such names; a deletion asks before it deletes.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Protocol


class ReferenceCheck(Protocol):
    """Which of the account's ``keys`` are named."""

    def __call__(self, *, account_id: int, keys: Collection[str]) -> set[str]: ...


_checks: defaultdict[str, list[ReferenceCheck]] = defaultdict(list)


def reference_check_register(kind: str, check: ReferenceCheck) -> None:
    """Ask ``check`` before a row of ``kind`` (``site``, ``group``, ``product``, …) is deleted."""
    if check not in _checks[kind]:
        _checks[kind].append(check)


def keys_referenced(*, account_id: int, kind: str, keys: Collection[str]) -> set[str]:
    """Those of ``keys`` that a package above names."""
    return {key for check in _checks[kind] for key in check(account_id=account_id, keys=keys)}
