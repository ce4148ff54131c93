"""What a provider may be told: checked here, for console, API and command line alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TypedDict
from urllib.parse import urlsplit

from django.conf import settings

from accounts.providers.models import PUBLIC_SERVERS, IdentityProvider, Kind
from temps.lib.errors import Invalid
from temps.lib.outgoing import is_forbidden
from temps.lib.webhooks import Target

WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
"""RFC 6749 section 3.3."""
DOMAIN = re.compile(r"(?=.{1,253}\Z)((?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{2,63}(?<!-)\Z")
VISIBLE = re.compile(r"[\x21-\x7e]+")
"""RFC 6749 appendix A has blanks in client ids and secrets too; no provider does, and they come from copying."""
MANY = 50


class Given(TypedDict, total=False):
    """What people say about a provider besides its short name, kind and server."""

    name: str
    client_id: str
    client_secret: str
    scopes: list[str]
    create_accounts: bool
    domains: list[str]
    groups_claim: str


def apply(provider: IdentityProvider, given: Given) -> None:
    """Put what was ``given`` on the row, checked; what is left out stays. The client secret is not among it.

    Raises :class:`Invalid`, naming the field.
    """
    provider.name = _name(given.get("name", provider.name) or Kind(provider.kind).label)
    provider.client_id = _visible(given.get("client_id", provider.client_id), "client_id", 200)
    provider.scopes = _scopes(given.get("scopes", provider.scopes))
    provider.domains = _domains(given.get("domains", provider.domains))
    provider.create_accounts = given.get("create_accounts", provider.create_accounts)
    provider.groups_claim = _claim(given.get("groups_claim", provider.groups_claim), Kind(provider.kind))
    if provider.create_accounts and not provider.domains:
        raise Invalid("say of which mail domains: else anybody with an account there gets one here", field="domains")


def checked_secret(secret: str) -> str:
    """``secret`` if it can be a client secret. Raises :class:`Invalid`."""
    return _visible(secret, "client_secret", 500)


def checked_server(url: str, kind: Kind) -> str:
    """The address of the server, by default that of the public service. Raises :class:`Invalid`.

    Addresses of a private network are fine, since that is where a team's own GitLab or Keycloak stands; what clouds
    answer with credentials on is not. Plain HTTP is for this very machine, and not in production.
    """
    url = url.strip() or PUBLIC_SERVERS.get(kind, "")
    url = url.removesuffix(WELL_KNOWN)
    if not url:
        raise Invalid("an OpenID Connect provider needs its address, the issuer", field="server_url")
    if len(url) > 300:
        raise Invalid("the address of a server has at most 300 characters", field="server_url")
    target = check_address(url)
    if "?" in target.path:
        raise Invalid("the address of a server has no query", field="server_url")
    return url if kind is Kind.OIDC else url.rstrip("/")


def check_address(url: str) -> Target:
    """Raises :class:`Invalid` for an address that nothing of a sign-in may be sent to."""
    if _is_plain_elsewhere(url):
        whose = "not for production" if settings.PRODUCTION else "for localhost alone"
        raise Invalid(f"plain http is {whose}; use https", field="server_url")
    target = Target.parse(url, field="server_url")
    if _is_address(target.host) and is_forbidden(target.host):
        raise Invalid("nothing is sent to this address", field="server_url")
    return target


def _is_plain_elsewhere(url: str) -> bool:
    """Whether this is plain HTTP, and not to this very machine."""
    try:
        parts = urlsplit(url.strip())
        return parts.scheme == "http" and (settings.PRODUCTION or not _is_loopback(parts.hostname or ""))
    except ValueError:
        return False  # what is wrong with it, Target.parse says


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise Invalid("a name has 1 to 60 printable characters: people read it on the button", field="name")
    return name


def _visible(text: str, field: str, longest: int) -> str:
    text = text.strip()
    if not VISIBLE.fullmatch(text) or len(text) > longest:
        raise Invalid(f"this has 1 to {longest} characters, without blanks, as the provider gave it", field=field)
    return text


def _scopes(scopes: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(scopes))
    if len(found) > MANY or not all(SCOPE.fullmatch(scope) for scope in found):
        raise Invalid(f"scopes are at most {MANY} words, such as groups", field="scopes")
    return found


def _domains(domains: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(domain.strip().lower().removeprefix("@") for domain in domains))
    if len(found) > MANY or not all(DOMAIN.match(domain) for domain in found):
        raise Invalid(f"mail domains are at most {MANY} names such as example.com", field="domains")
    return found


def _claim(claim: str, kind: Kind) -> str:
    claim = claim.strip()
    if claim and kind is Kind.GITHUB:
        raise Invalid("GitHub has no groups to go by", field="groups_claim")
    if len(claim) > 100 or not claim.isprintable():
        raise Invalid("the name of a claim has at most 100 characters, such as groups", field="groups_claim")
    return claim
