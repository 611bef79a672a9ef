"""Logging: one line per event, readable on a terminal, JSON elsewhere."""

import logging
import os
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

LINK_TOKEN = re.compile(r"(/admin/password/set/)[^\s\"]+")


def hide_link_tokens(logger: object, name: str, event: EventDict) -> EventDict:
    """Cut the addresses of links for a new password: who reads the log must not be able to use them first."""
    for key in ("event", "request"):
        if isinstance(event.get(key), str):
            event[key] = LINK_TOKEN.sub(r"\1…", event[key])
    return event


# For every line, of structlog's loggers and of the standard library's.
SHARED_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    hide_link_tokens,
]

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *SHARED_PROCESSORS,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# Tracebacks without local variables, which hold what people bought, and keys.
RENDERERS: list[Processor] = (
    [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    if sys.stderr.isatty()
    else [
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ]
)

_QUERY = re.compile(r"\?[^ \"]*")


class WithoutQueryStrings(logging.Filter):
    """Takes query strings, which name people, out of the request lines of Django's development server."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_QUERY.sub("", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


class NoteworthyServerLines(logging.Filter):
    """Lets pass what the web server says of processes that end or are replaced, and its errors.

    It logs replacements at the level at which it also greets. ``config/web_log.json`` names this filter.
    """

    _REPLACEMENT = re.compile(r"RSS over threshold|respawning worker|(stopped|killing) old worker", re.IGNORECASE)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or self._REPLACEMENT.search(record.getMessage()) is not None


def line_formatter() -> structlog.stdlib.ProcessorFormatter:
    """Return the formatter of every line, whichever logger it comes from."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED_PROCESSORS,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS],
    )


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": line_formatter}},
    "filters": {"without_query_strings": {"()": WithoutQueryStrings}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        # django.request repeats django_structlog's line of each refused request.
        "django.request": {"level": "ERROR"},
        # Only failures: Celery logs two lines for every task. The page of scheduled work shows the rest.
        "celery": {"level": "WARNING"},
        "django_structlog.celery": {"level": "WARNING"},
        "django.server": {
            "handlers": ["console"],
            "level": "INFO",
            "propagate": False,
            "filters": ["without_query_strings"],
        },
    },
}
