"""What signing in with GitHub, GitLab and OpenID Connect has in common: OAuth 2.0 with an authorization code (RFC 6749
section 4.1), PKCE (RFC 7636) and a state that one browser holds, as django-allauth implements them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.provider import OAuth2Provider
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter
from django.http import HttpRequest, HttpResponse

from accounts.providers.models import IdentityProvider
from accounts.providers.proof import Proven, Reason, Refused, mapping
from accounts.providers.services import redirect_uri


class Protocol(OAuth2Adapter, ABC):  # type: ignore[misc]
    """How one kind of provider is spoken to: where to, and what its answers prove."""

    scopes: tuple[str, ...]
    """What signing in needs."""
    access_token_url: str
    authorize_url: str

    def __init__(self, request: HttpRequest, provider: IdentityProvider) -> None:
        super().__init__(request)
        self.row = provider
        self.server = provider.server_url

    @abstractmethod
    def prove(self, answer: Mapping[str, Any], nonce: str) -> Proven:
        """Who it is, by what the token endpoint answered. Raises :class:`Refused`, and
        :class:`requests.RequestException` where the provider has to be asked further and does not answer."""

    def parameters(self, nonce: str) -> dict[str, str]:
        """What the request for authorization carries besides OAuth's own."""
        return {}

    def check_answer(self, given: Mapping[str, str]) -> None:
        """Look at what the browser brought back, before anything is asked for with it. Raises :class:`Refused`."""

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return redirect_uri(self.row, request)


class Flow(OAuth2Provider):  # type: ignore[misc]
    """One sign-in with one provider. The state belongs to the provider by its id: the answer of another finds none."""

    id = "temps"
    pkce_enabled_default = True

    def __init__(self, request: HttpRequest, *, app: SocialApp, protocol: Protocol) -> None:
        super().__init__(request, app=app)
        self.protocol = protocol
        self.name = app.name

    def get_oauth2_adapter(self, request: HttpRequest) -> Protocol:
        return self.protocol

    def begin(self, process: str, *, next_url: str = "", user: str = "") -> HttpResponse:
        """Send the browser to the provider. Nothing of the query of this request has a say in where, or for what."""
        nonce = token_urlsafe(32)
        return self.redirect(  # type: ignore[no-any-return]
            self.request,
            process,
            next_url=next_url,
            data={"user": user},
            nonce=nonce,
            auth_params=self.protocol.parameters(nonce),
        )

    def finish(self) -> tuple[dict[str, Any], Proven]:
        """The state that was kept, which is spent with this, and who came back.

        Raises :class:`Refused`, and what allauth does: ``PermissionDenied`` where there is no such state,
        ``OAuth2Error`` and :class:`requests.RequestException`.
        """
        given = self.request.GET
        state: dict[str, Any] = self.unstash_redirect_state(self.request, given.get("state", ""))
        self.protocol.check_answer(given)
        if "code" not in given or "error" in given:
            cancelled = given.get("error") == "access_denied"
            raise Refused(Reason.CANCELLED if cancelled else Reason.UNPROVEN, "the provider gave no code")
        client = self.protocol.get_client(self.request, self.app)
        answer = self.protocol.get_access_token_data(
            self.request, self.app, client, pkce_code_verifier=state["pkce_code_verifier"]
        )
        return state, self.protocol.prove(mapping(answer), state["nonce"])


def access_token_of(answer: Mapping[str, Any]) -> str:
    """Raises :class:`Refused` where there is none that could be sent on."""
    token = answer.get("access_token")
    if not isinstance(token, str) or not 0 < len(token) <= 16_384 or not (token.isascii() and token.isprintable()):
        raise Refused(Reason.UNPROVEN, "there is no access token")
    return token
