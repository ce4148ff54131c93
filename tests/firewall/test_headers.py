from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from firewall.headers import PRESETS, Preset
from firewall.services import block, header_preset, set_header_preset
from temps.lib.errors import Denied, Invalid
from tests.world import World, acting

pytestmark = pytest.mark.promise("F-08")
SEVEN = (
    *("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection"),
    *("Strict-Transport-Security", "Referrer-Policy", "Permissions-Policy"),
)
EXPECTED = {
    "strict": ("default-src 'self'", "DENY", "max-age=63072000; includeSubDomains; preload", "no-referrer"),
    "moderate": (
        "default-src 'self' 'unsafe-inline'",
        "SAMEORIGIN",
        "max-age=31536000",
        "strict-origin-when-cross-origin",
    ),
}


@pytest.mark.parametrize("preset", EXPECTED)
def test_a_preset_is_what_it_promises(world: World, client: Client, preset: str) -> None:
    set_header_preset(preset, actor=world.operator)
    response = client.get("/api/v1/", secure=True)
    names = ("Content-Security-Policy", "X-Frame-Options", "Strict-Transport-Security", "Referrer-Policy")
    assert tuple(response[name] for name in names) == EXPECTED[preset]
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("preset", Preset)
def test_every_preset_has_all_seven(world: World, client: Client, preset: str) -> None:
    set_header_preset(preset, actor=world.operator)
    response = client.get("/accounts/login/", secure=True)
    assert all(response[name] for name in SEVEN)


def test_strict_comes_first(world: World, client: Client) -> None:
    assert client.get("/accounts/login/")["Content-Security-Policy"] == "default-src 'self'"
    assert header_preset(actor=world.operator) is Preset.STRICT


def test_a_browser_is_bound_to_tls_over_tls_alone(world: World, client: Client) -> None:
    assert "Strict-Transport-Security" not in client.get("/api/v1/")
    assert "Strict-Transport-Security" in client.get("/api/v1/", secure=True)


@pytest.mark.parametrize("path", ["/static/admin/js/core.js", "/nothing/here", "/healthz", "/api/v1/projects/"])
def test_every_kind_of_answer_carries_them(world: World, client: Client, path: str) -> None:
    response = client.get(path, secure=True)
    assert all(response[name] for name in SEVEN)


def test_refusals_carry_them_too(world: World, ask: Callable[..., Any]) -> None:
    block("203.0.113.9", actor=world.operator)
    for address, status in (("203.0.113.9", 403), ("nonsense", 400)):
        response = ask(address, secure=True)
        assert response.status_code == status
        assert all(response[name] for name in SEVEN)


def test_a_page_is_widened_by_itself_alone(world: World, client: Client) -> None:
    widened = client.get("/api/docs/")["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in widened
    assert "script-src" not in widened
    assert client.get("/api/v1/")["Content-Security-Policy"] == "default-src 'self'"


def test_what_is_no_preset_changes_nothing(world: World) -> None:
    with pytest.raises(Invalid, match="strict, moderate, permissive"):
        set_header_preset("none; script-src *", actor=world.operator)
    assert header_preset(actor=world.operator) is Preset.STRICT


@pytest.mark.promise("L-01", "R-05")
def test_choosing_is_permitted_and_recorded(world: World) -> None:
    from audit.models import Event

    with pytest.raises(Denied):
        set_header_preset("permissive", actor=acting(world.owner))
    set_header_preset(" Moderate ", actor=acting(world.admin))
    (event,) = Event.objects.filter(operation="HEADERS_UPDATE")
    assert (event.metadata["before"], event.metadata["after"]) == ("strict", "moderate")


@pytest.mark.parametrize("preset", Preset)
def test_the_directives_are_ones_that_django_csp_knows(preset: Preset) -> None:
    from csp.utils import DEFAULT_DIRECTIVES

    assert set(PRESETS[preset].csp) <= set(DEFAULT_DIRECTIVES)
