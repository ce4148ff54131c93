from __future__ import annotations

import socket
from typing import Any

import pytest

from temps.lib import webhooks
from temps.lib.errors import Invalid, Unavailable
from temps.lib.webhooks import Target, checked_secret, new_secret, post, signature
from tests.audit.sinks.receiver import Receiver, answers, breaks_off, drips, hangs, receiving


@pytest.fixture
def receiver() -> Any:
    with receiving() as one:
        yield one


def send(receiver: Receiver, secret: str = "") -> int:
    return post(Target.parse(receiver.url), b"{}", message_id="msg_1", secret=secret)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The vector of https://github.com/standard-webhooks, which its libraries in every language share."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    given = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_arrives_signed_with_path_and_query(receiver: Receiver) -> None:
    secret = new_secret()
    assert send(receiver, secret) == 204
    got = receiver.got[0]
    assert got.is_signed_with(secret)
    assert not got.is_signed_with(new_secret())
    assert (got.path, got.headers["webhook-id"]) == ("/hook?token=in-the-query", "msg_1")


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1/"])
def test_a_redirect_is_not_followed(receiver: Receiver, location: str) -> None:
    receiver.behaviours = [answers(302, Location=location)]
    with pytest.raises(Unavailable, match="status 302"):
        send(receiver)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("behave", [hangs, drips, breaks_off, answers(500), answers(404)])
def test_only_an_answer_of_success_is_one(receiver: Receiver, behave: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "EXCHANGE", 0.3)
    receiver.behaviours = [behave]
    with pytest.raises(Unavailable) as raised:
        send(receiver)
    assert "token" not in raised.value.message


def test_the_metadata_service_gets_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: [(2, 1, 6, "", ("169.254.169.254", 443))])
    monkeypatch.setattr(socket, "create_connection", lambda *_a, **_o: pytest.fail("connected"))
    with pytest.raises(Unavailable, match="nothing is sent"):
        post(Target.parse("https://hooks.example.com/"), b"{}", message_id="msg_1")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "https://", "https:///x", "https://a b/", "https://exa\nmple.com/", "//example.com"),
        *(
            "https://user@example.com/",
            "https://user:pw@example.com/",
            "https://example.com/#x",
            "https://example.com:0/",
        ),
        *("http://example.com/", "http://169.254.169.254/", "http://[fe80::1]/", "http://2852039166/"),
        *("https://example.com:99999/", "https://example.com/ä", "https://a..b/", "https://" + "a" * 64 + ".com/"),
        *("https://example.com/\x00", "https://example.com/" + "a" * 2000, "javascript:alert(1)", ""),
    ],
)
def test_an_address_is_checked_before_it_is_kept(url: str) -> None:
    with pytest.raises(Invalid):
        Target.parse(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://example.com/a?b=c", "https://example.com"),
        ("https://EXAMPLE.com:8443", "https://example.com:8443"),
        ("https://müller.example/", "https://xn--mller-kva.example"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://localhost/x", "http://localhost"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_token(url: str, origin: str) -> None:
    assert Target.parse(url).origin == origin


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "x" * 40, "whsec_" + "ä" * 40, "whsec_" + "A" * 200])
def test_a_secret_that_is_too_short_or_none_is_refused(secret: str) -> None:
    with pytest.raises(Invalid):
        checked_secret(secret)


def test_a_new_secret_is_a_good_one() -> None:
    assert checked_secret(new_secret()) != new_secret()
