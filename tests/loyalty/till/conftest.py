"""Check row locks on PostgreSQL alone: SQLite has one writer at a time, who locks every row."""

from django.db import connection

if connection.vendor != "postgresql":
    collect_ignore = ["test_counter_locks.py"]
