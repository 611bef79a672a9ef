"""Fixtures of all tests: the database, settings and the browser."""

import gc
import os
import shutil
from collections.abc import Iterator
from copy import copy
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandlerMixin
from django.db import connection
from django.http import HttpRequest
from django.template import Context, RequestContext, Template
from django.test import Client, TransactionTestCase, override_settings
from django.test.client import FakePayload
from django.test.utils import ContextList
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config.celery import app as celery_app
from consumers.services import schedule
from loyalty.services.till.snapshot import snapshots_forget
from tests.contract import call_problems
from tests.database import migrated_database, save_state

# A test that imports the server's module would bound the statements of all tests, which take long on a busy machine.
settings.STATEMENT_TIMEOUT = 0

# Playwright runs an event loop in the test's thread, where Django would refuse the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# Properties are tested with the same examples in every run, without a deadline.
hypothesis_settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("same")

# On a busy machine a page may need longer than the five seconds that Playwright allows to update it, or thirty to load.
BUSY = 120_000
"""Milliseconds after which a browser's test gives up."""
expect.set_options(timeout=BUSY)


@pytest.fixture(scope="session", autouse=True)
def collected_seldom() -> None:
    """Collect garbage less often, and never search what was imported: that took a sixth of the processor's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any) -> Any:
    """Give this process a migrated database of its own, and restore that after each test that commits.

    Django would delete the rows of every table, and write permissions, content types and roles again.
    """
    if connection.vendor == "postgresql":
        # Threads of an installation give up soon; those of a test wait as long as a busy machine takes.
        connection.settings_dict["OPTIONS"]["pool"]["timeout"] = 60
    with django_db_blocker.unblock(), migrated_database(), pytest.MonkeyPatch.context() as monkeypatch:
        migrated = save_state()
        monkeypatch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: migrated.restore())
        yield


@pytest.fixture(scope="session", autouse=True)
def page_contexts() -> Iterator[None]:
    """Let an answer's ``context`` be that of its page: one of every part of it, copied, is what no test reads."""

    def keep(store: dict[str, Any], template: Template, context: Context, **_: Any) -> None:
        if isinstance(context, RequestContext) and context.template is template:
            store.setdefault("context", ContextList()).append(copy(context))

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("django.test.client.store_rendered_templates", keep)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_settings(django_test_environment: None) -> Iterator[None]:
    """Replace slow settings with fast ones, and run tasks without a worker."""
    static_files = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES={**settings.STORAGES, "staticfiles": static_files},
        # No thread writes the durations of decisions while a test counts statements.
        COST_SAMPLE_EVERY=0,
    ):
        celery_app.conf.task_always_eager = True
        celery_app.conf.task_eager_propagates = True
        yield


@pytest.fixture(autouse=True)
def isolated(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate what tests, and processes that run them at the same time, would share."""
    # A key prefix of its own is an empty cache, and leaves the other process's entries alone.
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": uuid4().hex}}
    # Tests turn the clock of this process, not the database's.
    monkeypatch.setattr(schedule, "database_now", timezone.now)
    # Ids and versions begin again in each test: a snapshot of the last test's account would pass for this one's.
    snapshots_forget()


@pytest.fixture(autouse=True)
def contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold every call below /api/v1/ that a test's client makes against the OpenAPI document."""
    send = Client.request

    def send_and_check(client: Client, **request: Any) -> Any:
        payload = request.get("wsgi.input")
        sent = vars(payload)["_FakePayload__content"].getvalue() if isinstance(payload, FakePayload) else b""
        response = send(client, **request)
        path = request["PATH_INFO"]
        if path.startswith("/api/v1/"):
            problems = call_problems(request["REQUEST_METHOD"], path, sent, response)
            assert not problems, (request["REQUEST_METHOD"], path, sent[:2_000], problems)
        return response

    monkeypatch.setattr(Client, "request", send_and_check)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium without a window."""
    programs = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, programs)), None)
    assert program, "The browser's tests need Chromium: make browser"
    with sync_playwright() as playwright:
        # A container has no user namespaces for the sandbox; only the project's own pages are opened.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--process-per-site"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser_session(chromium: Browser, live_server: Any) -> Iterator[BrowserContext]:
    """Open a browser session at the live server for all tests of a process: static files are loaded once.

    Playwright switches the cache off where a session has a route: a test that needs one gives it to its page.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        serve = StaticFilesHandlerMixin.serve

        def serve_to_keep(handler: StaticFilesHandlerMixin, request: HttpRequest) -> Any:
            answer = serve(handler, request)
            answer["Cache-Control"] = "max-age=3600"
            return answer

        monkeypatch.setattr(StaticFilesHandlerMixin, "serve", serve_to_keep)
        session = chromium.new_context(base_url=live_server.url)
        session.set_default_timeout(BUSY)
        yield session
        session.close()


@pytest.fixture
def page(browser_session: BrowserContext, live_server: Any) -> Iterator[Page]:
    """Open a page that remembers nothing but static files; an uncaught script error fails the test."""
    page = browser_session.new_page()
    forget = {"origin": live_server.url, "storageTypes": "cookies,local_storage"}
    browser_session.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors, errors
