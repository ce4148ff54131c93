"""Background work: the attempts themselves, and the two periodic looks for what is due."""

from __future__ import annotations

import structlog
from celery import shared_task

from certificates.issuing import IssuanceFailed, NotDue
from certificates.issuing import issue as issue_now
from certificates.models import Domain
from certificates.services import continue_pending as hand_out_owed
from certificates.services import enqueue_due_renewals
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, NotFound

log = structlog.get_logger(__name__)


@shared_task(name="certificates.issue")
def issue(domain_public_id: str) -> None:
    """One attempt, if it is due. A message that came twice, or too late, finds nothing to do."""
    domain = Domain.objects.filter(public_id=domain_public_id).first()
    if domain is None:
        return
    try:
        issue_now(domain, actor=Actor.system("certificates.renewal"))
    except (NotDue, Conflict, NotFound) as nothing:
        log.info("certificates.nothing_to_do", domain=domain.name, reason=nothing.message)
    except IssuanceFailed as failed:  # recorded, and the next try is set: the queue has nothing to repeat
        log.warning("certificates.attempt_failed", domain=domain.name, reason=failed.message)


@shared_task(name="certificates.renew_due")
def renew_due() -> None:
    """Start the renewals whose time has come."""
    enqueue_due_renewals()


@shared_task(name="certificates.continue_pending")
def continue_pending() -> None:
    """Start what a failure put off or a lost message left undone."""
    hand_out_owed()
