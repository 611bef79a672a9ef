"""``account_create CODE --currency GBP --time-zone Europe/London [--name NAME]``."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consumers.exceptions import Refused
from consumers.services.account import account_create


class Command(BaseCommand):
    """Create an account and print ``{"account", "manager_key", "till_key"}``; the keys are not stored."""

    help = "Create an account; print its code and its first two API keys as one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="letters, digits, - and _")
        parser.add_argument("--currency", required=True, help="ISO 4217, as GBP")
        parser.add_argument("--time-zone", required=True, help="IANA name, as Europe/London")
        parser.add_argument("--name", default="", help="default: the code")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = account_create(
                code=options["code"],
                currency=options["currency"],
                time_zone=options["time_zone"],
                name=options["name"],
            )
        except Refused as refused:
            problems = (f"{problem.attr}: {problem.detail}" for problem in refused.problems)
            raise CommandError("; ".join(problems)) from refused
        answer = {"account": created.account.code, "manager_key": created.manager_key, "till_key": created.till_key}
        self.stdout.write(json.dumps(answer))
