"""What the settings make of an environment, each in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "0123456789-abcdefghij-klmnopqrst-uvwxyz"
ROOT = Path(__file__).resolve().parent.parent.parent
READ = "import json, sys; from config import settings as s; print(json.dumps({n: getattr(s, n) for n in sys.argv[1:]}))"


def settings_in(environment: dict[str, str], *names: str) -> dict[str, object]:
    done = subprocess.run(
        (sys.executable, "-c", READ, *names), cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_production_refuses_to_start_with_the_default_secret() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        settings_in({"DEBUG": "false"}, "DEBUG")
    assert "Set SECRET_KEY" in refusal.value.stderr


@pytest.mark.parametrize("secret", ["s", "secret" * 4, "ab" * 40])
def test_production_refuses_to_start_with_a_secret_that_can_be_guessed(secret: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        settings_in({"SECRET_KEY": secret}, "DEBUG")
    assert "can be guessed" in refusal.value.stderr


def test_a_secret_means_production_unless_debug_is_set() -> None:
    names = ("DEBUG", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    assert set(settings_in({"SECRET_KEY": SECRET}, *names).values()) == {True, False}
    assert settings_in({"SECRET_KEY": SECRET}, *names)["DEBUG"] is False
    assert settings_in({"SECRET_KEY": SECRET, "DEBUG": "true"}, *names)["DEBUG"] is True


def test_without_a_database_address_sqlite_writes_ahead_and_begins_immediately() -> None:
    database = settings_in({}, "DATABASES")["DATABASES"]["default"]  # type: ignore[index]
    assert database["NAME"].endswith("var/db.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_postgresql_is_reached_through_a_pool() -> None:
    database = settings_in({"DATABASE_URL": "postgres://u@h:5432/d"}, "DATABASES")["DATABASES"]["default"]  # type: ignore[index]
    assert database["OPTIONS"]["pool"]["max_size"] > 0
    assert database["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize(("url", "backend"), [("", "locmem"), ("redis://h:6379/1", "redis")])
def test_the_cache_is_redis_where_there_is_one(url: str, backend: str) -> None:
    caches = settings_in({"REDIS_URL": url}, "CACHES")["CACHES"]
    assert backend in caches["default"]["BACKEND"]  # type: ignore[index]
