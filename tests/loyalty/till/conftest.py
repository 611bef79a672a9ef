"""Which rows a sale holds is asked of PostgreSQL: SQLite has one writer at a time, who holds all of them."""

from django.db import connection

if connection.vendor != "postgresql":
    collect_ignore = ["test_counter_locks.py"]
