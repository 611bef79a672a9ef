"""Enumerations of accounts, staff and consumers."""

from django.db import models


class KeyRole(models.TextChoices):
    """What an API key may do: a till works with baskets and transactions, a manager with everything."""

    TILL = "till", "Till"
    MANAGER = "manager", "Manager"


class ConsumerKind(models.TextChoices):
    CUSTOMER = "customer", "Customer"
    EMPLOYEE = "employee", "Employee"


class MembershipStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    WITHDRAWN = "withdrawn", "Withdrawn"


class StaffRole(models.TextChoices):
    """The names of the permission groups a member of an account may have."""

    ADMINISTRATOR = "Administrator", "Administrator"
    MARKETER = "Marketer", "Marketer"
    CUSTOMER_SERVICE = "Customer service", "Customer service"
    VIEWER = "Viewer", "Viewer"
