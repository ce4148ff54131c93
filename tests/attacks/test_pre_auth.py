"""Between the first step of a sign-in and its last nobody is in: each way in, at each stage, against every route."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.providers.models import IdentityProvider
from accounts.totp import code_at
from rbac.guards import Access
from temps.lib import clock
from tests.accounts.events import entries
from tests.accounts.providers import flow
from tests.accounts.providers.elsewhere import Elsewhere
from tests.accounts.test_sign_in import LOGIN, ME, is_signed_in
from tests.attacks.half_way import FIRST, WAYS, Stage, Visit, begin, finish, stands_at
from tests.audit.tables import changed, everything
from tests.audit.test_unwritable import BODIES
from tests.routes import API, EXAMPLES, PAGES, Example, Route
from tests.world import PASSWORD, World, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("here"), pytest.mark.promise("A-05")]

TOUCHED = {"accounts_sessions_browsersession", "audit_event", "audit_fold"}
"""Sessions are begun by visits, and the record tells of those that were refused."""
SHOWN = {"password": PASSWORD}
AS_A_STRANGER_SEES_IT = {"login/", "logout/", "jsi18n/"}
"""Of the console's addresses those that are open."""
FORM = {"password": PASSWORD, "again": PASSWORD, "do": "name", "name": "Lost", "action": "delete_selected", "make": "1"}
"""Of each page something that it reads."""
VALUES = {"purpose": "invitation", "slug": "github", "app_label": "accounts", "url": "nothing"}
"""What stands in the address of a page, where it is not the number 1."""


@pytest.fixture
def visit(client: Client, world: World, request: pytest.FixtureRequest, settings: Any) -> Visit:
    settings.RATE_LIMIT_ENABLED = False  # there are many routes
    return Visit(client, world, request)


@pytest.fixture
def examples(world: World) -> dict[Any, Example]:
    """An object for each route that names one, by who makes it."""
    return {make: make(world) for make in dict.fromkeys(EXAMPLES.values())}


CASES = [*FIRST.items(), *(("password", stage) for stage in Stage if stage is not FIRST["password"])]
"""Each way at the first stage that it leads to, and each stage of one of them."""


@pytest.mark.parametrize(("way", "stage"), CASES, ids=[f"{way}, {stage.name}" for way, stage in CASES])
def test_no_route_opens(visit: Visit, examples: dict[Any, Example], way: str, stage: Stage) -> None:
    user, stored = begin(visit, way, stage), Path(django_settings.DATA_DIR)
    before = everything(stored)
    wrong = [*_of_the_api(visit.client, examples), *_of_the_console(visit.client), *_elsewhere(visit.client, stage)]
    assert (wrong, set(changed(before, everything(stored))) - TOUCHED) == ([], set())
    assert stands_at(visit.client) is stage, "or something else than the stage kept them out"
    finish(visit.client, user)
    assert is_signed_in(visit.client)
    assert entries("USER_SIGN_IN")[0]["metadata"]["way"] == WAYS[way][2]


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("way", WAYS)
def test_nobody_stands_behind_a_sign_in_who_knew_its_session(visit: Visit, way: str) -> None:
    """Before the first step or before the last: each gives the session another key."""
    before = _key_that_somebody_planted(visit.client)
    user = begin(visit, way, FIRST[way])
    between = visit.client.cookies["temps_session"].value
    finish(visit.client, user)
    assert is_signed_in(visit.client)
    assert len({before, between, visit.client.cookies["temps_session"].value}) == 3
    for known in (before, between):
        assert not is_signed_in(_with_key(known))
        assert stands_at(_with_key(known)) is None


def test_a_half_finished_sign_in_is_no_credential(visit: Visit) -> None:
    """Neither its session nor the password that began it, in none of the places where the API looks."""
    begin(visit, "password", Stage.FACTOR)
    session = visit.client.cookies["temps_session"].value
    basic = base64.b64encode(f"admin@example.com:{PASSWORD}".encode()).decode()
    sent = [{"authorization": f"{kind} {session}"} for kind in ("Bearer", "Token", "Session", "Basic")]
    sent += [{"x-api-key": session}, {"authorization": f"Basic {basic}"}, {"x-csrftoken": session}]
    for headers in sent:
        assert visit.client.get(ME, headers=headers).status_code == 401


@pytest.mark.parametrize("stage", Stage, ids=lambda stage: stage.name)
def test_it_confirms_nothing_and_buys_no_token(visit: Visit, stage: Stage) -> None:
    user = begin(visit, "password", stage)
    assert visit.client.post("/api/v1/auth/step-up", SHOWN, content_type="application/json").status_code == 401
    assert visit.client.post("/accounts/confirm/", SHOWN)["Location"] == LOGIN
    asked = SHOWN | {"email": user.email}
    bought = visit.client.post("/api/v1/auth/token", asked, content_type="application/json")
    assert (bought.status_code, "access" in bought.json()) == (401, False)
    assert stands_at(visit.client) is stage


def test_a_second_sign_in_in_the_same_browser_takes_nothing_of_the_first(
    visit: Visit, corp: IdentityProvider, there: Elsewhere
) -> None:
    """The factor of one and the account elsewhere of another do not make a sign-in."""
    begin(visit, "password", Stage.CONSENT)  # the second factor of the administrator was shown
    device = enrol(visit.world.owner)
    flow.link(visit.world.owner, corp)
    assert flow.sign_in(visit.client, there)["Location"] == Stage.FACTOR
    assert visit.client.get(Stage.CONSENT)["Location"] == Stage.FACTOR
    visit.client.post(Stage.FACTOR, {"code": code_at(device, clock.now().timestamp())})
    finish(visit.client, visit.world.owner)
    assert visit.client.get(ME).json()["email"] == visit.world.owner.email


def _of_the_api(client: Client, examples: dict[Any, Example]) -> list[str]:
    """What is answered otherwise than to a stranger: with 401, also to requests that would succeed, or as in public."""
    wrong, stranger = [], Client(HTTP_HOST="localhost")
    for route in API:
        example = examples[EXAMPLES[route.name]] if route.name in EXAMPLES else Example()
        url = route.url(example.values) + example.query
        for method in (*route.methods, "OPTIONS"):
            body = BODIES.get((route.name, method), {})
            sent = json.dumps({} if callable(body) else body)
            is_public = Access.PUBLIC in map(route.declared, route.methods)
            expected = _ask(stranger, method, url, sent) if is_public else 401
            if (status := _ask(client, method, url, sent)) != expected:
                wrong.append(f"{method} {url}: {status}")
    return wrong


def _ask(client: Client, method: str, url: str, sent: str) -> int:
    return client.generic(method, url, sent, content_type="application/json").status_code


def _of_the_console(client: Client) -> list[str]:
    """Screens that do not lead to the page of signing in."""
    wrong = []
    for route in PAGES:
        if "admin" in route.namespaces and route.path not in AS_A_STRANGER_SEES_IT:
            for method in ("GET", "POST"):
                answer = _visit(client, method, _address(route))
                if answer[0] != 302 or answer[1] not in ("/login/", LOGIN):
                    wrong.append(f"{method} {route.path}: {answer}")
    return wrong


def _elsewhere(client: Client, stage: Stage) -> list[str]:
    """Pages that answer otherwise than to a stranger, but for those of the stages, which lead to the one that waits."""
    wrong, stranger = [], Client(HTTP_HOST="localhost")
    for route in PAGES:
        path = _address(route)
        of_a_stage = path == LOGIN or any(path.startswith(one) for one in Stage)
        if path.startswith(stage) or ("admin" in route.namespaces and route.path not in AS_A_STRANGER_SEES_IT):
            continue
        for method in ("GET", "POST") if "logout" not in path else ("GET",):
            stranger.cookies.clear()
            expected = (302, str(stage)) if of_a_stage else _visit(stranger, method, path)
            if (answer := _visit(client, method, path)) != expected:
                wrong.append(f"{method} {path}: {answer} instead of {expected}")
    return wrong


def _visit(client: Client, method: str, path: str) -> tuple[int, str]:
    answer = client.generic(method, path, urlencode(FORM), content_type="application/x-www-form-urlencoded")
    return answer.status_code, answer.headers.get("Location", "").split("?")[0]


def _address(route: Route) -> str:
    """``route`` with something for each of its parameters."""
    path = re.sub(r"\^?\(\?P<(\w+)>.*\)/?\$", lambda found: VALUES[found[1]] + "/", route.path)
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: VALUES.get(found[1], "1"), path)


def _key_that_somebody_planted(client: Client) -> str:
    """The key of a session that is there before its victim comes."""
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["temps_session"] = str(session.session_key)
    return str(session.session_key)


def _with_key(key: str) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.cookies["temps_session"] = key
    return client
