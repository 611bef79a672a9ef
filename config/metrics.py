"""Metrics for Prometheus: counters of the web processes, gauges of the database and of the queues.

The page needs no key, so access is limited by address: METRICS_NETWORKS in docs/settings.md.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from kombu.exceptions import ChannelError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.registry import Collector

from config.celery import app
from consumers.choices import JobState
from consumers.circuit_breaker import CircuitOpen, redis_breaker
from consumers.models import Job, ScheduledTask
from consumers.services import schedule
from loyalty.choices import MessageState
from loyalty.models import RedemptionMessage
from promotions.selectors.life import promotions_out_of_date


class DatabaseCollector(Collector):
    """Gauges of waiting work, from the database."""

    def collect(self) -> Iterator[Metric]:
        """Yield messages and jobs by state, statuses that are out of date, and the age of each task's last success."""
        messages = GaugeMetricFamily("promotions_messages", "Redemption messages by state", labels=["state"])
        rows = RedemptionMessage.objects.order_by()
        counts = dict(rows.values_list("state").annotate(number=Count("pk")))
        for state in MessageState:
            messages.add_metric([state.value], counts.get(state, 0))
        yield messages
        jobs = GaugeMetricFamily("promotions_jobs", "Large jobs that are not done, by state", labels=["state"])
        for job_state in (JobState.WAITING, JobState.RUNNING):
            jobs.add_metric([job_state.value], Job.objects.filter(state=job_state).count())
        yield jobs
        now = schedule.database_now()
        yield GaugeMetricFamily(
            "promotions_statuses_out_of_date",
            "Promotions whose stored status is not yet the true one",
            value=promotions_out_of_date(at=now).count(),
        )
        ages = GaugeMetricFamily(
            "promotions_task_age_seconds", "Time since a task of the schedule last succeeded", labels=["task"]
        )
        for task in ScheduledTask.objects.all():
            if task.succeeded_at is not None:
                ages.add_metric([task.key], (now - task.succeeded_at).total_seconds())
        yield ages


class QueueCollector(Collector):
    """Gauges of the workers' queues; none while the broker does not answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield the number of messages in each queue."""
        lengths = GaugeMetricFamily("promotions_queue_length", "Messages that wait for a worker", labels=["queue"])
        with suppress(CircuitOpen, *redis_breaker.errors):
            for queue, length in redis_breaker.call(self._lengths).items():
                lengths.add_metric([queue], length)
        yield lengths

    def _lengths(self) -> dict[str, int]:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
            return {queue: self._length(connection.default_channel, queue) for queue in app.conf.task_queues}

    @staticmethod
    def _length(channel: object, queue: str) -> int:
        try:
            declared = channel.queue_declare(queue=queue, passive=True)  # type: ignore[attr-defined]
        except ChannelError:  # the queue does not exist until a message is sent, nor once it is empty
            return 0
        return int(declared.message_count)


_registry = CollectorRegistry()
_registry.register(DatabaseCollector())
_registry.register(QueueCollector())


def is_allowed(address: str) -> bool:
    """Return whether an address may read the metrics."""
    try:
        client = ip_address(address)
    except ValueError:
        return False
    return any(client in network for network in settings.METRICS_NETWORKS)


def forget_ended_processes() -> None:
    """Remove the gauges of web processes that have ended: a replaced one would show its last rulebook for ever."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        process_ids = {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("gauge_live*_*.db")}
        for process_id in process_ids:
            if not _is_running(process_id):
                mark_process_dead(process_id, folder)  # type: ignore[no-untyped-call]


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as somebody else
        return True
    return True


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all metrics in Prometheus's text format; 404 for addresses that are not allowed."""
    if not is_allowed(request.META.get("REMOTE_ADDR", "")):
        raise Http404
    forget_ended_processes()
    response: HttpResponse = ExportToDjangoView(request)
    response.write(generate_latest(_registry))
    return response
