from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from temps.urls import urlpatterns as temps_urls

pytestmark = pytest.mark.django_db


@pytest.mark.promise("O-10")
def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: Client, settings: Any) -> None:
    answer = client.post("/api/v1/projects/", data="x" * 10, content_type="application/json", CONTENT_LENGTH="2097153")
    assert answer.status_code == 413


@pytest.mark.promise("O-10")
@pytest.mark.parametrize(
    ("headers", "status"), [({"Transfer-Encoding": "chunked"}, 411), ({"Content-Length": "x"}, 400)]
)
def test_a_body_says_how_large_it_is(client: Client, headers: dict[str, str], status: int) -> None:
    assert client.post("/api/v1/projects/", headers=headers).status_code == status


@pytest.mark.promise("F-04")
def test_a_forwarded_chain_that_makes_no_sense_is_refused(client: Client, settings: Any) -> None:
    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = (ip_network("127.0.0.1/32"),)
    assert client.get("/healthz", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200
    assert client.get("/healthz", headers={"X-Forwarded-For": "192.0.2.7, nonsense"}).status_code == 400


def test_each_answer_names_its_request(client: Client) -> None:
    first, second = (client.get("/healthz")["X-Request-Id"] for _ in range(2))
    assert first != second


def test_an_answer_is_told_on_one_line_and_a_traceback_as_well(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/api/v1/users/").status_code == 401
    assert [record.name for record in caplog.records] == ["temps.request"]
    caplog.clear()
    client.raise_request_exception = False
    with override_settings(ROOT_URLCONF=__name__):
        assert client.get("/fails").status_code == 500
    assert {record.name: bool(record.exc_info) for record in caplog.records} == {
        "django.request": True,
        "temps.request": False,
    }


def test_a_wrong_name_is_told_to_whoever_uses_it_and_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/accounts/login/", headers={"host": "evil.example"})
    assert (answer.status_code, "ALLOWED_HOSTS" in answer.content.decode()) == (400, True)
    [told] = [record for record in caplog.records if record.name == "django.security.DisallowedHost"]
    assert ("evil.example" in told.getMessage(), told.exc_info) == (True, None)


def _fails(_request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [path("fails", _fails), *temps_urls]
