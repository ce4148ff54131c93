from __future__ import annotations

from celery import shared_task

from temps.heartbeat import beat


@shared_task(name="temps.heartbeat")
def heartbeat() -> None:
    beat()
