"""``manage.py ledger_verify``: prove every balance and counter from history."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from loyalty.selectors.verification import ledger_differences


class Command(BaseCommand):
    """Prints each difference; the exit code is 1 if there is any."""

    help = "Recompute balances, redemption counters, stocks, vouchers and final choices, and list the differences."

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for difference in ledger_differences():
            count += 1
            self.stdout.write(str(difference))
        if count:
            raise CommandError(f"{count} difference{'' if count == 1 else 's'} between what is stored and history.")
        self.stdout.write(self.style.SUCCESS("Balances, counters, stocks, vouchers and choices are what history says."))
