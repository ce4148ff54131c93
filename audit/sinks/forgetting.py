from __future__ import annotations

from audit.redaction.person import Person
from audit.sinks.models import Sink
from temps.lib.errors import Conflict


def forget(person: Person) -> None:
    """Take ``person`` out of who made sinks. What is mailed to them is for somebody to decide first."""
    for sink in Sink.objects.all():
        if person.is_in(sink.recipients):
            raise Conflict(f"the sink {sink.name} mails checkpoints to this person: change or remove it first")
    Sink.objects.filter(created_by__in=person.alone).update(created_by=person.pseudonym)
