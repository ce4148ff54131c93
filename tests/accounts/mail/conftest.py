from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.certificates import made
from tests.lib.test_mail import Kept
from tests.peers import free_port

USER, PASSWORD = "temps", "a-password-of-the-mail-server"


@pytest.fixture(autouse=True)
def _the_backend(settings: Any, data_dir: Path) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "accounts.mail.backend.MailServerBackend", ""


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A real mail server that takes mail over STARTTLS, from whoever has a password."""
    root = made.authority()
    issued = made.server("localhost", issuer=root)
    chain, trusted = tmp_path / "server.pem", tmp_path / "root.pem"
    chain.write_text(issued.pem + issued.key_pem)
    trusted.write_text(root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    handler = Kept()
    server = Controller(
        handler,
        hostname="localhost",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=_authenticate,
        auth_required=True,
    )
    server.start()
    handler.port = server.port  # type: ignore[attr-defined]
    yield handler
    server.stop()


class Asked:
    """What an HTTP provider was asked, and what it answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.answer: Any = {"To": "x", "SubmittedAt": "2026-01-01", "MessageID": "1", "ErrorCode": 0, "Message": "OK"}
        self.location = ""
        self.url = ""


@pytest.fixture
def provider() -> Iterator[Asked]:
    """A server that speaks as HTTP providers do."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.requests.append((self.path, dict(self.headers), json.loads(body)))
            content = json.dumps(asked.answer).encode()
            self.send_response(asked.status)
            if asked.location:
                self.send_header("Location", asked.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Not into the output of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked.url = f"http://127.0.0.1:{server.server_port}/"
    yield asked
    server.shutdown()
    server.server_close()
