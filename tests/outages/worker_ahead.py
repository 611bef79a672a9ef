"""A worker whose clock is an hour ahead: ``python -m tests.outages.worker_ahead``."""

from datetime import UTC, datetime, timedelta

import time_machine

from config.celery import app

AHEAD = timedelta(hours=1)

if __name__ == "__main__":
    with time_machine.travel(datetime.now(UTC) + AHEAD):
        app.worker_main(
            [
                "worker",
                "--pool",
                "threads",
                "--concurrency",
                "2",
                "--without-gossip",
                "--without-mingle",
                "-l",
                "WARNING",
            ]
        )
