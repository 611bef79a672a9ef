"""Which of the promotions that compete apply. Pure: no database, no clock."""

from conflicts.resolver.policy import Policy, resolve, resolve_discounts

__all__ = ["Policy", "resolve", "resolve_discounts"]
