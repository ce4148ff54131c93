"""Signing in elsewhere, as a browser does it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.models import User
from accounts.providers.models import IdentityProvider
from tests.accounts.events import entries
from tests.accounts.providers.elsewhere import Elsewhere

HERE = "/accounts/providers"
LINKED = "/accounts/linked/"
ME = "/api/v1/users/me/"


def begin(client: Client, slug: str = "corp", there: Elsewhere | None = None, **form: str) -> dict[str, str]:
    """Press the button; what the address of the provider that one is sent to carries."""
    return carried(client.post(f"{HERE}/{slug}/login/", form), there)


def carried(answer: Any, there: Elsewhere | None = None) -> dict[str, str]:
    assert answer.status_code == 302, answer.content
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}
    if there is not None:
        there.nonce = query.get("nonce", "")
    return query


def back(client: Client, state: str, slug: str = "corp", **more: str) -> Any:
    """Come back with a code."""
    return client.get(f"{HERE}/{slug}/callback/", {"code": "code-1", "state": state} | more)


def sign_in(client: Client, there: Elsewhere, slug: str = "corp", **form: str) -> Any:
    return back(client, begin(client, slug, there, **form)["state"], slug)


def is_signed_in(client: Client) -> bool:
    return client.get(ME).status_code == 200


def link(user: User, provider: IdentityProvider, subject: str = "subject-1") -> SocialAccount:
    return SocialAccount.objects.create(user=user, provider=provider.public_id, uid=subject)


def refused(answer: Any, client: Client, reason: str, status: int = 403) -> None:
    """Nobody was signed in, and the audit log says for which reason."""
    assert (answer.status_code, is_signed_in(client)) == (status, False)
    entry = entries("USER_SIGN_IN")[0]
    assert (entry["result"], entry["metadata"]["reason"]) == ("failure", reason)
