"""Exports that were made before a person was erased: their files hold what entries said then."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from audit.models import Export, ExportState, RedactedEntry
from audit.redaction.person import Person


def forget(person: Person) -> None:
    """End the exports that hold entries which were redacted since, and those that ``person`` asked for, as their files
    say so; have those that are being written begin anew. All of them can be asked for again.

    The files go once the transaction has committed. Should this process die before, or the files lie on another host,
    the periodic task there removes them.
    """
    from audit.exporting.exports import remove_files  # here, because every process registers this function

    since = RedactedEntry.objects.filter(
        position__gte=OuterRef("first"), position__lt=OuterRef("end"), redaction__created_at__gte=OuterRef("created_at")
    )
    theirs = Q(requested_by=person.id) | Q(requested_label__in=person.alone)
    Export.objects.filter(theirs | Exists(since), state=ExportState.DONE).update(state=ExportState.EXPIRED)
    Export.objects.filter(state=ExportState.RUNNING).update(state=ExportState.PENDING, claim="", attempts=0)
    Export.objects.filter(theirs).update(requested_label=person.pseudonym)
    transaction.on_commit(remove_files, robust=True)
