"""Check ids that come late on PostgreSQL alone: SQLite has one writer at a time."""

from django.db import connection

if connection.vendor != "postgresql":
    collect_ignore = ["test_gaps.py"]
