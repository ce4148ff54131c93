from __future__ import annotations

from celery import shared_task

from firewall.services import reconcile
from temps.lib.actor import Actor


@shared_task(name="firewall.reconcile")
def reconcile_policy() -> None:
    reconcile(actor=Actor.system("firewall.reconcile"))
