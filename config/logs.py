"""Logs: one line per event, readable on a terminal, JSON elsewhere."""

import os
import sys
from typing import Any

import structlog
from structlog.typing import Processor

# What every line carries, whoever wrote it: structlog's own loggers and the standard library's.
SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *SHARED,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# Tracebacks without the values of local variables: those hold what people bought, and keys.
RENDERERS: list[Processor] = (
    [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    if sys.stderr.isatty()
    else [
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ]
)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": SHARED,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS],
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        # django.request repeats what django_structlog says of each refused call.
        "django.request": {"level": "ERROR"},
        # Two lines for each look that found nothing: failures are told, the rest is on the page of scheduled work.
        "celery": {"level": "WARNING"},
        "django_structlog.celery": {"level": "WARNING"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
