"""A process that commits a sale, and stops for good just after a step of it: it is there to be killed."""

import json
import os
import sys
from time import sleep

import django

REACHED = "reached"
"""What it prints once the step is done."""


def sell_up_to(step: str, key: str, basket: str) -> None:
    """Commit a basket, in JSON, as the till of an API key, up to a function of ``loyalty.services.till.commit``."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    # Django must be set up before its models are imported.
    from django.test import Client  # noqa: PLC0415

    from loyalty.services.till import commit  # noqa: PLC0415

    original = getattr(commit, step)

    def stopping(*args: object, **values: object) -> None:
        original(*args, **values)
        print(REACHED, flush=True)  # noqa: T201 - this is how the test knows
        sleep(600)

    setattr(commit, step, stopping)
    Client().post(
        "/api/v1/transactions",
        json.loads(basket),
        content_type="application/json",
        headers={"Authorization": f"Api-Key {key}", "Host": "localhost"},
    )


if __name__ == "__main__":
    sell_up_to(*sys.argv[1:])
