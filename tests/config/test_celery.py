"""The schedule, and how requests reach the workers."""

from concurrent.futures import ThreadPoolExecutor

from celery import current_app

from config.celery import app


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
