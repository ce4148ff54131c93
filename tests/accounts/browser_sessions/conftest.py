from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.browser_sessions.models import BrowserSession
from accounts.models import User
from temps.lib import clock
from tests.world import PASSWORD

LOGIN, ME = "/accounts/login/", "/api/v1/users/me/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SignIn = Callable[..., Client]


@pytest.fixture
def browser(db: None) -> SignIn:
    """Another browser, in which this person has signed in with their password."""

    def sign_in(user: User, **headers: str) -> Client:
        client = Client(HTTP_USER_AGENT=FIREFOX, **headers)
        answer = client.post(LOGIN, {"login": user.email, "password": PASSWORD})
        assert answer.status_code == 302, answer.content
        return client

    return sign_in


@pytest.fixture
def later() -> Any:
    """Lets time pass: ``with later(minutes=5): …``."""
    return lambda **span: time_machine.travel(clock.now() + timedelta(**span), tick=False)


def key_of(client: Client) -> str:
    return client.cookies["temps_session"].value


def row_of(client: Client) -> BrowserSession:
    return BrowserSession.objects.get(public_id=client.session.public_id)  # type: ignore[attr-defined]


def is_in(client: Client) -> bool:
    return client.get(ME).status_code == 200


def with_key(key: str) -> Client:
    """A browser that sends this key."""
    client = Client()
    client.cookies["temps_session"] = key
    return client
