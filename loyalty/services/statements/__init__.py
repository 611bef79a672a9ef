"""SQL written by hand where the ORM is too slow for a till: combined reads, bulk inserts, guarded counters."""
