"""A server that speaks as GitHub, GitLab or an OpenID provider does, and lies where a test has it lie.

GitHub and GitLab cannot be had here. OpenID Connect is also tested against a provider that others wrote (``peer.py``);
this one forges what that would never say.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from temps.lib import clock

CLIENT, SECRET = "temps-client", "s3cret-of-the-client"


@cache
def rsa_key(name: str = "first") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


Reply = Any
"""JSON; bytes as they are; ``(status, headers)``; or what a function of the request returns."""


@dataclass
class Elsewhere:
    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    nonce: str = ""
    """Of the sign-in that is under way; :func:`tests.accounts.providers.flow.begin` sets it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked_for(self, path: str) -> Asked:
        """The last request for ``path``."""
        return [one for one in self.asked if one.path == path][-1]

    def speaks_openid(self) -> Elsewhere:
        self.replies |= {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            },
            "/jwks": {"keys": [jwk(rsa_key(), "1")]},
        }
        return self.proves("subject-1")

    def proves(self, subject: str, **claims: Any) -> Elsewhere:
        """Answer the next codes with a token for ``subject`` as it should be, but for what ``claims`` replace (None
        leaves a claim out)."""
        self.replies["/token"] = lambda _asked: {
            "access_token": "access-1",
            "token_type": "Bearer",
            "refresh_token": "refresh-1",
            "expires_in": 300,
            "id_token": self.token(subject, **claims),
        }
        return self

    def token(self, subject: str, **claims: Any) -> str:
        return jwt.encode(self.claims(subject, **claims), rsa_key(), algorithm="RS256", headers={"kid": "1"})

    def claims(self, subject: str, **claims: Any) -> dict[str, Any]:
        now = int(clock.now().timestamp())
        usual = {"iss": self.url, "sub": subject, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonce}
        usual |= {"email": f"{subject}@corp.example", "email_verified": True, "name": "Some One"}
        return {name: value for name, value in (usual | claims).items() if value is not None}

    def answers_token(self, make: Callable[[], Any]) -> None:
        """Answer the next codes with the ID token that ``make`` makes."""
        self.replies["/token"] = lambda _asked: {"access_token": "access-1", "id_token": make()}

    def speaks_github(self, **user: Any) -> Elsewhere:
        address = {"email": "dev@corp.example", "primary": True, "verified": True}
        self.replies |= {
            "/login/oauth/access_token": {"access_token": "gho_1", "token_type": "bearer", "scope": "user:email"},
            "/api/v3/user": {"id": 583231, "login": "dev", "name": "Dev", "email": "shown@evil.example"} | user,
            "/api/v3/user/emails": [{"email": "other@corp.example", "primary": False, "verified": True}, address],
        }
        return self

    def speaks_gitlab(self, **user: Any) -> Elsewhere:
        about = {"id": 42, "username": "dev", "name": "Dev", "email": "dev@corp.example"}
        self.replies |= {
            "/oauth/token": {"access_token": "glpat_1", "token_type": "Bearer"},
            "/api/v4/user": about | {"confirmed_at": "2024-01-01T00:00:00Z"} | user,
            "/oauth/userinfo": {"sub": "42", "groups": ["corp/platform", "corp"]},
        }
        return self


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    there = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._serve({name: values[0] for name, values in parse_qs(body).items()})

        def _serve(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked = Asked(self.command, parts.path, query, {k.lower(): v for k, v in self.headers.items()}, form)
            there.asked.append(asked)
            reply = there.replies.get(parts.path, (404, {}))
            self._answer(reply(asked) if callable(reply) else reply)

        def _answer(self, reply: Reply) -> None:
            status, headers = reply if isinstance(reply, tuple) else (200, {"Content-Type": "application/json"})
            body = (
                reply if isinstance(reply, bytes) else b"" if isinstance(reply, tuple) else json.dumps(reply).encode()
            )
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        there.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join()
