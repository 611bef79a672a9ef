"""What tests of tills share. Row locks are checked on PostgreSQL alone: SQLite has one writer, who locks every row."""

import pytest
from django.db import connection

if connection.vendor != "postgresql":
    collect_ignore = ["test_counter_locks.py"]


@pytest.fixture(params=["locked", "lock free"])
def locking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide every first attempt under locks, or none: then the database alone holds the budget."""
    if request.param == "lock free":
        monkeypatch.setattr("loyalty.services.till.quote.LOCK_FREE_BASKETS", -1_000_000)
