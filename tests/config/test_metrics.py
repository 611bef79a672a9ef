"""Report metrics to Prometheus, and only to allowed networks."""

import os
import subprocess
import sys
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config.celery import app
from config.metrics import forget_ended_processes
from consumers.models import ScheduledTask
from loyalty.models import RedemptionMessage
from loyalty.tasks import statuses_sync
from promotions.models import Promotion
from tests.consumers.admin.office import fill, make_office, save_promotion

pytestmark = pytest.mark.django_db


def samples(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read the metrics; return every sample by name and label values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_decisions_are_counted_by_outcome_and_timed(client: Client) -> None:
    office = make_office()
    before = samples(client)
    fill(office.account)
    after = samples(client)
    applied = ("promotions_decisions_total", ("applied",))
    timed = ("promotions_evaluation_seconds_count", ())
    assert after[applied] - before.get(applied, 0) == 1
    assert after[timed] - before.get(timed, 0) == 1
    assert after["promotions_rulebook_version", ()] > 0


def test_waiting_work_is_reported(client: Client) -> None:
    office = make_office()
    fill(office.account)
    RedemptionMessage.objects.update(state="failed")
    save_promotion(office.account, code="late")
    Promotion.objects.filter(code="late").update(status="scheduled")
    current = samples(client)
    assert current["promotions_messages", ("failed",)] == 1
    assert current["promotions_messages", ("waiting",)] == 0
    assert current["promotions_jobs", ("waiting",)] == 1
    assert current["promotions_statuses_out_of_date", ()] == 1
    assert {labels for name, labels in current if name == "promotions_queue_length"} == {("urgent",), ("bulk",)}


def test_the_age_of_the_status_task_is_reported(client: Client) -> None:
    statuses_sync()
    assert 0 <= samples(client)["promotions_task_age_seconds", ("statuses_sync",)] < 30


def test_metrics_never_name_an_account(client: Client) -> None:
    fill(make_office("some-retailer").account)
    assert "some-retailer" not in client.get("/metrics").content.decode()


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["10.0.0.0/8"], "10.1.2.3", 200),
        (["10.0.0.0/8"], "203.0.113.9", 404),
        ([], "127.0.0.1", 404),
        (["::1/128"], "::1", 200),
        (["10.0.0.0/8"], "", 404),
    ],
)
def test_only_allowed_networks_may_read_the_metrics(
    settings: Any, client: Client, networks: list[str], address: str, status: int
) -> None:
    settings.METRICS_NETWORKS = [ip_network(network) for network in networks]
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == status


def test_without_a_broker_the_other_metrics_are_still_reported(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "connection_for_read", lambda: app.connection("redis://127.0.0.1:1/0"))
    current = samples(client)
    assert ("promotions_messages", ("waiting",)) in current
    assert ("promotions_queue_length", ("urgent",)) not in current


def test_the_age_of_a_task_counts_from_its_last_success(client: Client) -> None:
    statuses_sync()
    ScheduledTask.objects.update(succeeded_at=timezone.now() - timedelta(hours=1))
    assert samples(client)["promotions_task_age_seconds", ("statuses_sync",)] >= 3600


def test_the_gauges_of_a_process_that_has_ended_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen((sys.executable, "-c", ""))
    ended.wait()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    own, gone = f"gauge_liveall_{os.getpid()}.db", f"gauge_liveall_{ended.pid}.db"
    counters = f"counter_{ended.pid}.db"
    for name in (own, gone, counters):
        (tmp_path / name).touch()
    forget_ended_processes()
    assert {path.name for path in tmp_path.iterdir()} == {own, counters}
