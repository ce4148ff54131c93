"""What each provider asks for, and the connection that sends through it.

Amazon SES is spoken to over its SMTP interface, the others over theirs by django-anymail. A connection never follows a
redirect: the key would go along.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from accounts.mail.models import MailServer, Provider, Security
from temps.lib.errors import Invalid

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
KEYWORDS: dict[str, str] = {
    Provider.BREVO: "api_key",
    Provider.MAILERSEND: "api_token",
    Provider.MAILGUN: "api_key",
    Provider.POSTMARK: "server_token",
    Provider.RESEND: "api_key",
    Provider.SPARKPOST: "api_key",
}
"""By which name django-anymail takes the key of a provider."""
FIELDS: dict[str, tuple[str, ...]] = {
    Provider.SMTP: ("host", "port", "security", "username"),
    Provider.AMAZON_SES: ("region", "username"),
    Provider.MAILGUN: ("domain", "region", "api_url"),
}
"""What a provider asks for besides the address of the sender and the secret; for the others ``api_url`` alone."""
EUROPE = {Provider.MAILGUN: "https://api.eu.mailgun.net/v3", Provider.SPARKPOST: "https://api.eu.sparkpost.com/api/v1"}
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,250}[A-Za-z0-9])?")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def fields_of(provider: str) -> tuple[str, ...]:
    return FIELDS.get(provider, ("api_url",))


def check(server: MailServer, *, has_secret: bool) -> None:
    """Raise :class:`Invalid` for what is missing, or would send a secret in the clear."""
    if server.provider == Provider.SMTP:
        _check_smtp(server, has_secret=has_secret)
        return
    if not has_secret:
        text = f"{server.get_provider_display()} needs its secret: the key or password that it gave you"
        raise Invalid(text, field="secret")
    if server.provider == Provider.AMAZON_SES:
        if not server.username:
            raise Invalid("Amazon SES needs the user name of your SMTP credentials", field="username")
        if not server.region or not server.region.replace("-", "").isalnum():
            raise Invalid("name the region of Amazon SES, such as eu-central-1", field="region")
    if server.provider == Provider.MAILGUN and server.region not in ("", "us", "eu"):
        raise Invalid("the regions of Mailgun are us and eu", field="region")
    _check_name(server.domain, "domain")
    _check_url(server.api_url)


def connection_of(server: MailServer, secret: str) -> BaseEmailBackend:
    """A connection that is not open yet."""
    if server.provider in (Provider.SMTP, Provider.AMAZON_SES):
        return _smtp(server, secret)
    options: dict[str, Any] = {KEYWORDS[server.provider]: secret}
    url = server.api_url or (EUROPE.get(Provider(server.provider), "") if server.region == "eu" else "")
    if url:
        options["api_url"] = url
    if server.domain:
        options["sender_domain"] = server.domain
    connection = get_connection(f"anymail.backends.{server.provider}.EmailBackend", **options)
    connection.open()
    session: Any = connection.session  # type: ignore[attr-defined]  # of requests, as all of these have it
    session.max_redirects = 0
    return connection


def _smtp(server: MailServer, secret: str) -> BaseEmailBackend:
    ses = server.provider == Provider.AMAZON_SES
    security = Security.STARTTLS if ses else server.security
    return get_connection(
        SMTP_BACKEND,
        host=f"email-smtp.{server.region}.amazonaws.com" if ses else server.host,
        port=587 if ses else server.port,
        username=server.username,
        password=secret,
        use_tls=security == Security.STARTTLS,
        use_ssl=security == Security.TLS,
        timeout=settings.EMAIL_TIMEOUT,
    )


def _check_smtp(server: MailServer, *, has_secret: bool) -> None:
    if not server.host:
        raise Invalid("an SMTP server has a host name", field="host")
    if server.host not in LOOPBACK:
        _check_name(server.host, "host")
    if not 1 <= server.port <= 65535:
        raise Invalid("a port is a number from 1 to 65535", field="port")
    if bool(server.username) is not has_secret:
        missing = "secret" if server.username else "username"
        raise Invalid("give user name and password together, or neither", field=missing)
    if has_secret and server.security == Security.NONE and server.host not in LOOPBACK:
        raise Invalid("a password is sent over TLS alone", field="security")


def _check_name(name: str, field: str) -> None:
    if not name or HOST_NAME.fullmatch(name):
        return
    try:
        ip_address(name)
    except ValueError:
        raise Invalid(f"this is no {'host name' if field == 'host' else 'domain'}", field=field) from None


def _check_url(url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    secure = host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))
    if not secure or parts.username is not None or parts.query or parts.fragment or not url.isprintable():
        raise Invalid("the API address begins with https:// and holds no user name and no query", field="api_url")
