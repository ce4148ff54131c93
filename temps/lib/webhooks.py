"""Posting signed messages to addresses that people configured, without letting those addresses turn against us.

Signed as Standard Webhooks has it (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,BASE64`` with HMAC-SHA256 over ``ID.TIMESTAMP.BODY``, so that receivers can use its libraries.
The id stays the same when a message is sent again; receivers tell repetitions by it.

Where the connection may lead, ``temps.lib.outgoing`` says; a redirect leads nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import http.client
import secrets
import time
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from temps.lib.errors import Invalid, Unavailable
from temps.lib.outgoing import TIMEOUT, Watch, connect, in_tls, is_forbidden, reason, tls_context

EXCHANGE = 20.0
"""Seconds for sending a message and reading the answer, once connected."""
DEFAULT_PORTS = {"http": 80, "https": 443}
URL_LIMIT = 2000
SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix that Standard Webhooks gives to secrets


@dataclass(frozen=True, slots=True)
class Target:
    """A validated address."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str, *, field: str = "url") -> Target:
        """Raises :class:`Invalid`. Plain HTTP is accepted for addresses of a private network alone."""
        url = url.strip()
        if len(url) > URL_LIMIT or any(char.isspace() or not char.isprintable() for char in url):
            raise Invalid(f"a web address has no blanks and at most {URL_LIMIT} characters", field=field)
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
        except ValueError:
            raise Invalid("this is not a web address", field=field) from None
        if parts.scheme not in DEFAULT_PORTS or not host or port == 0:
            raise Invalid("a web address begins with https:// and a host", field=field)
        if parts.username is not None or parts.fragment:
            raise Invalid("a web address here has no user name and no fragment", field=field)
        if parts.scheme == "http" and not _is_private(host):
            raise Invalid("plain http is for addresses of your own network; use https", field=field)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.isascii():
            raise Invalid("write the path of the address in its encoded form", field=field)
        return cls(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], path)

    @property
    def origin(self) -> str:
        """Scheme, host and port alone: path and query may hold a token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode("ascii")


def checked_secret(secret: str, *, field: str = "secret") -> str:
    """``secret`` if it is one of Standard Webhooks: 24 to 64 bytes, in base64. Raises :class:`Invalid`."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise Invalid(f"a signing secret is {SECRET_PREFIX} and then 24 to 64 bytes in base64", field=field)
    return secret


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


def post(target: Target, body: bytes, *, message_id: str, secret: str = "", kind: str = "application/json") -> int:
    """Post ``body``, signed if there is a ``secret``; the status of the answer, which is a success (2xx).

    Raises :class:`Unavailable` when there is no answer or another one.
    """
    headers = {"Content-Type": kind, "User-Agent": "Temps", "webhook-id": message_id}
    if secret:
        timestamp = int(time.time())
        headers["webhook-timestamp"] = str(timestamp)
        headers["webhook-signature"] = signature(secret, message_id, timestamp, body)
    connection = Connection(target)
    try:
        connection.connect()
        with Watch(connection.sock, EXCHANGE):
            connection.request("POST", target.path, body=body, headers=headers)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{target.host} cannot be reached ({reason(error)})") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise Unavailable(f"{target.host} answered with status {status}")
    return status


class Connection(http.client.HTTPConnection):
    """A connection to the address that was judged; the name stays in ``Host`` and in the check of the certificate."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=TIMEOUT)
        self._target = target
        self.default_port = DEFAULT_PORTS[target.scheme]  # HTTPConnection leaves it out of Host

    def connect(self) -> None:
        self.sock = connect(self._target.host, self._target.port)
        if self._target.scheme == "https":
            self.sock = in_tls(self.sock, self._target.host, tls_context())


def _is_private(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private and not is_forbidden(host)
    except ValueError:
        return False
