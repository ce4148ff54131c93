"""What an OpenID provider says about itself (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.core.cache import cache

from accounts.providers.fetching import get_json
from accounts.providers.models import IdentityProvider
from accounts.providers.proof import Reason, Refused, mapping
from accounts.providers.settings import WELL_KNOWN, check_address
from temps.lib.errors import Invalid

KEPT_FOR = 300
"""Seconds. Its keys are fetched anew at every sign-in."""


@dataclass(frozen=True, slots=True)
class Discovered:
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    basic_auth: bool
    """Whether the client secret has to go into the Authorization header."""
    names_itself: bool
    """Whether its answers carry ``iss`` (RFC 9207)."""


def discovered(provider: IdentityProvider) -> Discovered:
    """The endpoints of ``provider``. Raises :class:`Refused` and :class:`requests.RequestException`."""
    key = f"identity-provider-{provider.public_id}"
    known = cache.get(key)
    if known is None:
        known = asdict(_read(provider, mapping(get_json(provider.server_url.rstrip("/") + WELL_KNOWN))))
        cache.set(key, known, KEPT_FOR)
    return Discovered(**known)


def _read(provider: IdentityProvider, said: Mapping[str, Any]) -> Discovered:
    issuer = said.get("issuer")
    # Section 4.3: it is who we asked for. A slash at the end is forgiven, as people leave it out when they copy.
    if not isinstance(issuer, str) or issuer.rstrip("/") != provider.server_url.rstrip("/"):
        raise Refused(Reason.UNAVAILABLE, "the provider says that it is another issuer")
    methods = said.get("token_endpoint_auth_methods_supported")
    methods = methods if isinstance(methods, list) else ["client_secret_post"]
    return Discovered(
        issuer=issuer,
        authorization_endpoint=_address(said, "authorization_endpoint"),
        token_endpoint=_address(said, "token_endpoint"),
        jwks_uri=_address(said, "jwks_uri"),
        userinfo_endpoint=_address(said, "userinfo_endpoint") if "userinfo_endpoint" in said else "",
        basic_auth="client_secret_post" not in methods and "client_secret_basic" in methods,
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(said: Mapping[str, Any], name: str) -> str:
    url = said.get(name)
    try:
        check_address(url if isinstance(url, str) else "")
    except Invalid:
        raise Refused(Reason.UNAVAILABLE, f"the provider names no usable {name}") from None
    return str(url)
