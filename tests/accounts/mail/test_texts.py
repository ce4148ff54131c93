"""Messages: plain, one subject each, and nothing in them that strangers write."""

from __future__ import annotations

import pytest

from accounts.links.browser import name_of_browser
from accounts.mail.tasks import tell as send_told
from accounts.mail.texts import SUBJECTS, Text, compose
from temps.lib.errors import Unavailable


@pytest.mark.parametrize("text", list(Text))
def test_every_text_has_a_subject_and_reads_as_one(text: Text) -> None:
    subject, body = compose(text, {"link": "https://x.example/", "when": "now"})
    assert subject == SUBJECTS[text]
    assert body.startswith("Hello,\n\n")
    assert "{" not in body
    assert "&" not in body


def test_a_value_cannot_write_lines_of_its_own() -> None:
    _subject, body = compose(Text.TEST, {"asked_by": "x\r\n\r\nSubject: y <b>&\x00"})
    assert "asked for by x Subject: y <b>&." in body


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Version/18 Safari/604.1", "Safari on iOS"),
        ("Your account is broken, call https://evil.example/", ""),
    ],
)
def test_a_browser_is_named_in_our_words(agent: str, name: str) -> None:
    assert name_of_browser(agent) == name


@pytest.mark.django_db
def test_telling_without_a_server_does_nothing(mailoutbox: list[object]) -> None:
    send_told("owner@example.com", "password_changed", "{}")
    assert mailoutbox == []


def test_a_server_that_does_not_take_it_stops_no_one(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise Unavailable("no")

    settings.EMAIL_HOST = "mail.example.com"  # type: ignore[attr-defined]
    monkeypatch.setattr("temps.lib.mail.send", refuse)
    send_told("owner@example.com", "password_changed", "{}")
