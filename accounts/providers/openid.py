"""OpenID Connect: any provider that describes itself (Keycloak, Authentik, Entra ID, Okta, Google, …)."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from accounts.providers import id_token, proof
from accounts.providers.discovery import Discovered, discovered
from accounts.providers.fetching import get_json
from accounts.providers.proof import Proven, Reason, Refused
from accounts.providers.protocol import Protocol, access_token_of


class OpenId(Protocol):
    scopes = ("openid", "profile", "email")

    @property
    def described(self) -> Discovered:
        return discovered(self.row)

    @property
    def access_token_url(self) -> str:  # type: ignore[override]
        return self.described.token_endpoint

    @property
    def authorize_url(self) -> str:  # type: ignore[override]
        return self.described.authorization_endpoint

    @property
    def basic_auth(self) -> bool:
        return self.described.basic_auth

    def parameters(self, nonce: str) -> dict[str, str]:
        return {"nonce": nonce}

    def check_answer(self, given: Mapping[str, str]) -> None:
        """Whose answer it is, where the provider says so (RFC 9207): against a mix-up of two providers."""
        issuer = given.get("iss", "")
        if not issuer and not self.described.names_itself:
            return
        if not compare_digest(issuer.encode(), self.described.issuer.encode()):
            raise Refused(Reason.UNPROVEN, "the answer is of another issuer")

    def prove(self, answer: Mapping[str, Any], nonce: str) -> Proven:
        token = access_token_of(answer)
        claims = id_token.validated(
            answer.get("id_token"),
            keys=get_json(self.described.jwks_uri),
            issuer=self.described.issuer,
            client_id=self.row.client_id,
            nonce=nonce,
            access_token=token,
        )
        found, claim = proof.subject(claims.get("sub")), self.row.groups_claim
        further = self._userinfo(token, found) if "email" not in claims or (claim and claim not in claims) else {}
        # Address and verdict from the same place: one that is not verified must not borrow the verdict on another.
        about = claims if "email" in claims else further
        return Proven(
            subject=found,
            email=proof.email(about.get("email")),
            email_verified=about.get("email_verified") is True,
            name=proof.name(claims.get("name")) or proof.name(further.get("name")),
            groups=proof.groups(claims.get(claim, further.get(claim))) if claim else (),
        )

    def _userinfo(self, token: str, found: str) -> Mapping[str, Any]:
        """What the UserInfo endpoint says, if it speaks of the same subject (Core section 5.3.2)."""
        if not self.described.userinfo_endpoint:
            return {}
        said = proof.mapping(get_json(self.described.userinfo_endpoint, token=token))
        if said.get("sub") != found:
            raise Refused(Reason.UNPROVEN, "the UserInfo endpoint speaks of somebody else")
        return said
