"""``manage.py ledger_verify``: prove every balance and counter from history."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from loyalty.selectors.verification import ledger_differences


class Command(BaseCommand):
    """Prints each difference; the exit code is 1 if there is any."""

    help = "Recompute balances, redemption counters, stocks, vouchers and final choices, and list the differences."

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for difference in ledger_differences():
            found += 1
            self.stdout.write(str(difference))
        if found:
            raise CommandError(f"{found} difference{'' if found == 1 else 's'} between what is kept and history.")
        self.stdout.write(self.style.SUCCESS("Balances, counters, stocks, vouchers and choices are what history says."))
