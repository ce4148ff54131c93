"""What stands in the messages to sinks, as ``docs/audit.md`` documents it."""

from __future__ import annotations

import json

from audit.exporting.formats import render
from audit.sinks.batches import Entries, Entry, SignedCheckpoint
from audit.sinks.models import Format, Sink


def text_of(entry: Entry, file_format: str) -> str:
    """One entry on one line, as exports write it."""
    return render(entry.entry, file_format)


def checkpoint_text(checkpoint: SignedCheckpoint) -> str:
    told = {"type": "audit.checkpoint", "origin": checkpoint.origin, "size": checkpoint.size}
    return json.dumps(told | {"checkpoint": checkpoint.note}, ensure_ascii=False)


def entries_body(batch: Entries, file_format: str) -> bytes:
    """A webhook's message with entries, in order."""
    entries = [
        {
            "position": one.position,
            "entry": one.entry if file_format == Format.JSON else json.loads(text_of(one, file_format)),
        }
        for one in batch.entries
    ]
    told = {"type": "audit.entries", "origin": batch.origin, "format": file_format, "first": batch.first}
    return json.dumps(told | {"entries": entries}, ensure_ascii=False).encode()


def entries_id(sink: Sink, batch: Entries) -> str:
    """The same whenever the same entries are sent there again. Another number of them is another message."""
    return f"{sink.public_id}.{batch.first}-{batch.end - 1}"


def checkpoint_id(sink: Sink, checkpoint: SignedCheckpoint) -> str:
    return f"{sink.public_id}.checkpoint-{checkpoint.size}"
