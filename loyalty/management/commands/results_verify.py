"""``manage.py results_verify``: prove the results of promotions from history."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consumers.services import schedule
from loyalty.selectors.results_verification import results_differences
from loyalty.services.results.count import results_count


class Command(BaseCommand):
    """Prints each difference; the exit code is 1 if there is any."""

    help = "Count the results of promotions again from other rows than the task does, and list the differences."

    def handle(self, *args: Any, **options: Any) -> None:
        results_count(clock=schedule.database_now)
        count = 0
        for difference in results_differences():
            count += 1
            self.stdout.write(str(difference))
        if count:
            raise CommandError(f"{count} difference{'' if count == 1 else 's'} between the results and history.")
        self.stdout.write(self.style.SUCCESS("The results of promotions are what history says."))
