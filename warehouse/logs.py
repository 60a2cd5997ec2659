"""How the site logs: one line of JSON per event with the ids of request, user and whatever was bound, or coloured text for people."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(),
]

# And whether a stream may go on, which the process `live` asks the site every few seconds.
PROBES = ("/healthz", "/readyz", "/metrics", "HEAD /api/v1/events/stream")


def drop_probes(logger: Any, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """An orchestrator asks every few seconds; what it is answered is worth a line only when it fails."""
    if event.get("code", 200) == 200 and str(event.get("request", "")).endswith(PROBES):
        raise structlog.DropEvent
    return event


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING for `json`, `console`, or an empty form: console on a terminal, JSON elsewhere. Sets structlog up too."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, drop_probes, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    human = form == "console" or (not form and sys.stderr.isatty())
    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if human
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "events": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's defaults mail administrators and print to the console a second time.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # Every request is logged by django_structlog already.
            "django.request": {"level": "ERROR"},
            "axes": {"level": "WARNING"},
            # They would write addresses with the tokens in them; who calls them says what went wrong.
            "apprise": {"level": "CRITICAL"},
            "urllib3": {"level": "INFO"},
        },
    }


@contextmanager
def only_warnings(*names: str) -> Iterator[None]:
    """Within the block these loggers say nothing below WARNING; afterwards they have the levels they had."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
