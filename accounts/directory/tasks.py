from __future__ import annotations

import structlog
from celery import shared_task

from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory
from accounts.directory.recheck import recheck_directory
from accounts.directory.sign_in import WORKER
from temps.lib.actor import Actor

log = structlog.get_logger(__name__)


@shared_task(name="accounts.directory.recheck")
def recheck() -> None:
    for directory in Directory.objects.filter(enabled=True):
        try:
            recheck_directory(directory, actor=Actor.system(WORKER))
        except DirectoryFault as error:
            log.warning("directory.recheck_failed", directory=directory.name, reason=error.message)
