"""Syslog messages (RFC 5424), each preceded by its length (RFC 6587 section 3.4.1, RFC 5425 section 4.3)."""

from __future__ import annotations

import socket

from audit.actions import Result
from audit.sinks.batches import Entry

FACILITY = 13
"""Log audit (RFC 5424 section 6.2.1)."""
SEVERITY = {Result.SUCCESS: 6, Result.DENIED: 4, Result.FAILURE: 3}
"""Informational, warning, error."""
NOTICE = 5
APP_NAME = "temps"
SD_ID = "temps@32473"
"""32473 is the enterprise number that RFC 5612 keeps for examples: Temps has none of its own."""
BOM = b"\xef\xbb\xbf"
NIL = "-"


def message(entry: Entry, text: str) -> bytes:
    """The message about ``entry`` that says ``text``."""
    said = entry.entry
    severity = SEVERITY[Result(said["result"])]
    data = {
        "eventId": said["metadata"]["eventId"],
        "position": str(entry.position),
        "operation": said["operation"],
        "result": said["result"],
        "project": said["metadata"]["project"],
    }
    return formatted(severity, said["timestamp"], said["operation"], data, text)


def formatted(severity: int, timestamp: str, message_id: str, data: dict[str, str], text: str) -> bytes:
    """One message. ``timestamp`` is RFC 3339, with at most six digits of a second; empty ``data`` is left out."""
    head = " ".join(
        [
            f"<{FACILITY * 8 + severity}>1",
            timestamp,
            header(socket.gethostname(), 255),
            APP_NAME,
            NIL,
            header(message_id, 32),
            structured(data),
        ]
    )
    return head.encode() + b" " + BOM + text.encode("utf-8", "replace")


def header(text: str, limit: int) -> str:
    """``text`` as a field of the header takes it: printable US-ASCII without blanks, or the nil value."""
    return "".join(char for char in text if "!" <= char <= "~")[:limit] or NIL


def structured(data: dict[str, str]) -> str:
    """The structured data element (RFC 5424 section 6.3), or the nil value when it is empty."""
    parameters = "".join(f' {name}="{_escaped(value)}"' for name, value in data.items() if value)
    return f"[{SD_ID}{parameters}]" if parameters else NIL


def _escaped(value: str) -> str:
    clean = value.encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def framed(data: bytes) -> bytes:
    return str(len(data)).encode() + b" " + data
