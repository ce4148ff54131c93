from __future__ import annotations

from celery import shared_task

from audit.alerts import evaluation, telling
from temps.lib.actor import Actor


@shared_task(name="alerts.evaluate")
def evaluate() -> None:
    evaluation.evaluate(actor=Actor.system("audit.alerts"))


@shared_task(name="alerts.deliver")
def deliver(channel_id: str) -> None:
    telling.deliver(channel_id, actor=Actor.system("audit.alerts"))
