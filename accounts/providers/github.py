"""GitHub, and GitHub Enterprise Server. It speaks OAuth alone, so it is asked who the token is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.providers import proof
from accounts.providers.fetching import get_json
from accounts.providers.models import PUBLIC_SERVERS, Kind
from accounts.providers.proof import Proven
from accounts.providers.protocol import Protocol, access_token_of


class GitHub(Protocol):
    scopes = ("read:user", "user:email")

    @property
    def access_token_url(self) -> str:  # type: ignore[override]
        return f"{self.server}/login/oauth/access_token"

    @property
    def authorize_url(self) -> str:  # type: ignore[override]
        return f"{self.server}/login/oauth/authorize"

    @property
    def api(self) -> str:
        return "https://api.github.com" if self.server == PUBLIC_SERVERS[Kind.GITHUB] else f"{self.server}/api/v3"

    def prove(self, answer: Mapping[str, Any], nonce: str) -> Proven:
        token = access_token_of(answer)
        user = proof.mapping(get_json(f"{self.api}/user", token=token))
        address = _primary(get_json(f"{self.api}/user/emails", token=token, missing_is_none=True))
        return Proven(
            subject=proof.subject(user.get("id")),
            email=address,
            email_verified=bool(address),
            name=proof.name(user.get("name")) or proof.name(user.get("login")),
        )


def _primary(listed: Any) -> str:
    """The primary address if it is verified. The one on the profile is whatever its owner wrote there."""
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("primary") is True and one.get("verified") is True:
            return proof.email(one.get("email"))
    return ""
