"""Structured logs: one event a line, with the request id, never a body, password or token."""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

from temps.lib.secret_looks import without_secrets

ONE_TIME_ADDRESS = re.compile(r"(/accounts/(?:setup|open)/)[^/\s\"'?]+")
"""Addresses that are themselves a secret: what follows the prefix never reaches a log."""


def mask_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor, for our own lines and for Django's (``Gone: /accounts/setup/…``) alike."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = without_secrets(ONE_TIME_ADDRESS.sub(r"\1[token]", value))
    return event


def is_news(record: logging.LogRecord) -> bool:
    """A filter for ``django.request``, which repeats answers from 400 on that ``temps.request`` has told already. Only
    what it has beyond that, a traceback, is told."""
    return record.exc_info is not None


def without_traceback(record: logging.LogRecord) -> bool:
    """A filter for ``django.security.DisallowedHost``: anybody may come by a wrong name, and the line says by which."""
    record.exc_info = record.exc_text = None
    return True


def on_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no value, such as a path that somebody made up, writes lines or escapes of its own."""
    for name, value in event.items():
        if isinstance(value, str) and name != "event" and not value.isprintable():
            event[name] = "".join(character if character.isprintable() else " " for character in value)
    return event


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    mask_secrets,
    on_one_line,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, production: bool) -> dict[str, Any]:
    """Settings for ``logging`` and structlog: JSON lines in production, aligned text elsewhere."""
    # A plain traceback: the pretty one prints local variables, passwords and tokens among them, and takes a second.
    text = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if production else text
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": SHARED,
            }
        },
        "filters": {"is_news": {"()": lambda: is_news}, "without_traceback": {"()": lambda: without_traceback}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "temps": {"level": "INFO"},
            "django.request": {"filters": ["is_news"]},
            "django.security.DisallowedHost": {"filters": ["without_traceback"]},
            "django.server": {"level": "WARNING"},
        },
    }
