"""``manage.py demo``: a shop to look at, with log-ins, keys and a call that works."""

import json
import os
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from loyalty.management.demo.fill import Demo, LogIn, demo_fill
from loyalty.management.sales_files import bar, refusals_as_errors, stopwatch

BASKET = {
    "site": "001",
    "currency": "GBP",
    "consumer": "c-00001",
    "lines": [
        {"line_id": "1", "sku": "HOT-001", "quantity": "2", "unit_price_inc_tax": "3.30"},
        {"line_id": "2", "sku": "PAS-001", "quantity": "1", "unit_price_inc_tax": "2.40"},
        {"line_id": "3", "sku": "COF-001", "quantity": "2", "unit_price_inc_tax": "8.50"},
    ],
}


class Command(BaseCommand):
    help = (
        "Fills the demo account: a year of sales, promotions of every type and status, consumers and staff. Makes "
        "only what is missing; API keys are new at every run, because only their hashes are stored."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        elapsed = stopwatch()
        with refusals_as_errors():
            demo = demo_fill(at=timezone.now(), bar=lambda label, total: bar(label, unit=" sales", total=total))
        for line in _lines(demo, port=os.environ.get("PORT", "8000"), seconds=elapsed()):
            self.stdout.write(line)


def _lines(demo: Demo, *, port: str, seconds: float) -> list[str]:
    address = f"http://127.0.0.1:{port}"
    headers = f"-H 'Authorization: Api-Key {demo.till_key}' -H 'Content-Type: application/json'"
    basket = json.dumps(BASKET, separators=(",", ":"))
    return [
        "",
        f"{demo.account.name}: {demo.sales:,} sales, {demo.new_sales:,} of them new, in {seconds:.0f} s.",
        "",
        f"Address    {address}/admin/",
        f"API        {address}/api/v1/docs",
        "",
        "Log-ins",
        *(_log_in_line(log_in) for log_in in demo.log_ins),
        "",
        f"API keys of {demo.account.name} (those of the run before have ended)",
        f"  manager    {demo.manager_key}",
        f"  till       {demo.till_key}",
        "",
        "What does this basket earn?",
        f"  curl -s {address}/api/v1/baskets/evaluate {headers} -d '{basket}'",
        "",
    ]


def _log_in_line(log_in: LogIn) -> str:
    roles = ", ".join(f"{role} of {name}" for name, role in log_in.roles)
    return f"  {log_in.username:<14} {log_in.password:<22} {roles}"
