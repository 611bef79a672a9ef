"""Run the demo with fewer sales and consumers than a user's."""

from io import StringIO

import pytest
from django.core.management import call_command

from loyalty.management.demo import fill, shop


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the demo: fewer sales and 120 consumers."""
    monkeypatch.setattr(fill, "SALES", 60)
    monkeypatch.setattr(fill, "SECOND_SALES", 4)
    everybody = shop.consumers
    monkeypatch.setattr(shop, "consumers", lambda **arguments: everybody(**{"count": 120, **arguments}))


def run_demo() -> str:
    """Run the command; return what it printed."""
    out = StringIO()
    call_command("demo", stdout=out)
    return out.getvalue()
