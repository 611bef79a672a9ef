"""What a load balancer may ask."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from health_check.checks import Database

from config.health import Migrations


def test_a_process_is_healthy_whatever_the_database_does(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_a_migrated_database_is_ready(client: Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}


def test_without_a_database_the_process_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(check: Database) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(Database, "run", unreachable)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["wanting"] == "database"


@pytest.mark.django_db
def test_with_a_missing_migration_the_process_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_missing(*args: Any) -> list[tuple[str, bool]]:
        return [("0002_later", False)]

    monkeypatch.setattr("config.health.MigrationExecutor.migration_plan", one_missing)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["wanting"] == Migrations.__name__.lower()
