"""A private rsyslogd: a syslog server that others wrote, which writes down what it understood as JSON."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import peers

PROPERTIES = ("pri", "protocol-version", "app-name", "procid", "msgid", "structured-data", "msg", "syslogseverity-text")


@dataclass
class Rsyslog:
    port: int
    home: Path

    def received(self) -> list[dict[str, Any]]:
        """What it understood, in the order of arrival."""
        file = self.home / "received"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text("utf-8-sig").splitlines() if line.endswith("}")]


def _config(server: Rsyslog, tls: bool) -> str:
    properties = " ".join(
        f'property(outname="{name}" name="{name}" format="jsonf") constant(value=",")' for name in PROPERTIES
    )
    stream = ""
    if tls:
        files = f'defaultNetstreamDriverCAFile="{server.home}/ca.pem" '
        files += f'defaultNetstreamDriverCertFile="{server.home}/server.pem" '
        files += f'defaultNetstreamDriverKeyFile="{server.home}/server.key"'
        stream = 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'
    else:
        files = ""
    return f"""
global(workDirectory="{server.home}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off" {files})
module(load="imtcp" {stream})
input(type="imtcp" port="{server.port}" address="127.0.0.1")
template(name="parsed" type="list") {{
  constant(value="{{") {properties} property(outname="hostname" name="hostname" format="jsonf") constant(value="}}\\n")
}}
action(type="omfile" file="{server.home}/received" template="parsed" asyncWriting="off" flushOnTXEnd="on")
"""


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """A directory that survives a restart of the server."""
    with tempfile.TemporaryDirectory(prefix="temps-rsyslog-") as directory:
        yield Path(directory)


@contextlib.contextmanager
def running(directory: Path, port: int, *, tls: bool = False) -> Iterator[Rsyslog]:
    """rsyslogd on ``port``; with ``tls`` it shows ``server.pem`` of the directory."""
    program = peers.find("rsyslogd", "rsyslog rsyslog-openssl")
    server = Rsyslog(port, directory)
    config = directory / "rsyslog.conf"
    config.write_text(_config(server, tls))
    command = [program, "-n", "-f", str(config), "-i", str(directory / "pid")]
    with peers.running(command, log=directory / "log"):
        peers.wait_for(lambda: peers.accepts(port), "rsyslogd answering")
        yield server
