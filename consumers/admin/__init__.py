"""The back office's pages of accounts, staff, keys, sites and consumers."""

from consumers.admin.account import AccountSettingsAdmin
from consumers.admin.api_key import ApiKeyAdmin
from consumers.admin.consumer import ConsumerAdmin
from consumers.admin.group import GroupAdmin
from consumers.admin.job import JobAdmin
from consumers.admin.log_in import LogInForm
from consumers.admin.role import RoleAdmin
from consumers.admin.site import SiteAdmin
from consumers.admin.staff import StaffMembershipAdmin

__all__ = [
    "AccountSettingsAdmin",
    "ApiKeyAdmin",
    "ConsumerAdmin",
    "GroupAdmin",
    "JobAdmin",
    "LogInForm",
    "RoleAdmin",
    "SiteAdmin",
    "StaffMembershipAdmin",
]
