"""What a sink may be told about where it leads: checked here, for console, API and command line alike."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from audit.masking import printable
from audit.sinks.models import Format, Kind, Sends, Sink, Transport
from temps.lib.errors import Invalid
from temps.lib.outgoing import is_forbidden, tls_context
from temps.lib.webhooks import Target

DAY = 86_400
LONGEST_PAUSE = 31 * DAY
RECIPIENTS = 20
CA_BUNDLE_LIMIT = 100_000
"""Characters of PEM: some forty certificates."""
PORTS = {Transport.TLS: 6514, Transport.TCP: 514}  # RFC 5425 section 4.1; what syslog servers listen on by custom
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)

FORMATS = {
    Kind.SYSLOG: (Format.JSON, Format.CEF, Format.OCSF),
    Kind.WEBHOOK: (Format.JSON, Format.OCSF),
    Kind.MAIL: (Format.JSON,),
}
COMMON = frozenset({"sends", "every", "format"})
FIELDS = {
    Kind.SYSLOG: COMMON | {"host", "port", "transport", "ca_bundle"},
    Kind.WEBHOOK: COMMON | {"url"},
    Kind.MAIL: COMMON | {"recipients"},
}
"""What belongs to which kind."""


class Given(TypedDict, total=False):
    """What people say about a sink besides its name and kind. ``recipients`` are separated by commas."""

    sends: str
    every: int
    format: str
    host: str
    port: int | None
    transport: str
    ca_bundle: str
    url: str
    recipients: str


def apply(sink: Sink, given: Given) -> str:
    """Put what was ``given`` on the row, checked; what is left out stays. The web address, if one was given.

    Raises :class:`Invalid`, naming the field.
    """
    kind = Kind(sink.kind)
    for name in given.keys() - FIELDS[kind]:
        if given.get(name):
            raise Invalid(f"a sink of the kind {kind} has no such setting", field=name)
    _what(sink, kind, given)
    url = ""
    if kind is Kind.SYSLOG:
        _syslog(sink, given)
    elif kind is Kind.MAIL:
        sink.recipients = _recipients(given.get("recipients", sink.recipients))
    elif given.get("url"):
        url = given["url"].strip()
        target = Target.parse(url)
        refuse_forbidden(target.host, "url")
        sink.shown_url = target.origin + ("/…" if target.path != "/" else "")
    return url


def _what(sink: Sink, kind: Kind, given: Given) -> None:
    before = sink.sends
    usual = Sends.CHECKPOINTS if kind is Kind.MAIL else sink.sends
    sink.sends = _one_of(Sends, given, "sends", usual)
    if kind is Kind.MAIL and sink.sends != Sends.CHECKPOINTS:
        raise Invalid("mail carries checkpoints only", field="sends")
    if sink.pk and sink.sends != before:
        raise Invalid("what a sink sends stays: make another sink", field="sends")
    sink.format = _one_of(Format, given, "format", sink.format)
    if sink.format not in FORMATS[kind]:
        raise Invalid(f"a {kind} sink sends {' or '.join(FORMATS[kind])}", field="format")
    sink.every = given.get("every", sink.every if sink.pk else DAY if kind is Kind.MAIL else 0)
    if not 0 <= sink.every <= LONGEST_PAUSE:
        raise Invalid("between two checkpoints lie at most 31 days", field="every")
    if sink.every and sink.sends == Sends.ENTRIES:
        raise Invalid("entries are sent as they come: a pause is for checkpoints", field="every")


def _one_of(choices: Any, given: Mapping[str, Any], field: str, usual: str) -> str:
    value = given.get(field) or usual
    if value not in choices.values:
        raise Invalid(f"{field} is one of {', '.join(choices.values)}, not '{printable(value[:60])}'", field=field)
    return str(value)


def _syslog(sink: Sink, given: Given) -> None:
    sink.transport = _one_of(Transport, given, "transport", sink.transport or Transport.TLS)
    sink.host = checked_host(given.get("host", sink.host))
    sink.port = given.get("port") or sink.port or PORTS[Transport(sink.transport)]
    if not 0 < sink.port < 65536:
        raise Invalid("a port is a number from 1 to 65535", field="port")
    sink.ca_bundle = _ca_bundle(given.get("ca_bundle", sink.ca_bundle))
    if sink.ca_bundle and sink.transport != Transport.TLS:
        raise Invalid("a CA bundle is for TLS", field="ca_bundle")


def checked_host(host: str) -> str:
    """An address, or a host name (RFC 1123) in its ASCII form. Raises :class:`Invalid`."""
    host = host.strip().rstrip(".")
    try:
        address = str(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        address = ""
    if address:
        refuse_forbidden(address, "host")
        return address
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise Invalid("this is neither a host name nor an address", field="host")
    return name


def refuse_forbidden(host: str, field: str) -> None:
    """Refuse an address where nothing may be sent. A name is judged with every connection, by what it is then."""
    try:
        forbidden = is_forbidden(host)
    except ValueError:
        return
    if forbidden:
        raise Invalid("nothing is sent to link-local, multicast or cloud metadata addresses", field=field)


def _ca_bundle(pem: str) -> str:
    pem = pem.strip()
    if not pem:
        return ""
    if "PRIVATE KEY" in pem:
        raise Invalid("this holds a private key: a CA bundle holds certificates alone", field="ca_bundle")
    try:
        known = tls_context(pem).cert_store_stats()["x509"] if len(pem) <= CA_BUNDLE_LIMIT else 0
    except (ssl.SSLError, ValueError):
        known = 0
    if not known:
        raise Invalid(
            f"a CA bundle holds certificates in PEM form, at most {CA_BUNDLE_LIMIT} characters", field="ca_bundle"
        )
    return pem + "\n"


def _recipients(text: str) -> str:
    addresses = [address.strip() for address in re.split(r"[,\n]", text) if address.strip()]
    if not 1 <= len(addresses) <= RECIPIENTS:
        raise Invalid(f"mail goes to between 1 and {RECIPIENTS} addresses", field="recipients")
    for address in addresses:
        try:
            validate_email(address)
            address.encode("ascii")
        except (ValidationError, UnicodeError):
            raise Invalid("one of these is not a mail address", field="recipients") from None
    return ", ".join(dict.fromkeys(addresses))
