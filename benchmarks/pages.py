"""Every page of the back office on the demo's data: how long the server takes to answer it."""

import logging

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.report import Report, Times, timed
from consumers.choices import StaffRole
from consumers.models import Account, StaffMembership
from loyalty.management.demo.fill import ACCOUNT, demo_fill
from loyalty.management.sales_files import bar
from tests.config.admin.pages import PAGES, A, address_of

GROUP = "pages: the back office on the demo's data, in the process"
LIMIT = 0.3


def run(report: Report, *, quick: bool) -> None:
    """Measure every page that an administrator may open, and name the slowest."""
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    # As a server does before it starts: pages name their files by what this has made of them.
    call_command("collectstatic", interactive=False, verbosity=0)
    demo_fill(at=timezone.now(), bar=lambda words, total: bar(words, unit=" sales", total=total))
    account = Account.objects.get(code=ACCOUNT)
    measure_pages(report, account, budget=0.1 if quick else 1.0)


def measure_pages(report: Report, account: Account, *, budget: float) -> None:
    """Measure every page of an account, each for ``budget`` seconds."""
    administrator = StaffMembership.objects.filter(account=account, role__name=StaffRole.ADMINISTRATOR)[0].user
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator, backend="consumers.access.MembershipBackend")
    client.post("/admin/switch-account/", {"account": account.code})
    times: dict[str, Times] = {}
    without_row: list[str] = []
    # Each answer is logged, which should not count in the figures.
    logging.disable(logging.INFO)
    for page in PAGES:
        if A not in page.look:
            continue
        try:
            address = address_of(page, account)
        except LookupError:
            without_row.append(page.key)
            continue
        assert client.get(address).status_code in (200, 302), address
        times[page.key] = timed(lambda address=address: client.get(address), budget=budget, min_calls=3)  # type: ignore[misc]
    logging.disable(logging.NOTSET)
    report.each_within(GROUP, "pages", times, limit=LIMIT)
    if without_row:
        report.skip(GROUP, ", ".join(without_row), "the demo has no such row")
