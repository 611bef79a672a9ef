"""Enumerations of accounts, staff and consumers."""

from zoneinfo import available_timezones

import pycountry
from django.db import models

NO_MONEY = frozenset({"XAG", "XAU", "XPD", "XPT", "XBA", "XBB", "XBC", "XBD", "XDR", "XSU", "XUA", "XTS", "XXX"})
"""Codes of ISO 4217 without a minor unit: metals, units of account, the code for tests and that for no currency."""

CURRENCIES = {currency.alpha_3: currency.name for currency in pycountry.currencies if currency.alpha_3 not in NO_MONEY}
"""ISO 4217 codes and names of what people can pay with."""

TIME_ZONES = frozenset(available_timezones())
"""IANA names of time zones."""

NO_CURRENCY = "Enter an ISO 4217 currency code, such as GBP."
NO_TIME_ZONE = "Enter an IANA time zone, such as Europe/London."


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


class JobState(models.TextChoices):
    """How far a large job is; the last three are for good."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    ASKING = "asking", "Needs your answer"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class JobFile(models.TextChoices):
    """What a file of a job is: what it was given, what it would do, or what came of it."""

    INPUT = "input", "Input"
    PREVIEW = "preview", "Preview"
    RESULT = "result", "Result"


class JobQuestion(models.TextChoices):
    """What a job asks before it goes on."""

    COLUMNS = "columns", "Which column is which?"
    CONFIRM = "confirm", "Import these rows?"
