"""Celery: the worker and its schedule.

The database is the queue of record: a task only says "look now", so a lost or repeated task does no harm.
"""

import gc
import os
from contextlib import suppress
from typing import Any

import django
from celery import Celery
from celery.signals import setup_logging, worker_init
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

from consumers.types import JsonObject

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Logging and broker below need the settings, whichever module is imported first.
django.setup()

from consumers.circuit_breaker import CircuitOpen, redis_breaker  # noqa: E402 - apps are loaded only now
from consumers.services.job import jobs_waiting  # noqa: E402
from consumers.services.schedule import scheduled_work_all  # noqa: E402
from consumers.tasks import BULK, TASK_EXPIRY, URGENT, jobs_run  # noqa: E402
from loyalty.services.message import messages_waiting  # noqa: E402
from loyalty.tasks import messages_send  # noqa: E402

app = Celery("promotions")
# The default for every thread: the web server's threads are not the one that imports this module.
app.set_default()


def broker() -> JsonObject:
    """Return the broker's settings: Redis if it is configured, else a folder, which needs no server."""
    if settings.REDIS_URL:
        # A sale must not wait for a broker that does not answer: ``consumers/circuit_breaker.py``.
        retries = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
        timeouts = {"socket_connect_timeout": 1, "socket_timeout": 5}
        return {"broker_url": settings.REDIS_URL, "broker_transport_options": {**retries, **timeouts}}
    folder = settings.VAR_DIR / "broker"
    folders = {name: folder / name for name in ("messages", "processed", "control")}
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport_options": {
            # One folder in and out: web processes and worker run on the same machine.
            "data_folder_in": str(folders["messages"]),
            "data_folder_out": str(folders["messages"]),
            "processed_folder": str(folders["processed"]),
            "control_folder": str(folders["control"]),
        },
    }


app.conf.update(
    **broker(),
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_acks_late=True,
    task_queues={URGENT: {}, BULK: {}},
    task_default_queue=URGENT,
    task_routes={work.task: {"queue": work.queue} for work in scheduled_work_all()},
    # For pools that support limits: longer than any task takes unless it is stuck.
    task_soft_time_limit=240,
    task_time_limit=300,
    timezone="UTC",
    worker_hijack_root_logger=False,
    # In memory: every task is due within a minute of the start anyway.
    beat_scheduler="celery.beat:Scheduler",
    # Two schedulers do no harm: a due task checks whether it was started already.
    beat_schedule={
        work.key: {
            "task": work.task,
            "schedule": work.every.total_seconds(),
            "kwargs": {"due": True},
            "options": {"expires": TASK_EXPIRY.total_seconds()},
        }
        for work in scheduled_work_all()
    },
)
# Log lines of the worker carry the task and the request that sent it.
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


def nudge(task: Any) -> None:
    """Tell a worker to look now; if the broker does not answer, the schedule does."""
    with suppress(CircuitOpen):
        redis_breaker.call(task.apply_async, retry=False)


def messages_nudge(**kwargs: Any) -> None:
    """Tell a worker that messages wait."""
    nudge(messages_send)


messages_waiting.connect(messages_nudge)


def jobs_nudge(**kwargs: Any) -> None:
    """Tell a worker that jobs wait."""
    nudge(jobs_run)


jobs_waiting.connect(jobs_nudge)


NICENESS = 5
"""By how much a worker's priority is below that of the web server, which answers tills."""


@worker_init.connect
def give_way(**kwargs: Any) -> None:
    """Lower the worker's priority, and collect its garbage less often.

    Counting sales makes many objects that are soon forgotten: with Python's own thresholds the collector took a fifth
    of its time, mostly to look again at what was loaded at the start, and stays.
    """
    # A machine may refuse it; the work is the same.
    with suppress(OSError):
        os.nice(NICENESS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@setup_logging.connect
def keep_project_logging(**kwargs: Any) -> None:
    """Do nothing: a connected receiver keeps Celery from replacing the project's logging."""
