"""How each kind of sink is spoken to."""

from __future__ import annotations

import json
from typing import Protocol

from audit.sinks import messages, syslog
from audit.sinks.batches import Batch, Entries, origin
from audit.sinks.connection import SyslogConnection
from audit.sinks.models import Kind, Sink
from audit.sinks.sealed import open_webhook
from temps.lib import clock, ids, mail
from temps.lib.webhooks import Target, post


class Sender(Protocol):
    """Lives as long as the sink is as it is."""

    def send(self, batch: Batch) -> None:
        """Return once the peer has taken ``batch``. Raises :class:`Unavailable` otherwise."""

    def lost(self) -> int | None:
        """The position from which on entries may be lost although they were taken; None when there is no such doubt."""

    def test(self) -> str:
        """Send a test message; what came back. Raises :class:`Unavailable`."""

    def close(self) -> None: ...


def sender_for(sink: Sink) -> Sender:
    kinds: dict[str, type[WebhookSender] | type[SyslogSender] | type[MailSender]] = {
        Kind.WEBHOOK: WebhookSender,
        Kind.SYSLOG: SyslogSender,
        Kind.MAIL: MailSender,
    }
    return kinds[sink.kind](sink)


class WebhookSender:
    """A connection for each message, which the answer acknowledges."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        url, self._secret = open_webhook(sink)
        self._target = Target.parse(url)

    def send(self, batch: Batch) -> None:
        if isinstance(batch, Entries):
            self._post(messages.entries_body(batch, self._sink.format), messages.entries_id(self._sink, batch))
        else:
            self._post(messages.checkpoint_text(batch).encode(), messages.checkpoint_id(self._sink, batch))

    def _post(self, body: bytes, message_id: str) -> int:
        return post(self._target, body, message_id=message_id, secret=self._secret)

    def lost(self) -> int | None:
        return None

    def test(self) -> str:
        told = {"type": "audit.test", "origin": origin(), "sink": self._sink.name}
        status = self._post(json.dumps(told).encode(), ids.new("msg"))
        return f"{self._target.host} answered with status {status}"

    def close(self) -> None:
        return


class SyslogSender:
    """One connection that stays open."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._connection = SyslogConnection(sink.host, sink.port or 0, tls=sink.transport == "tls", ca=sink.ca_bundle)

    def send(self, batch: Batch) -> None:
        if isinstance(batch, Entries):
            file_format = self._sink.format
            data = [syslog.message(one, messages.text_of(one, file_format)) for one in batch.entries]
            self._connection.send(b"".join(map(syslog.framed, data)), first=batch.first, end=batch.end)
        else:
            text = messages.checkpoint_text(batch)
            self._connection.send(_notice("CHECKPOINT", {"size": str(batch.size)}, text))

    def lost(self) -> int | None:
        return self._connection.lost()

    def test(self) -> str:
        self._connection.send(_notice("TEST", {}, f"A test message to the sink {self._sink.name}"))
        return f"{self._sink.host} took it over {self._sink.transport.upper()}; syslog has no answer that says more"

    def close(self) -> None:
        self._connection.close()


def _notice(message_id: str, data: dict[str, str], text: str) -> bytes:
    return syslog.framed(syslog.formatted(syslog.NOTICE, clock.iso_exact(clock.now()), message_id, data, text))


class MailSender:
    """Checkpoints, for a mailbox that nobody who can write to the database can change."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def send(self, batch: Batch) -> None:
        if isinstance(batch, Entries):
            raise TypeError("mail carries checkpoints only")
        mail.send(f"Audit log: checkpoint at {batch.size} entries", CHECKPOINT_MAIL + batch.note, self._to())

    def _to(self) -> list[str]:
        return self._sink.recipients.split(", ")

    def lost(self) -> int | None:
        return None

    def test(self) -> str:
        mail.send("Audit log: test message", f"A test message to the sink {self._sink.name}.\n", self._to())
        return "the mail server took it"

    def close(self) -> None:
        return


CHECKPOINT_MAIL = """\
This is a signed checkpoint of the audit log. Keep it: with it, 'temps audit verify' can tell later whether
any entry from before was changed, removed or inserted.

"""
