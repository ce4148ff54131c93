"""The pages hold to the strict Content-Security-Policy and work when little else does."""

from __future__ import annotations

import re

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.views.defaults import server_error

from accounts.setup import setup_url
from temps.lib.errors import TempsError
from tests.world import PASSWORD, World

ERRORS = ["400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"]
INLINE = re.compile(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)


@pytest.mark.parametrize("template", ERRORS)
def test_an_error_page_needs_nothing_to_be_rendered(template: str) -> None:
    page = render_to_string(template, {})
    assert '<h1 id="heading">' in page
    assert not INLINE.search(page)


def test_an_error_of_the_server_tells_no_detail() -> None:
    answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert TempsError.__name__ not in answer.content.decode()


@pytest.mark.promise("O-10")
def test_no_page_holds_a_script_or_a_style_of_its_own(client: Client, db: None) -> None:
    address = setup_url("") or ""
    form = {"email": "a@example.com", "name": "A", "password": PASSWORD, "again": PASSWORD}
    pages = [client.get("/accounts/login/"), client.get(address), client.post(address, {"email": "x"})]
    client.post(address, form)
    pages += [client.get("/accounts/login/enrol/"), client.get(address)]
    assert [page.status_code for page in pages] == [200, 200, 200, 200, 410]
    for page in pages:
        assert not INLINE.search(page.content.decode())
        assert "default-src 'self'" in page["Content-Security-Policy"]


def test_an_error_is_tied_to_its_field(client: Client, world: World) -> None:
    page = client.post("/accounts/login/", {"login": world.member.email}).content.decode()
    field = re.search(r'<input[^>]*name="password"[^>]*>', page)
    assert field
    assert 'aria-invalid="true"' in field.group()
    assert 'aria-describedby="id_password_error"' in field.group()
    assert 'id="id_password_error"' in page


def test_what_people_typed_is_escaped(client: Client, world: World) -> None:
    page = client.post("/accounts/login/", {"login": '"><script>x</script>', "next": '"><script>y</script>'})
    assert "<script>" not in page.content.decode()


def test_the_browsable_api_may_send_its_forms(client: Client, db: None) -> None:
    page = client.get("/api/v1/", headers={"accept": "text/html"}).content.decode()
    assert '<meta name="referrer" content="same-origin">' in page
