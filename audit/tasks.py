from __future__ import annotations

from celery import shared_task

from audit import folding
from audit.exporting import exports
from audit.retention.services import retire_due
from temps.lib.actor import Actor


@shared_task(name="audit.export")
def export(public_id: str) -> None:
    exports.run_export(public_id, actor=Actor.system("audit.export"))


@shared_task(name="audit.continue_exports")
def continue_exports() -> None:
    exports.continue_exports(actor=Actor.system("audit.export"))


@shared_task(name="audit.close_folds")
def close_folds() -> None:
    folding.close_folds()


@shared_task(name="audit.retire")
def retire() -> None:
    retire_due(actor=Actor.system("audit.retention"))
