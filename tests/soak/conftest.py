"""Crashes are tried where PostgreSQL is the database of the tests: there its programs, and Redis, must be found."""

from django.conf import settings

from tests.servers import postgres_programs, redis_program

if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    assert postgres_programs(), "The tests of crashes start a PostgreSQL of their own: install its server."
    assert redis_program(), "The tests of crashes start a Redis of their own: install redis-server."
else:
    collect_ignore = ["test_crashes.py"]
