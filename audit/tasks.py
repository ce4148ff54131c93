from __future__ import annotations

from celery import shared_task

from audit.exporting import exports
from temps.lib.actor import Actor


@shared_task(name="audit.export")
def export(public_id: str) -> None:
    exports.run_export(public_id, actor=Actor.system("audit.export"))


@shared_task(name="audit.continue_exports")
def continue_exports() -> None:
    exports.continue_exports(actor=Actor.system("audit.export"))
