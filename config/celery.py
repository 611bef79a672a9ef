"""The worker and its schedule.

The database is the queue of record: a task only says "look now", so one that is lost or run twice harms nothing.
"""

import os
from typing import Any

import django
from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# The logging and the broker below need the settings, whoever imports this first.
django.setup()

from consumers.services.job import jobs_waiting  # noqa: E402 - the apps are there only now
from consumers.services.schedule import scheduled_work_all  # noqa: E402
from consumers.tasks import BULK, TASK_EXPIRY, URGENT, jobs_run  # noqa: E402
from loyalty.services.message import messages_waiting  # noqa: E402
from loyalty.tasks import messages_send  # noqa: E402

app = Celery("promotions")
# For every thread: the web server's are not the one that imports this.
app.set_default()


def broker() -> dict[str, Any]:
    """Redis where there is one, else a folder that needs no server."""
    if settings.REDIS_URL:
        # A sale says "look now" and does not wait for a server that is away.
        impatient = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
        timeouts = {"socket_connect_timeout": 1, "socket_timeout": 5}
        return {"broker_url": settings.REDIS_URL, "broker_transport_options": {**impatient, **timeouts}}
    folder = settings.VAR_DIR / "broker"
    folders = {name: folder / name for name in ("messages", "processed", "control")}
    for each in folders.values():
        each.mkdir(parents=True, exist_ok=True)
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport_options": {
            # One folder for in and out: the sender and the worker are on the same machine.
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
    # Where the pool of the worker can: longer than anything takes that is not stuck.
    task_soft_time_limit=240,
    task_time_limit=300,
    timezone="UTC",
    worker_hijack_root_logger=False,
    # Kept in memory: every entry is due within a minute of a start anyway.
    beat_scheduler="celery.beat:Scheduler",
    # Two schedules do no harm: a task that is due looks whether it was started already.
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
# A worker's lines carry the task, and the request that asked for it.
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


def messages_nudge(**kwargs: Any) -> None:
    """Let a worker look at once for messages that a sale recorded; if none can be told, the schedule comes by."""
    messages_send.apply_async(retry=False)


messages_waiting.connect(messages_nudge)


def jobs_nudge(**kwargs: Any) -> None:
    """The same for large jobs."""
    jobs_run.apply_async(retry=False)


jobs_waiting.connect(jobs_nudge)


@setup_logging.connect
def keep_djangos_logging(**kwargs: Any) -> None:
    """Being connected is what keeps the worker from replacing the project's logging."""
