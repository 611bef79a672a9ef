"""``manage.py statuses_sync``."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from promotions.services.status import statuses_sync


class Command(BaseCommand):
    """Does once what the scheduled task does every minute."""

    help = "Brings the stored statuses of promotions up to date and prints how many changed."

    def handle(self, *args: Any, **options: Any) -> None:
        changed = statuses_sync(at=timezone.now())
        self.stdout.write(f"{changed} changed")
