"""``manage.py texts_normalize``: put stored texts into Unicode NFC, and list those that cannot be."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from loyalty.services.normal_form import stored_texts_normalize


class Command(BaseCommand):
    """Prints what was changed, and each row whose key another one has; the exit code is 1 if there is any."""

    help = "Put stored keys and texts into Unicode NFC; list the rows of which another one has the same key."

    def handle(self, *args: Any, **options: Any) -> None:
        if not stored_texts_normalize(apps, self.stdout.write):
            raise CommandError("Delete or archive one row of each pair, then run this again.")
        self.stdout.write(self.style.SUCCESS("Every stored key and text is in Unicode NFC."))
