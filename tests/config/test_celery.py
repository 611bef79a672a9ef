"""The schedule, and how requests reach the workers."""

import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import current_app
from celery.signals import worker_init

from config.celery import NICENESS, app, give_way


def test_every_scheduled_task_checks_whether_it_is_due() -> None:
    schedule = app.conf.beat_schedule
    assert {"statuses_sync", "messages_send", "vouchers_expire", "jobs_run", "results_count", "uplift_measure"} == set(
        schedule
    )
    app.loader.import_default_modules()
    for entry in schedule.values():
        assert entry["task"] in app.tasks
        assert entry["kwargs"] == {"due": True}


def test_slow_tasks_have_a_queue_of_their_own() -> None:
    queues = {task: route["queue"] for task, route in app.conf.task_routes.items()}
    bulk = {task for task, queue in queues.items() if queue == "bulk"}
    assert bulk == {"consumers.tasks.jobs_run", "loyalty.tasks.uplift_measure"}
    assert set(queues.values()) == set(app.conf.task_queues)


def test_every_thread_uses_the_projects_broker() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: current_app.main).result() == app.main


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_a_worker_gives_way_to_tills_and_collects_less_often(thresholds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered: list[int] = []
    monkeypatch.setattr(os, "nice", lowered.append)
    gc.set_threshold(700, 10, 10)
    assert give_way in worker_init._live_receivers(None)
    give_way()
    assert lowered == [NICENESS]
    assert gc.get_threshold()[0] > 10_000
