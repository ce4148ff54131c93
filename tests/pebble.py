"""Pebble, the ACME issuer of Let's Encrypt for tests, with the name server that it asks. Real programs, as in peers."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import peers
from tests.certificates import made

EAB_KID = "kid-1"
EAB_HMAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@dataclass(frozen=True)
class Pebble:
    directory_url: str
    ca_bundle: str
    """The root to trust for Pebble's own server."""
    management: str

    def point(self, name: str, address: str) -> None:
        """Let ``name`` resolve to ``address``; every other name is 127.0.0.1."""
        self._tell("clear-a", {"host": name + "."})
        self._tell("add-a", {"host": name + ".", "addresses": [address]})

    def _tell(self, what: str, message: dict[str, object]) -> None:
        body = json.dumps(message).encode()
        urllib.request.urlopen(f"{self.management}/{what}", data=body, timeout=10).close()  # noqa: S310


@contextlib.contextmanager
def pebble(http_port: int, *, refuse_nonces: int = 0, external_account: bool = False) -> Iterator[Pebble]:
    """A private Pebble that checks names on ``http_port`` and refuses that percentage of nonces."""
    program = peers.find("pebble", "pebble")
    resolver = peers.find("pebble-challtestsrv", "pebble-challtestsrv")
    acme_port, dns_port, management_port = peers.free_port(), peers.free_port(), peers.free_port()
    with tempfile.TemporaryDirectory(prefix="temps-pebble-") as name, contextlib.ExitStack() as stack:
        home = Path(name)
        root = made.authority("Pebble's own root")
        server = made.server("localhost", issuer=root)
        (home / "root.pem").write_text(root.pem)
        (home / "server.pem").write_text(server.pem)
        (home / "server.key").write_text(server.key_pem)
        settings = {
            "listenAddress": f"127.0.0.1:{acme_port}",
            "managementListenAddress": "",
            "certificate": str(home / "server.pem"),
            "privateKey": str(home / "server.key"),
            "httpPort": http_port,
            "tlsPort": 5001,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": external_account,
            "externalAccountMACKeys": {EAB_KID: EAB_HMAC_KEY},
        }
        (home / "config.json").write_text(json.dumps({"pebble": settings}))
        answers = [resolver, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{dns_port}"]
        answers += ["-management", f"127.0.0.1:{management_port}", "-http01", "", "-https01", "", "-tlsalpn01", ""]
        stack.enter_context(peers.running(answers, log=home / "dns.log"))
        environment = os.environ | {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": str(refuse_nonces),
            "PEBBLE_AUTHZREUSE": "0",
        }
        command = [program, "-config", str(home / "config.json"), "-dnsserver", f"127.0.0.1:{dns_port}"]
        stack.enter_context(peers.running(command, log=home / "pebble.log", env=environment))
        peers.wait_for(lambda: peers.accepts(acme_port) and peers.accepts(management_port), "Pebble answering")
        yield Pebble(
            f"https://localhost:{acme_port}/dir", str(home / "root.pem"), f"http://127.0.0.1:{management_port}"
        )
