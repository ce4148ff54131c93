"""Every route asked by everyone: whether it answers is computed from what it declares and from the page of roles.

A new route is covered by being there. What is expected of a request is worked out here once more, from the roles that
the people of the world have, and not by asking the code under test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts.models import User
from accounts.services import create_user
from rbac.console import ServiceAdmin
from rbac.guards import Access
from rbac.permissions import (
    EVERYTHING,
    HUMAN_ONLY,
    PLATFORM_ROLES,
    PROJECT_ROLES,
    Permission,
    PlatformRole,
    ProjectRole,
)
from rbac.services import assign_role
from temps.lib.actor import Credential, CredentialKind
from tests.routes import API, BODIES, PAGES, Example, Route, example_for
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("R-05", "R-06")]

ROLES: dict[str, dict[str, PlatformRole | ProjectRole]] = {
    "nobody": {},
    "outsider": {"other": ProjectRole.OWNER},
    "straddler": {"other": ProjectRole.OWNER, "shop": ProjectRole.VIEWER},
    "viewer": {"shop": ProjectRole.VIEWER},
    "member": {"shop": ProjectRole.MEMBER},
    "owner": {"shop": ProjectRole.OWNER},
    "platform_viewer": {"": PlatformRole.VIEWER},
    "developer": {"": PlatformRole.DEVELOPER},
    "admin": {"": PlatformRole.ADMIN},
}
"""Who has which role where; the empty place is the platform."""

PUBLIC_PAGES = {
    "healthz": "liveness, for those who watch from outside",
    "readyz": "readiness, likewise",
    ".well-known/jwks.json": "public keys, for whoever verifies tokens",
    "accounts/login/": "where one signs in",
    "accounts/login/code/": "the second factor, for whoever has passed the first",
    "accounts/login/enrol/": "enrolling a second factor, for whoever may do nothing before",
    "accounts/login/code/options/": "what the browser needs for a passkey there",
    "accounts/login/enrol/options/": "likewise, to make one",
    "accounts/login/recovery-codes/": "the codes of whoever has just enrolled",
    "accounts/login/passkey/": "a passkey in place of a password",
    "accounts/login/passkey/options/": "what the browser needs for it",
    "accounts/security/": "one's own second factors, for whoever is signed in",
    "accounts/security/app/": "likewise",
    "accounts/security/passkey/": "likewise",
    "accounts/security/passkey/options/": "likewise",
    "accounts/security/confirm/options/": "what the browser needs to confirm by a passkey, likewise",
    "accounts/security/recovery-codes/": "likewise",
    "accounts/security/<str:factor_id>/rename/": "one's own alone",
    "accounts/security/<str:factor_id>/remove/": "likewise",
    "accounts/login/consent/": "the texts that one agrees to, at the end of a sign-in",
    "accounts/archive/": "what is held on whoever is signed in",
    "accounts/confirm/": "asks again who is there, whoever is signed in",
    "accounts/logout/": "where one signs out",
    "accounts/link/": "where a link to sign in is asked for",
    "accounts/reset/": "where a link for a new password is asked for",
    "accounts/sign-up/": "where one signs up, if the policy lets anybody",
    "accounts/sent/<str:purpose>/": "what to do with a link that was asked for",
    "accounts/open/<str:token>/": "whatever the link is for whose token is in the path",
    "accounts/you/": "one's own account, for whoever is signed in",
    "accounts/providers/<slug:slug>/login/": "off to a provider, for whoever signs in there",
    "accounts/providers/<slug:slug>/callback/": "back from it, with a state that the browser's session knows",
    "accounts/linked/": "one's own linked accounts, for whoever is signed in",
    "accounts/linked/<slug:slug>/link/": "likewise",
    "accounts/linked/<slug:slug>/unlink/": "likewise",
    "accounts/setup/<str:token>/": "the first account, by the one-time link that the token in the path is",
}
"""Pages outside API and console, each of which asks for itself who may do what there."""

OWN_SCREENS = {"accounts.ApiKey": "everyone's own keys: ownership decides, in the services"}
"""Screens of the console that open to whoever is signed in."""

Api = Callable[..., APIClient]
SignIn = Callable[[User], Client]


def held(name: str, place: str) -> frozenset[Permission]:
    """What the roles of this person give there, the platform's included."""
    roles = ROLES[name]
    given: frozenset[Permission] = frozenset()
    if "" in roles:
        given |= PLATFORM_ROLES[PlatformRole(roles[""])]
    if place and place in roles:
        given |= PROJECT_ROLES[ProjectRole(roles[place])]
    return given


def held_somewhere(name: str) -> frozenset[Permission]:
    return frozenset().union(*(held(name, place) for place in ROLES[name]))


def expected(name: str, route: Route, method: str, example: Example) -> set[int]:
    """The statuses that the answer may have."""
    permission = route.declared(method)
    assert isinstance(permission, Permission)
    place = example.project.slug if example.project is not None else ""
    if permission not in held_somewhere(name):
        return {403}
    if permission in held(name, place) and example.owner in ("", name):
        return {200} if method == "GET" else DONE
    if route.parameters:
        sees = permission not in held(name, place) and Permission.PROJECTS_READ in held(name, place)
        return {403, 404} if sees else {404}
    if method == "GET" and issubclass(route.view or APIView, ListAPIView):
        return {200}  # a list shows to everyone what they may see of it
    return {200, 400, 403, 404}  # about a project that the request names, or about the platform: the service says


DONE = {200, 201, 202, 204, 400, 409}
"""Whoever may do it got past every question of permission, if only to hear that the request is incomplete."""


def ask(client: APIClient, method: str, url: str, route: Route) -> Any:
    """The answer to a request, whose effects are undone so that the next person finds the same world."""
    body = json.dumps(BODIES.get((route.name, method), {}))
    with transaction.atomic():
        answer = client.generic(method, url, "" if method == "GET" else body, content_type="application/json")
        transaction.set_rollback(True)
    return answer


@pytest.fixture
def people(world: World) -> dict[str, User]:
    straddler = create_user("straddler@example.com", actor=world.operator)
    for place, role in ROLES["straddler"].items():
        project = world.project if place == "shop" else world.other
        assign_role(straddler, role, project=project, actor=world.operator)
    return {name: getattr(world, name, straddler) for name in ROLES}


def guarded(route: Route) -> list[str]:
    """The methods of the route that declare a permission."""
    return [method for method in route.methods if isinstance(route.declared(method), Permission)]


@pytest.mark.parametrize("route", API, ids=str)
def test_every_api_route_declares_what_each_of_its_methods_needs(route: Route) -> None:
    undeclared = [method for method in route.methods if route.declared(method) is None]
    assert not undeclared, f"{route.view} declares no permission for {undeclared}, so it is closed to everyone"


def test_a_route_that_declares_nothing_is_closed(world: World) -> None:
    class Forgotten(APIView):
        def get(self, request: Any) -> Response:
            return Response("secret")

    request = APIRequestFactory().get("/")
    force_authenticate(request, world.admin, acting(world.admin))
    assert Forgotten.as_view()(request).status_code == 403


@pytest.mark.parametrize("route", [route for route in API if guarded(route)], ids=str)
def test_everyone_gets_the_answer_that_their_roles_give(
    people: dict[str, User], world: World, api: Api, data_dir: Path, route: Route
) -> None:
    example = example_for(route, world)
    url, wrong = route.url(example.values) + example.query, []
    for method in guarded(route):
        assert ask(api(), method, url, route).status_code == 401
        for name, user in people.items():
            status, may = ask(api(user), method, url, route).status_code, expected(name, route, method, example)
            if status not in may:
                wrong.append(f"{method} by {name}: {status} instead of {sorted(may)}")
    assert not wrong


@pytest.mark.parametrize("route", [route for route in API if guarded(route)], ids=str)
def test_a_key_without_the_scope_or_for_what_is_people_s_gets_nothing(
    world: World, api: Api, data_dir: Path, route: Route
) -> None:
    url = route.url(example_for(route, world).values)
    for method in guarded(route):
        permission = route.declared(method)
        scopes = EVERYTHING if permission in HUMAN_ONLY else EVERYTHING - {permission}
        key = Credential(CredentialKind.API_KEY, id="key_1", scopes=frozenset(one.value for one in scopes))
        assert ask(api(world.admin, key), method, url, route).status_code == 403


@pytest.mark.parametrize("route", [route for route in API if guarded(route) and route.parameters], ids=str)
def test_what_one_may_not_see_answers_like_what_is_not_there(
    world: World, api: Api, data_dir: Path, route: Route
) -> None:
    example, client = example_for(route, world), api(world.outsider)
    absent = example.values | example.absent
    for method in guarded(route):
        there = told(ask(client, method, route.url(example.values), route), example.values)
        assert there == told(ask(client, method, route.url(absent), route), absent)


def told(answer: Any, values: dict[str, str]) -> tuple[int, str]:
    """Status and body, without what differs from request to request."""
    text = re.sub(r'"requestId":"[^"]*"', "", answer.content.decode())
    for value in values.values():
        text = text.replace(value, "…")
    return answer.status_code, text


@pytest.mark.parametrize("route", [route for route in API if Access.OWN in map(route.declared, route.methods)], ids=str)
def test_what_is_one_s_own_is_nobody_else_s(people: dict[str, User], world: World, api: Api, route: Route) -> None:
    example = example_for(route, world)
    url = route.url(example.values)
    for method in (one for one in route.methods if route.declared(one) is Access.OWN):
        assert ask(api(), method, url, route).status_code == 401
        assert ask(api(people[example.owner or "nobody"]), method, url, route).status_code in DONE
        for stranger in ("nobody", "outsider") if example.owner else ():
            assert ask(api(people[stranger]), method, url, route).status_code == 404


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_every_other_page_is_the_console_s_or_known_to_be_public(route: Route) -> None:
    if "admin" not in route.namespaces:
        assert route.path in PUBLIC_PAGES, (
            f"{route.path} is neither an API view that declares permissions nor a page of the console: make it one, or "
            "say in PUBLIC_PAGES why it is open"
        )


@pytest.mark.parametrize("model", [*admin.site._registry], ids=lambda model: model._meta.label)
def test_every_list_and_form_of_the_console_opens_by_the_declared_permission(
    people: dict[str, User], signed_in: SignIn, model: Any
) -> None:
    screen, label = admin.site._registry[model], model._meta.label
    # The models of libraries have no screen of ours: nobody holds Django's own permissions, so they are closed.
    ours = isinstance(screen, ServiceAdmin)
    needed = {"changelist": screen.permission_to_view, "add": screen.permission_to_add} if ours else {}
    wrong = []
    for name, user in people.items():
        client = signed_in(user)
        for which in ("changelist", "add"):
            opens = needed.get(which) in held_somewhere(name) or label in OWN_SCREENS
            if client.get(page_of(model, which)).status_code != (200 if opens else 403):
                wrong.append(f"{which} by {name}")
    assert not wrong


@pytest.mark.parametrize("model", [*admin.site._registry], ids=lambda model: model._meta.label)
def test_the_console_is_closed_to_strangers(client: Client, model: Any) -> None:
    for which in ("changelist", "add"):
        answer = client.get(page_of(model, which))
        assert answer.status_code == 302
        assert answer["Location"].split("?")[0].endswith("/login/")


def page_of(model: Any, which: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{which}")
