"""Django's PostgreSQL, whose pooled connections are looked at before their use instead of tried by a question."""
