"""GitLab, the public one and one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.providers import proof
from accounts.providers.fetching import get_json
from accounts.providers.proof import Proven, Reason, Refused
from accounts.providers.protocol import Protocol, access_token_of


class GitLab(Protocol):
    @property
    def scopes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Groups are told by the OpenID side of GitLab alone."""
        return ("read_user", "openid") if self.row.groups_claim else ("read_user",)

    @property
    def access_token_url(self) -> str:  # type: ignore[override]
        return f"{self.server}/oauth/token"

    @property
    def authorize_url(self) -> str:  # type: ignore[override]
        return f"{self.server}/oauth/authorize"

    def prove(self, answer: Mapping[str, Any], nonce: str) -> Proven:
        token = access_token_of(answer)
        user = proof.mapping(get_json(f"{self.server}/api/v4/user", token=token))
        found = proof.subject(user.get("id"))
        return Proven(
            subject=found,
            email=proof.email(user.get("email")),
            email_verified=bool(user.get("confirmed_at")),
            name=proof.name(user.get("name")) or proof.name(user.get("username")),
            groups=self._groups(token, found),
        )

    def _groups(self, token: str, found: str) -> tuple[str, ...]:
        if not self.row.groups_claim:
            return ()
        said = proof.mapping(get_json(f"{self.server}/oauth/userinfo", token=token))
        if proof.subject(said.get("sub")) != found:
            raise Refused(Reason.UNPROVEN, "the groups are of somebody else")
        return proof.groups(said.get(self.row.groups_claim))
