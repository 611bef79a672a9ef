"""Tables of accounts, staff, keys, sites and consumers."""

from consumers.models.account import Account, AccountOwned
from consumers.models.api_key import ApiKey
from consumers.models.consumer import Consumer
from consumers.models.file_columns import FileColumnChoice
from consumers.models.group import ConsumerGroup
from consumers.models.job import Job, JobPart
from consumers.models.membership import Card, Membership
from consumers.models.saved_filter import SavedFilter
from consumers.models.schedule import ScheduledTask
from consumers.models.site import Site
from consumers.models.staff import Role, StaffMembership, User

__all__ = [
    "Account",
    "AccountOwned",
    "ApiKey",
    "Card",
    "Consumer",
    "ConsumerGroup",
    "FileColumnChoice",
    "Job",
    "JobPart",
    "Membership",
    "Role",
    "SavedFilter",
    "ScheduledTask",
    "Site",
    "StaffMembership",
    "User",
]
