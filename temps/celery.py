"""The Celery application. Its configuration is read on first use from ``temps.celery_config``."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "temps.settings")

app = Celery("temps")
app.config_from_object("temps.celery_config")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_options: Any) -> None:
    """Celery would replace Django's logging configuration unless someone claims this signal."""


@worker_ready.connect
def _first_sign_of_life(**_options: Any) -> None:
    """The scheduler's first heartbeat is a quarter of a minute away; until then the console would call us dead."""
    from temps.heartbeat import beat

    beat()
