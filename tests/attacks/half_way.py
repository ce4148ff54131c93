"""Sign-ins that were begun by each of the ways in, and wait at one of their stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from django.test import Client

from accounts.directory.linking import link_account
from accounts.links.invitations import invite
from accounts.mail.models import MailServer
from accounts.models import User
from accounts.policy import change_policy
from accounts.privacy.notices import owed_by, publish_notice
from accounts.setup import make_setup_link
from accounts.ways import Way
from tests.accounts.mfa.authenticator import enrol_passkey
from tests.accounts.mfa.test_sign_in_pages import ALONE, answer_with
from tests.accounts.privacy.test_notices import CONSENT
from tests.accounts.providers import flow
from tests.accounts.test_sign_in import CODE, CODES, ENROL, send_code, sign_in
from tests.world import PASSWORD, World, acting, enrol

FRESH = "fresh@example.com"
ADMIN = "admin@example.com"
NEW_ACCOUNT = {"name": "Fresh", "email": FRESH, "password": PASSWORD, "again": PASSWORD}
BASE = "http://localhost"
IN_THE_DIRECTORY = "a phrase that only the directory knows"
NEW_PASSWORD = "sevenfold umbrella lantern 9"


class Stage(StrEnum):
    """By the address of its page."""

    FACTOR = CODE
    ENROL = ENROL
    RECOVERY = CODES
    CONSENT = CONSENT


@dataclass
class Visit:
    """A browser that begins to sign in. What else a way needs, it asks the test's fixtures for."""

    client: Client
    world: World
    fixtures: pytest.FixtureRequest

    def fixture(self, name: str) -> Any:
        return self.fixtures.getfixturevalue(name)


def by_password(visit: Visit) -> None:
    sign_in(visit.client, ADMIN)


def by_ldap(visit: Visit) -> None:
    directory = visit.fixture("make")(create_accounts=False)
    visit.fixture("server").add_person("admin", IN_THE_DIRECTORY)
    link_account(visit.world.admin, directory, ADMIN, actor=visit.world.operator)
    sign_in(visit.client, ADMIN, IN_THE_DIRECTORY)


def _by_mailed_link(visit: Visit, page: str, email: str, form: dict[str, str]) -> None:
    post = visit.fixture("post")
    post.ask(visit.client, page, email)
    visit.client.post(post.link_to(email), form)


def by_magic_link(visit: Visit) -> None:
    _by_mailed_link(visit, "link", ADMIN, {})


def by_reset(visit: Visit) -> None:
    _by_mailed_link(visit, "reset", ADMIN, {"password": NEW_PASSWORD, "again": NEW_PASSWORD})


def by_sign_up(visit: Visit) -> None:
    change_policy({"sign_up": "open"}, actor=visit.world.operator)
    _by_mailed_link(visit, "sign-up", FRESH, NEW_ACCOUNT)


def by_provider(visit: Visit) -> None:
    flow.link(visit.world.admin, visit.fixture("corp"))
    flow.sign_in(visit.client, visit.fixture("there"))


def by_passkey(visit: Visit) -> None:
    device, _passkey = enrol_passkey(visit.world.admin)
    answer_with(visit.client, device, ALONE)


def by_setup_link(visit: Visit) -> None:
    visit.world.admin.grants.all().delete()  # with an administrator there is no such link
    token = make_setup_link(actor=visit.world.operator)
    visit.client.post(f"/accounts/setup/{token}/", NEW_ACCOUNT)


def by_invitation(visit: Visit) -> None:
    MailServer.objects.all().delete()  # of an example of tests.routes: without one the link is handed over
    made = invite(FRESH, role="admin", base_url=BASE, actor=acting(visit.world.admin))
    visit.client.post(made.link.removeprefix(BASE), NEW_ACCOUNT)


WAYS: dict[str, tuple[Callable[[Visit], None], str, Way]] = {
    "password": (by_password, ADMIN, Way.PASSWORD),
    "ldap": (by_ldap, ADMIN, Way.LDAP),
    "magic link": (by_magic_link, ADMIN, Way.MAGIC_LINK),
    "reset": (by_reset, ADMIN, Way.MAGIC_LINK),
    "sign-up": (by_sign_up, FRESH, Way.MAGIC_LINK),
    "provider": (by_provider, ADMIN, Way.OAUTH),
    "passkey": (by_passkey, ADMIN, Way.PASSKEY),
    "setup link": (by_setup_link, FRESH, Way.SETUP),
    "invitation": (by_invitation, FRESH, Way.INVITATION),
}
"""How each is gone, whose account it leads to, and what the record calls it."""

FIRST = {way: Stage.FACTOR if email == ADMIN else Stage.ENROL for way, (_go, email, _way) in WAYS.items()} | {
    "passkey": Stage.CONSENT
}
"""The first stage that waits: a new account has no second factor yet, and a passkey is one."""


def begin(visit: Visit, way: str, stage: Stage) -> User:
    """Go ``way`` until the sign-in waits at ``stage``; whose sign-in it is."""
    go, email, _way = WAYS[way]
    change_policy({"require_mfa": "everyone"}, actor=visit.world.operator)
    if stage is Stage.FACTOR or (stage is Stage.CONSENT and email == ADMIN):
        enrol(visit.world.admin)
    if stage is Stage.CONSENT:
        publish_notice("terms", "1", "Terms", "Be kind.", actor=visit.world.operator)
    go(visit)
    user = User.objects.get(email=email)
    while (here := stands_at(visit.client)) is not stage:
        assert here is not None, "nothing was asked for"
        go_on(visit.client, user, here)
    return user


def finish(client: Client, user: User) -> None:
    """Do what each stage that is left asks for."""
    while (here := stands_at(client)) is not None:
        go_on(client, user, here)


def stands_at(client: Client) -> Stage | None:
    """The stage that waits for this browser; None for whoever signs in nowhere, or is in."""
    answer = client.get(CODE)
    path = CODE if answer.status_code == 200 else answer["Location"]
    return Stage(path) if path in set(Stage) else None


def go_on(client: Client, user: User, stage: Stage) -> Any:
    """Do what ``stage`` asks for."""
    if stage in (Stage.FACTOR, Stage.ENROL):
        return send_code(client, user, stage)
    return client.post(stage, {"notice": [notice.public_id for notice in owed_by(user)]})
