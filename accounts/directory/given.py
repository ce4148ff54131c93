"""What a directory may be told about itself: checked here, for console, API and command line alike."""

from __future__ import annotations

import re
import ssl
from ipaddress import ip_address
from typing import Any, TypedDict
from urllib.parse import urlsplit

from accounts.directory.models import Directory, GroupType, Security
from accounts.group_roles.names import canonical_dn
from temps.lib.errors import Invalid
from temps.lib.outgoing import is_forbidden, tls_context

SERVERS = 5
CA_BUNDLE_LIMIT = 100_000
"""Characters of PEM: some forty certificates."""
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}")
PLACEHOLDER = re.compile(r"%\((?:user|local)\)s")
SCHEMES = {Security.TLS: "ldaps", Security.STARTTLS: "ldap", Security.NONE: "ldap"}


class Given(TypedDict, total=False):
    """What people say about a directory besides its name and its password."""

    uris: str
    security: str
    ca_bundle: str
    bind_dn: str
    timeout: int
    user_base: str
    user_filter: str
    id_attribute: str
    mail_attribute: str
    name_attribute: str
    create_accounts: bool
    group_type: str
    group_base: str
    group_filter: str
    member_attribute: str
    required_group: str
    enabled: bool


def apply(directory: Directory, given: Given) -> None:
    """Put what was ``given`` on the row, checked; what is left out stays. Raises :class:`Invalid`, naming the field."""
    for name, value in given.items():
        setattr(directory, name, value.strip() if isinstance(value, str) else value)
    _one_of(Security, directory.security, "security")
    _one_of(GroupType, directory.group_type, "group_type")
    directory.uris = _uris(directory.uris, Security(directory.security))
    directory.ca_bundle = _ca_bundle(directory.ca_bundle)
    if directory.ca_bundle and directory.security == Security.NONE:
        raise Invalid("a CA bundle is for TLS", field="ca_bundle")
    if not 1 <= directory.timeout <= 30:
        raise Invalid("a server has between 1 and 30 seconds to answer", field="timeout")
    for name in ("id_attribute", "mail_attribute", "name_attribute", "member_attribute"):
        if not ATTRIBUTE.fullmatch(getattr(directory, name)):
            raise Invalid("an attribute has letters, digits and hyphens, such as entryUUID", field=name)
    _names(directory)
    _filter(directory.user_filter, "user_filter", placeholder=True)
    _filter(directory.group_filter, "group_filter", placeholder=False)


def _one_of(choices: Any, value: str, field: str) -> None:
    if value not in choices.values:
        raise Invalid(f"this is one of {', '.join(choices.values)}", field=field)


def _uris(text: str, security: Security) -> str:
    uris = text.split()
    if not 1 <= len(uris) <= SERVERS:
        raise Invalid(f"a directory has between 1 and {SERVERS} servers", field="uris")
    return "\n".join(_uri(uri, security) for uri in uris)


def _uri(uri: str, security: Security) -> str:
    scheme = SCHEMES[security]
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or port == 0 or len(uri) > 300 or not uri.isascii() or not uri.isprintable():
        raise Invalid("a server is ldaps://HOST or ldaps://HOST:PORT", field="uris")
    if parts.scheme != scheme:
        raise Invalid(f"with this encryption the address of a server begins with {scheme}://", field="uris")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Invalid("the address of a server is a host and a port alone", field="uris")
    if security is Security.NONE and not _is_here(host):
        raise Invalid(
            "without encryption passwords would be read on the way: only localhost may be asked", field="uris"
        )
    if _forbidden(host):
        raise Invalid("nothing is sent to link-local, multicast or cloud metadata addresses", field="uris")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + (f":{port}" if port else "")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _forbidden(host: str) -> bool:
    try:
        return is_forbidden(host)
    except ValueError:
        return False  # a name: judged with every connection, by what it is then


def _ca_bundle(pem: str) -> str:
    if not pem:
        return ""
    if "PRIVATE KEY" in pem:
        raise Invalid("this holds a private key: a CA bundle holds certificates alone", field="ca_bundle")
    try:
        known = tls_context(pem).cert_store_stats()["x509"] if len(pem) <= CA_BUNDLE_LIMIT else 0
    except (ssl.SSLError, ValueError):
        known = 0
    if not known:
        raise Invalid("a CA bundle holds certificates in PEM form", field="ca_bundle")
    return pem.strip() + "\n"


def _names(directory: Directory) -> None:
    for field, needed in (("bind_dn", False), ("user_base", True), ("group_base", False), ("required_group", False)):
        value = getattr(directory, field)
        if len(value) > 500 or (value and canonical_dn(value) is None) or (needed and not value):
            raise Invalid("this is a distinguished name, such as ou=people,dc=example,dc=com", field=field)
    if directory.group_type != GroupType.MEMBER_OF and directory.required_group and not directory.group_base:
        raise Invalid("a required group needs the base under which groups are looked for", field="group_base")
    directory.required_group = (canonical_dn(directory.required_group) or "") if directory.required_group else ""


def _filter(text: str, field: str, *, placeholder: bool) -> None:
    """Refuse what is no filter (RFC 4515), as far as can be told without the server."""
    if placeholder and not PLACEHOLDER.search(text):
        raise Invalid(
            "the filter has %(user)s where the address goes, or %(local)s for what is before its @", field=field
        )
    plain = PLACEHOLDER.sub("x", text) if placeholder else text
    if len(text) > 500 or not plain.isprintable() or "%" in plain or not _is_filter(plain):
        raise Invalid("this is not a search filter, such as (&(objectClass=person)(mail=%(user)s))", field=field)


def _is_filter(text: str) -> bool:
    """Whether ``text`` is one filter in parentheses that match."""
    depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0 or (depth == 0 and position < len(text) - 1):
            return False
    items = re.findall(r"\(([^()]*)\)", text)
    return text.startswith("(") and depth == 0 and all(re.fullmatch(r"[A-Za-z0-9.;:-]+[~<>]?=.*", one) for one in items)
