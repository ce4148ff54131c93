"""What an issuer finds over HTTP, whatever the name that it asks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from certificates.models import Challenge, Domain
from certificates.services import continue_pending
from temps.lib import clock

PATH = "/.well-known/acme-challenge/"
ELSEWHERE = {"host": "shop.example.com"}


@pytest.fixture
def challenge(manual: Domain) -> Challenge:
    """One that is answerable for an hour."""
    return Challenge.objects.create(
        domain=manual, attempt="a", token="tok-en_1", key_authorization="tok-en_1.print", expires_at=in_hours(1)
    )


def in_hours(hours: int) -> object:
    return clock.now() + timedelta(hours=hours)


@pytest.mark.promise("C-01")
def test_a_proof_is_found_under_any_name(challenge: Challenge, client: Client) -> None:
    answer = client.get(PATH + "tok-en_1", headers=ELSEWHERE)
    assert (answer.status_code, answer.content) == (200, b"tok-en_1.print")
    assert answer["Content-Type"].startswith("text/plain")
    assert not answer.cookies


@pytest.mark.parametrize("token", ["", "other", "tok-en_1/", "../tok-en_1", "tok-en_1%00", "x" * 5000, "%", "ü"])
def test_an_unknown_token_is_not_found(challenge: Challenge, client: Client, token: str) -> None:
    assert client.get(PATH + token, headers=ELSEWHERE).status_code == 404


def test_other_pages_answer_to_the_names_of_the_console_alone(challenge: Challenge, client: Client) -> None:
    assert client.get("/.well-known/", headers=ELSEWHERE).status_code == 400


def test_nothing_but_reading_is_possible(challenge: Challenge, client: Client) -> None:
    assert client.head(PATH + "tok-en_1", headers=ELSEWHERE).status_code == 200
    assert client.post(PATH + "tok-en_1", headers=ELSEWHERE).status_code == 405


def test_a_proof_that_nobody_withdrew_expires_and_is_swept(challenge: Challenge, client: Client) -> None:
    Challenge.objects.update(expires_at=in_hours(-1))
    assert client.get(PATH + "tok-en_1", headers=ELSEWHERE).status_code == 404
    continue_pending()
    assert not Challenge.objects.exists()
