"""Run the outage tests only with PostgreSQL, where its server programs and Redis must be installed."""

from django.db import connection

from tests.servers import postgres_programs, redis_program

if connection.vendor == "postgresql":
    assert postgres_programs(), "The tests of outages start a PostgreSQL of their own: install its server."
    assert redis_program(), "The tests of outages start a Redis of their own: install redis-server."
else:
    collect_ignore = ["test_outages.py"]
