"""Background work is asked for by name, once the transaction has committed.

A message can be lost between commit and broker; that is accepted, since every task has a periodic one that finds what
was left undone. What must not happen is the reverse: a task that runs for a change that was rolled back.
"""

from __future__ import annotations

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)

Argument = str | int | float | bool | None


def after_commit(task: str, *arguments: Argument) -> None:
    """Send the task ``task`` (its registered name) after the current transaction commits.

    Arguments are ids and plain values, never objects or secrets: they are readable in the broker. A broker that does
    not answer is logged and left to the periodic task, because the change itself has already happened.
    """

    def send() -> None:
        from temps.celery import app  # here, because most commands queue nothing and Celery takes long to import

        try:
            app.send_task(task, args=arguments, retry=False)
        except Exception as error:
            log.error("queue.send_failed", task=task, error=type(error).__name__)

    transaction.on_commit(send)
