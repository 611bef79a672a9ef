"""The ways to run it large say the same: the Procfile, the Compose file, and the guide."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from config import serve
from config.celery import app

ROOT = Path(settings.BASE_DIR)
PROCESSES = ("web", "urgent", "bulk", "schedule")


def procfile() -> dict[str, str]:
    """The command of each process, its variables at their defaults."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    return {name: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", command) for name, command in commands.items()}


def composed() -> dict[str, Any]:
    """The services of the Compose file."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return services


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_is_the_same_command_under_compose(process: str) -> None:
    command = procfile()[process].rpartition("exec ")[2]
    assert composed()[process]["command"].split() == command.split()


def test_the_web_server_of_one_machine_has_the_options_of_the_procfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "VAR_DIR", tmp_path)
    web = serve.services_of({"HOST": "0.0.0.0", "PORT": "8000"})[0]  # noqa: S104 - as in the Procfile
    assert list(web.command)[3:] == procfile()["web"].rpartition("/granian ")[2].split()


def test_every_web_process_is_replaced_before_it_takes_the_memory_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "VAR_DIR", tmp_path)
    web = serve.services_of({"HOST": "127.0.0.1", "PORT": "8000", "WEB_MAX_RSS": "300"})[0]
    for command in (" ".join(web.command), procfile()["web"], composed()["web"]["command"]):
        assert re.search(r"--workers-max-rss (300|1024)\b", command)


def test_the_release_migrates_before_any_process_starts() -> None:
    assert composed()["migrate"]["command"] == procfile()["release"]
    for process in PROCESSES:
        assert composed()[process]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_every_process_has_the_same_environment() -> None:
    given = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_URL", "EMAIL_FROM")
    for process in (*PROCESSES, "migrate"):
        assert {name: composed()[process]["environment"][name] for name in given} == {
            name: composed()["web"]["environment"][name] for name in given
        }


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for secret in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        assert set(re.findall(rf"\${{{secret}[^}}]*}}", text)) == {f"${{{secret}:?}}"}


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in composed().items() if "ports" in service] == ["proxy"]


def test_every_queue_has_a_worker() -> None:
    worked = {match for command in procfile().values() for match in re.findall(r"--queues (\w+)", command)}
    used = {route["queue"] for route in app.conf.task_routes.values()} | {app.conf.task_default_queue}
    assert worked == used


def test_the_guide_names_every_process() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text()
    for name in procfile():
        assert f"| `{name}`" in guide
