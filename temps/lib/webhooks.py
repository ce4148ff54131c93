"""Posting signed messages to addresses that people configured, without letting those addresses turn against us.

Signed as Standard Webhooks has it (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,BASE64`` with HMAC-SHA256 over ``ID.TIMESTAMP.BODY``, so that receivers can use its libraries.
The id stays the same when a message is sent again; receivers tell repetitions by it.

A team's own network is a fair target: that is where its log system stands. The link-local addresses, where clouds keep
the credentials of a machine, are not, and neither is a redirect. The name is resolved once and the connection goes to
the address that was judged, so that a second answer of the name server changes nothing.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from temps.lib.errors import Invalid, Unavailable

TIMEOUT = 10.0
"""Seconds that connecting, and each reading or writing, may take."""
ANSWER_LIMIT = 4096
"""Bytes read of an answer; nobody looks at more than its status."""
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
        try:
            parts = urlsplit(url.strip())
            host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
        except ValueError:
            raise Invalid("this is not a web address", field=field) from None
        if parts.scheme not in ("http", "https") or not host:
            raise Invalid("a web address begins with https://", field=field)
        if (
            parts.username is not None
            or parts.fragment
            or any(char.isspace() or ord(char) < 32 for char in url.strip())
        ):
            raise Invalid("a web address here has no user name, no fragment and no blanks", field=field)
        if parts.scheme == "http" and not _is_private(host):
            raise Invalid("plain http is for addresses of your own network; use https", field=field)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.isascii():
            raise Invalid("write the path of the address in its encoded form", field=field)
        return cls(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode("ascii")


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


def post(target: Target, body: bytes, *, message_id: str, secret: str = "", kind: str = "application/json") -> None:
    """Post ``body``, signed if there is a ``secret``. Raises :class:`Unavailable` unless the answer is a success."""
    headers = {"Content-Type": kind, "User-Agent": "Temps", "webhook-id": message_id}
    if secret:
        timestamp = int(time.time())
        headers["webhook-timestamp"] = str(timestamp)
        headers["webhook-signature"] = signature(secret, message_id, timestamp, body)
    connection = _Connection(target)
    try:
        connection.request("POST", target.path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read(ANSWER_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{target.host} cannot be reached ({_reason(error)})") from None
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise Unavailable(f"{target.host} answered with status {answer.status}")


class _Connection(http.client.HTTPConnection):
    """A connection to the address that was judged; the name stays in ``Host`` and in the check of the certificate."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=TIMEOUT)
        self._target = target

    def connect(self) -> None:
        self.sock = connect(self._target.host, self._target.port)
        if self._target.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._target.host)


def connect(host: str, port: int) -> socket.socket:
    """A TCP connection to ``host`` at the first of its addresses that answers and is no forbidden one."""
    refused: OSError = OSError("no address")
    for _family, _type, _protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if is_forbidden(str(address[0])):
            refused = PermissionError("an address that is not allowed")
            continue
        try:
            return socket.create_connection((str(address[0]), port), timeout=TIMEOUT)
        except OSError as error:
            refused = error
    raise refused


def is_forbidden(text: str) -> bool:
    """Link-local (RFC 3927, RFC 4291: also where clouds answer with credentials), multicast, unspecified."""
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_link_local or address.is_multicast or address.is_unspecified


def _is_private(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private and not is_forbidden(host)
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
