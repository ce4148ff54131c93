"""Background work: a broker in the data directory by default, Redis or RabbitMQ where they are given."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from temps.lib.files import private_directory

broker_url = settings.CELERY_BROKER_URL
broker_transport_options: dict[str, Any] = {}
if broker_url.startswith("filesystem://"):
    _queue = str(private_directory(settings.CELERY_BROKER_DIR / "queue"))
    broker_transport_options = {
        "data_folder_in": _queue,
        "data_folder_out": _queue,
        "control_folder": str(private_directory(settings.CELERY_BROKER_DIR / "control")),
    }
broker_connection_retry_on_startup = True
task_ignore_result = True  # outcomes live in our own rows, where people look for them
task_serializer = "json"
accept_content = ["json"]  # never pickle: who can write to the broker must not run code
task_acks_late = True
worker_prefetch_multiplier = 1
worker_enable_remote_control = False
timezone = "UTC"
beat_schedule_filename = str(settings.DATA_DIR / "beat-schedule")


def _every(seconds: int, task: str) -> dict[str, Any]:
    # A run that was not picked up before the next is due is dropped: each finds for itself what is left to do.
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


beat_schedule = {
    "heartbeat": _every(15, "temps.heartbeat"),
    "certificates.renew_due": _every(3600, "certificates.renew_due"),
    "certificates.continue": _every(60, "certificates.continue_pending"),
    "firewall.reconcile": _every(60, "firewall.reconcile"),
    "audit.close_folds": _every(30, "audit.close_folds"),
    "audit.continue_exports": _every(60, "audit.continue_exports"),
    "audit.retire": _every(3600, "audit.retire"),
    "alerts.evaluate": _every(15, "alerts.evaluate"),
    "accounts.clear_expired": _every(3600, "accounts.clear_expired"),
    "accounts.directory.recheck": _every(3600, "accounts.directory.recheck"),
    "links.continue": _every(60, "links.continue"),
}
