"""For which site a passkey is made and asked for: the host of the request, which Django holds to ``ALLOWED_HOSTS``.

Browsers give passkeys to secure pages of named hosts alone (W3C Web Authentication Level 2, sections 5.1.3 and 5.1.4),
so a site on bare http, or at an IP address, is told why it cannot have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from django.http import HttpRequest
from django.http.request import split_domain_port

from temps.lib.errors import Invalid

NAME = "Temps"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    id: str
    """The host name: what a passkey is bound to."""
    origin: str
    """Scheme, host and port: where the browser must say that it is."""


def relying_party(request: HttpRequest) -> RelyingParty:
    """The site as the visitor's browser sees it. Raises :class:`Invalid` where browsers have no passkeys."""
    host = request.get_host().lower()
    name = split_domain_port(host)[0]
    if _is_address(name):
        raise Invalid("Passkeys belong to a host name: open Temps by its name instead of its IP address.")
    if not request.is_secure() and name != "localhost" and not name.endswith(".localhost"):
        raise Invalid("Passkeys need https: open Temps by its https address.")
    return RelyingParty(name, f"{request.scheme}://{host}")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
