from __future__ import annotations

from celery import shared_task

from accounts import housekeeping


@shared_task(name="accounts.clear_expired")
def clear_expired() -> None:
    housekeeping.clear_expired()
