"""A web server that receives webhooks and does with them what a test says."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """As https://www.standardwebhooks.com describes it, worked out here once more."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()
        return hmac.compare_digest(expected, self.headers["webhook-signature"])


Behaviour = Callable[["Receiver", BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    port: int = 0
    got: list[Received] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)
    """What is done with the next requests, one each; after them all is well."""
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=in-the-query"

    @property
    def positions(self) -> list[int]:
        return [one["position"] for got in self.got for one in got.json.get("entries", [])]


def answers(status: int, **headers: str) -> Behaviour:
    def behave(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return behave


def hangs(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
    """Take the request and answer nothing until released."""
    receiver.released.wait(60)
    handler.close_connection = True


def drips(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
    """Answer for ever, a little at a time."""
    with contextlib.suppress(OSError):
        while not receiver.released.wait(0.05):
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def breaks_off(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 20")
    handler.close_connection = True


@contextlib.contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            behave = receiver.behaviours.pop(0) if receiver.behaviours else answers(204)
            if behave not in (hangs, drips):
                receiver.got.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            receiver.asked.set()
            behave(receiver, self)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()
            thread.join()
