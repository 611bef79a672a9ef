"""When servers stop, die, come back or have a wrong clock, nothing is lost and nothing is done twice."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.outages.scene import MANY, SITES
from tests.servers import (
    ROOT,
    Postgres,
    Process,
    Redis,
    beat_command,
    free_port,
    manage,
    project_environment,
    wait_for,
    web_command,
    worker_command,
)

TASKS = {
    "loyalty.tasks.statuses_sync": "urgent",
    "loyalty.tasks.vouchers_expire": "urgent",
    "loyalty.tasks.messages_send": "urgent",
    "consumers.tasks.jobs_run": "bulk",
}
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON promotions_statusevent FOR EACH ROW EXECUTE FUNCTION slow();
CREATE TRIGGER slow BEFORE UPDATE ON loyalty_voucher FOR EACH ROW EXECUTE FUNCTION slow();
CREATE TRIGGER slow BEFORE UPDATE ON loyalty_redemptionmessage FOR EACH ROW EXECUTE FUNCTION slow();
CREATE TRIGGER slow BEFORE INSERT ON consumers_site FOR EACH ROW EXECUTE FUNCTION slow();
"""


@dataclass(kw_only=True)
class Installation:
    """The project on servers of its own; ``name`` is its database."""

    postgres: Postgres
    redis: Redis
    folder: Path
    name: str
    key: str
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        own = {"PORT": str(self.port), **self.settings}
        return project_environment(
            database=self.postgres.url(self.name), redis=self.redis.url, folder=self.folder, **own
        )

    def start(self, command: Any) -> Process:
        process = Process(command, environment=self.environment, log=self.folder / f"{len(self.processes)}.log")
        process.start()
        self.processes.append(process)
        return process

    def worker(self) -> Process:
        return self.start(worker_command())

    def web(self, port: int | None = None, *, max_rss: int = 1024) -> Process:
        """A web node, at the port of the installation unless another is named."""
        web = self.start(web_command(port or self.port, max_rss=max_rss))
        wait_for(lambda: self.call("readyz", port=port)[0] == 200, what="the web server")
        return web

    def ask(self, statement: str) -> list[Any]:
        return self.postgres.ask(statement, name=self.name)

    def query_value(self, statement: str) -> Any:
        return self.ask(statement)[0][0]

    def start_tasks(self, *tasks: str) -> None:
        """Start tasks now, all of them unless some are named."""
        with Celery(broker=self.redis.url) as app:
            for task in tasks or TASKS:
                app.send_task(task, queue=TASKS[task])

    def call(self, path: str, body: Any = None, *, port: int | None = None) -> tuple[int, Any]:
        """Call the API as the till; return the status with the body, or with the headers of a refusal."""
        headers = {"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{port or self.port}/{path}"
        request = urllib.request.Request(address, data=sent, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - a server of this test
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}

    def sell(self, reference: str) -> tuple[int, Any]:
        line = {"line_id": "1", "sku": "A", "quantity": "1", "unit_price_inc_tax": "3.00", "unit_price_ex_tax": "2.50"}
        sale = {"reference": reference, "site": "acme-001", "currency": "GBP", "consumer": "c0", "lines": [line]}
        return self.call("api/v1/transactions", sale)

    def metric(self, name: str) -> float:
        """Return the value of a metric, named with its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return float(dict(line.rsplit(" ", 1) for line in lines)[name])

    def mail_recipients(self) -> list[str]:
        """Return the address of every mail sent, repeated if it received several."""
        texts = [file.read_text() for file in (self.folder / "mail").glob("*")]
        return re.findall(r"^To: (\S+)$", "\n".join(texts), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Redis, str]]:
    """Start PostgreSQL with a filled database to copy and Redis; yield them with the key of the till."""
    folder = tmp_path_factory.mktemp("servers")
    postgres, redis = Postgres(), Redis(folder)
    try:
        postgres.start()
        redis.start()
        postgres.ask("CREATE DATABASE scene")
        environment = project_environment(database=postgres.url("scene"), redis=redis.url, folder=folder)
        manage("migrate", "--noinput", "--verbosity", "0", environment=environment)
        scene = (sys.executable, "-m", "tests.outages.scene")
        done = subprocess.run(scene, env=environment, capture_output=True, text=True, check=True)
        yield postgres, redis, json.loads(done.stdout.splitlines()[-1])
    finally:
        redis.kill()
        postgres.remove()


@pytest.fixture
def here(servers: tuple[Postgres, Redis, str], tmp_path: Path) -> Iterator[Installation]:
    """Make an installation from a copy of the filled database and an empty Redis; no process runs yet."""
    postgres, redis, key = servers
    redis.kill()
    redis.start()
    postgres.ask("DROP DATABASE IF EXISTS outage WITH (FORCE)")
    postgres.ask("CREATE DATABASE outage TEMPLATE scene")
    installation = Installation(postgres=postgres, redis=redis, folder=tmp_path, name="outage", key=key)
    try:
        yield installation
    finally:
        if postgres.running is None:
            postgres.start()
    for process in installation.processes:
        process.kill()
        # Shown where the test fails.
        sys.stderr.write(process.log.read_text()[-4_000:])


def statuses(here: Installation) -> dict[str, int]:
    rows = here.ask("SELECT split_part(code, '-', 1) || ' ' || status, count(*) FROM promotions_promotion GROUP BY 1")
    return {name: count for name, count in rows if name != "fifty active"}


def settled(here: Installation) -> bool:
    """Return whether every task has finished its work."""
    return (
        statuses(here) == {"due active": MANY, "later scheduled": MANY}
        and here.query_value("SELECT count(*) FROM loyalty_voucher WHERE status = 'expired'") == MANY
        and here.query_value("SELECT count(*) FROM loyalty_redemptionmessage WHERE state IN ('waiting', 'claimed')")
        == 0
        and here.query_value("SELECT state FROM consumers_job") == "done"
    )


def finish_all_work(here: Installation) -> None:
    """Start the tasks repeatedly, as the scheduler does, until no work is left."""

    def start_tasks_and_check() -> bool:
        here.start_tasks()
        time.sleep(1)
        return settled(here)

    wait_for(start_tasks_and_check, what="everything to be done", seconds=90)


def check_nothing_lost_or_doubled(here: Installation) -> None:
    events = here.ask(
        "SELECT count(*), count(DISTINCT promotion_id), bool_and(effective_at = p.starts_at)"
        " FROM promotions_statusevent e JOIN promotions_promotion p ON p.id = promotion_id"
        " WHERE e.status = 'active' AND code LIKE 'due-%'"
    )
    assert events == [(MANY, MANY, True)]
    assert here.query_value("SELECT count(*) FROM loyalty_voucher WHERE status = 'issued'") == MANY
    sent = here.query_value("SELECT count(*) FROM loyalty_redemptionmessage WHERE state = 'sent'")
    uncertain = here.query_value("SELECT count(*) FROM loyalty_redemptionmessage WHERE state = 'uncertain'")
    total = here.query_value("SELECT count(*) FROM loyalty_redemptionmessage")
    assert sent + uncertain == total
    mail_recipients = here.mail_recipients()
    recorded = Counter(address for (address,) in here.ask("SELECT address FROM loyalty_redemptionmessage"))
    assert Counter(mail_recipients) <= recorded, "nobody is told twice"
    assert sent <= len(mail_recipients) <= total
    assert here.query_value("SELECT count(*) FROM consumers_site") == SITES + 1
    manage("ledger_verify", environment=here.environment)


def test_a_worker_killed_in_the_middle_of_every_task(here: Installation) -> None:
    here.postgres.ask(SLOW, name=here.name)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'outage' AND wait_event = 'PgSleep'"
    worker = here.worker()
    here.start_tasks()
    for _ in range(2):
        wait_for(lambda: here.query_value(sleeping) == len(TASKS), what="all tasks to be at work", seconds=40)
        worker.kill()
        wait_for(lambda: here.query_value(sleeping) == 0, what="the dead worker's statements to end", seconds=40)
        # A worker that is silent for a quarter of an hour counts as dead: move its claims that far back.
        here.ask("UPDATE consumers_job SET lease_until = now() WHERE lease_until IS NOT NULL")
        here.ask("UPDATE loyalty_redemptionmessage SET claimed_at = now() - interval '1 hour' WHERE state = 'claimed'")
        worker.start()
        here.start_tasks()
    here.ask("ALTER TABLE promotions_statusevent DISABLE TRIGGER slow")
    for table in ("loyalty_voucher", "loyalty_redemptionmessage", "consumers_site"):
        here.ask(f"ALTER TABLE {table} DISABLE TRIGGER slow")
    finish_all_work(here)
    check_nothing_lost_or_doubled(here)


def test_redis_stopped_and_started(here: Installation) -> None:
    worker = here.worker()
    here.web()
    here.redis.kill()
    begun = time.monotonic()
    answers = [here.sell(f"down-{n}") for n in range(3)]
    assert [status for status, _ in answers] == [201] * 3, answers
    assert time.monotonic() - begun < 10, "a sale does not wait for a server that is away"
    assert here.call("readyz")[0] == 200
    here.redis.start()
    assert worker.running is not None
    assert worker.running.poll() is None
    finish_all_work(here)
    check_nothing_lost_or_doubled(here)


def test_redis_that_accepts_and_never_answers(here: Installation) -> None:
    here.worker()
    here.web()
    here.redis.pause()
    sales = 50
    assert [here.sell(f"silent-{n}")[0] for n in range(sales)] == [201] * sales
    assert here.call("readyz")[0] == 200
    skipped = here.metric('promotions_circuit_breaker_skipped_total{server="redis"}')
    assert skipped >= sales - 10, "all but a few sales did not ask it at all"
    here.redis.resume()

    def sells_and_asks_again() -> bool:
        assert here.sell("again")[0] in (200, 201)
        return here.metric('promotions_circuit_breaker_state{server="redis"}') == 0

    wait_for(sells_and_asks_again, what="the circuit to close", seconds=40)
    finish_all_work(here)
    check_nothing_lost_or_doubled(here)


def test_postgresql_restarted(here: Installation) -> None:
    here.worker()
    here.web()
    here.start_tasks()
    assert here.sell("before")[0] == 201
    here.postgres.stop()
    status, headers = here.sell("during")
    assert (status, "retry-after" in headers) == (503, True)
    assert (here.call("readyz")[0], here.call("healthz")[0]) == (503, 200)
    here.postgres.start()
    wait_for(lambda: here.sell("during")[0] == 201, what="the sale to be taken", seconds=30)
    assert [here.sell(reference)[0] for reference in ("before", "during")] == [200, 200]
    here.ask("UPDATE consumers_job SET lease_until = now() WHERE lease_until IS NOT NULL")
    here.ask("UPDATE loyalty_redemptionmessage SET claimed_at = now() - interval '1 hour' WHERE state = 'claimed'")
    finish_all_work(here)
    check_nothing_lost_or_doubled(here)


def test_a_web_process_is_replaced_for_its_memory_while_tills_sell(here: Installation) -> None:
    # Any process has more than this: each is replaced as soon as it is looked at.
    web = here.web(max_rss=40)
    here.sell("first")
    sessions = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE datname = current_database()"
    statuses: Counter[int] = Counter()
    cut_off = 0
    for number in count():
        try:
            statuses[here.sell(f"sale-{number}")[0]] += 1
        except OSError:  # a call that the old process had not begun
            cut_off += 1
        if "Stopped old worker-1" in web.log.read_text():
            break
    assert set(statuses) == {201}
    # While nobody listens, thousands are refused.
    assert cut_off < 20
    assert here.sell("last")[0] == 201
    log = web.log.read_text()
    assert log.index("RSS over threshold") < log.index("Stopped old worker-1")
    # Those of the new process, and the one that asks; the old one has closed its own.
    assert here.query_value(sessions) <= 16 + 1
    assert here.metric("promotions_rulebook_version") > 0


def test_two_schedules_and_a_worker_with_a_clock_an_hour_ahead(here: Installation) -> None:
    here.ask("CREATE TABLE runs (key text, at timestamptz)")
    here.ask(
        "CREATE FUNCTION ran() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO runs VALUES (NEW.key, clock_timestamp()); RETURN NEW; END $$"
    )
    here.ask(
        "CREATE TRIGGER ran AFTER UPDATE ON consumers_scheduledtask FOR EACH ROW"
        " WHEN (OLD.started_at IS DISTINCT FROM NEW.started_at) EXECUTE FUNCTION ran()"
    )
    for command in (beat_command(), beat_command(), (sys.executable, "-m", "tests.outages.worker_ahead")):
        here.start(command)
    wait_for(
        lambda: here.query_value("SELECT count(*) FROM runs WHERE key = 'messages_send'") >= 2, what="the schedule"
    )
    closest = here.query_value(
        "SELECT min(extract(epoch FROM later - at)) FROM"
        " (SELECT at, lead(at) OVER (ORDER BY at) AS later FROM runs WHERE key = 'messages_send') pairs"
    )
    assert closest >= 5, "two schedules start a task once in a period"
    finish_all_work(here)
    check_nothing_lost_or_doubled(here)
    recorded = here.query_value("SELECT max(recorded_at) FROM promotions_statusevent")
    assert recorded <= datetime.now(UTC), "moments are the database's, not the worker's"


def test_the_calls_of_a_key_are_counted_over_all_nodes(here: Installation) -> None:
    here.settings["API_REQUESTS_PER_MINUTE"] = "20"
    nodes = (here.port, free_port())
    for node in nodes:
        here.web(node)
    while time.time() % 60 > 40:  # the counter restarts with each minute of the clock
        time.sleep(0.5)
    answers = [here.call("api/v1/promotions", port=node) for _ in range(15) for node in nodes]
    assert Counter(status for status, _ in answers) == {200: 20, 429: 10}
    waits = [int(headers["retry-after"]) for status, headers in answers if status == 429]
    assert all(0 < wait <= 60 for wait in waits)
    here.redis.kill()
    assert here.sell("uncounted")[0] == 201, "a till sells while there is nothing to count with"


def test_a_backup_taken_while_sales_go_on_is_restored_and_proved(here: Installation) -> None:
    here.web()
    assert here.sell("kept")[0] == 201
    backup = subprocess.run(
        (str(ROOT / "deploy" / "backup"), str(here.folder / "backups")),
        env=here.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert here.sell("lost")[0] == 201
    here.postgres.ask("DROP DATABASE IF EXISTS restored")
    here.postgres.ask("CREATE DATABASE restored")
    environment = {**here.environment, "DATABASE_URL": here.postgres.url("restored")}
    restore = (str(ROOT / "deploy" / "restore"), backup.stdout.strip())
    subprocess.run(restore, env=environment, capture_output=True, text=True, check=True)
    restored_sales = here.postgres.ask(
        "SELECT count(*) FROM loyalty_transaction WHERE reference IN ('kept', 'lost')", name="restored"
    )
    assert restored_sales == [(1,)]
    manage("ledger_verify", environment=environment)
    again = subprocess.run(restore, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "empty one" in again.stderr
