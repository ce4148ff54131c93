"""The mail server: mail goes through it, its secret never comes back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.mail.models import MailServer, Provider
from accounts.mail.providers import connection_of
from accounts.mail.services import remove_mail_server, send_test, set_mail_server
from accounts.models import User
from rbac.step_up import StepUpRequired
from temps.lib import mail
from temps.lib.errors import Denied, Invalid, Unavailable
from tests.accounts.events import entries
from tests.accounts.mail.conftest import PASSWORD, USER, Asked
from tests.peers import free_port
from tests.world import World, acting

pytestmark = [pytest.mark.promise("A-15"), pytest.mark.django_db]
FROM = "temps@example.com"


def set_smtp(world: World, smtp: Any, **changed: Any) -> MailServer:
    given = {"host": "localhost", "port": smtp.port, "username": USER, "secret": PASSWORD} | changed
    return set_mail_server("smtp", FROM, actor=acting(world.admin), **given)


def test_mail_goes_through_the_server_over_tls_with_a_password(world: World, smtp: Any) -> None:
    assert not mail.available()
    set_smtp(world, smtp)
    assert mail.available()
    tried = send_test(actor=acting(world.admin))
    assert tried.delivered, tried.answer
    message = smtp.messages[0]
    assert (message["From"], message["To"]) == (FROM, "admin@example.com")
    assert "Mail works." in message.get_payload()
    assert entries("MAIL_SERVER_TEST")[0]["result"] == "success"


def test_a_wrong_password_is_said_and_not_repeated(
    world: World, smtp: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    set_smtp(world, smtp, secret="not-the-password-of-it")
    tried = send_test(actor=acting(world.admin))
    assert not tried.delivered
    assert "refused the credentials" in tried.answer
    said = capsys.readouterr()
    assert "not-the-password" not in said.out + said.err + caplog.text + json.dumps(entries("MAIL_SERVER_TEST"))


def test_an_untrusted_certificate_gets_no_password(world: World, smtp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    set_smtp(world, smtp)
    assert "no trusted TLS" in send_test(actor=acting(world.admin)).answer
    assert smtp.messages == []


def test_a_server_that_is_down_is_told(world: World) -> None:
    set_mail_server("smtp", FROM, actor=world.operator, host="127.0.0.1", port=free_port(), security="none")
    tried = send_test("owner@example.com", actor=world.operator)
    assert (tried.delivered, "cannot be reached" in tried.answer) == (False, True)


def test_an_http_provider_gets_the_message_and_its_key(world: World, provider: Asked) -> None:
    provider.answer = [provider.answer | {"To": "admin@example.com"}]
    given = {"secret": "postmark-key", "api_url": provider.url}
    set_mail_server("postmark", FROM, actor=acting(world.admin), **given)  # type: ignore[arg-type]
    tried = send_test(actor=acting(world.admin))
    path, headers, body = provider.requests[0]
    assert headers["X-Postmark-Server-Token"] == "postmark-key"
    sent = body[0] if isinstance(body, list) else body
    assert (path.startswith("/email"), sent["From"], sent["To"]) == (True, FROM, "admin@example.com")
    assert tried.answer


@pytest.mark.parametrize(("status", "said"), [(401, "refused the credentials"), (500, "status 500")])
def test_a_provider_that_refuses_leaks_nothing(world: World, provider: Asked, status: int, said: str) -> None:
    provider.status, provider.answer = status, {"error": "bad key resend-key-1234567"}
    set_mail_server("resend", FROM, actor=acting(world.admin), secret="resend-key-1234567", api_url=provider.url)
    with pytest.raises(Unavailable, match=said) as refused:
        mail.send("x", "x", ["owner@example.com"])
    assert "resend-key" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_redirect_does_not_take_the_key_along(world: World, provider: Asked) -> None:
    provider.status, provider.location = 307, f"{provider.url}elsewhere"
    set_mail_server("resend", FROM, actor=acting(world.admin), secret="resend-key-1234567", api_url=provider.url)
    with pytest.raises(Unavailable):
        mail.send("x", "x", ["owner@example.com"])
    assert len(provider.requests) == 1


@pytest.mark.parametrize("provider_name", [name for name in Provider.values if name not in ("smtp", "amazon_ses")])
def test_every_provider_can_be_connected_to(provider_name: str) -> None:
    connection = connection_of(MailServer(provider=provider_name, from_email=FROM), "a-key")
    assert provider_name in type(connection).__module__
    connection.close()


def test_the_secret_is_sealed_and_never_leaves(world: World, api: Callable[..., APIClient]) -> None:
    set_mail_server("resend", FROM, actor=acting(world.admin), secret="resend-key-1234567")
    server = MailServer.objects.get()
    assert b"resend-key" not in bytes(server.sealed_secret or b"")
    shown = api(world.admin).get("/api/v1/mail/").json()
    assert shown["server"]["has_secret"] is True
    assert "resend-key" not in json.dumps(shown) + json.dumps(entries("MAIL_SERVER_UPDATE"))


def test_the_secret_does_not_follow_to_another_server(world: World, smtp: Any, provider: Asked) -> None:
    set_smtp(world, smtp)
    for changed in ({"host": "mail.example.org"}, {"port": 2525}, {"security": "none"}):
        with pytest.raises(Invalid, match="enter the secret again"):
            set_smtp(world, smtp, secret="", **changed)
    kept = set_smtp(world, smtp, secret="")
    assert kept.sealed_secret is not None
    assert send_test(actor=acting(world.admin)).delivered


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"provider": "carrier-pigeon"}, "provider"),
        ({"from_email": "no address\r\nBcc: x@example.com"}, "from_email"),
        ({"host": "mail\r\nexample"}, "host"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"username": "temps"}, "secret"),
        ({"secret": "x"}, "username"),
        ({"secret": "x", "username": "temps", "security": "none"}, "security"),
        ({"provider": "postmark", "host": ""}, "secret"),
        ({"provider": "postmark", "host": "", "secret": "x", "api_url": "http://mail.example.com/"}, "api_url"),
        ({"provider": "postmark", "host": "", "secret": "x", "api_url": "https://u:p@mail.example.com/"}, "api_url"),
        ({"provider": "amazon_ses", "host": "", "secret": "x", "username": "AKIA"}, "region"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(world: World, given: dict[str, Any], field: str) -> None:
    values = {"provider": "smtp", "from_email": FROM, "host": "mail.example.com"} | given
    with pytest.raises(Invalid) as refused:
        set_mail_server(values.pop("provider"), values.pop("from_email"), actor=world.operator, **values)
    assert refused.value.field == field
    assert not MailServer.objects.exists()


def test_it_needs_the_permission_and_a_recent_confirmation(world: World) -> None:
    for user in (world.developer, world.owner):
        with pytest.raises(Denied):
            set_mail_server("smtp", FROM, host="mail.example.com", actor=acting(user))
    stale = replace(acting(world.admin), confirmed_at=None)
    with pytest.raises(StepUpRequired):
        set_mail_server("smtp", FROM, host="mail.example.com", actor=stale)


def test_removed_it_is_gone(world: World) -> None:
    set_mail_server("smtp", FROM, host="mail.example.com", actor=world.operator)
    remove_mail_server(actor=acting(world.admin))
    assert not mail.available()
    with pytest.raises(Unavailable, match="no mail server is set"):
        mail.send("x", "x", ["owner@example.com"])


def test_the_commands_take_the_secret_from_standard_input(
    world: World, smtp: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    options = ["--host", "localhost", "--port", str(smtp.port), "--username", USER, "--secret-stdin"]
    call_command("mail", "set", "--from", FROM, *options)
    call_command("mail", "status", "--json")
    call_command("mail", "test", "--to", "owner@example.com")
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err
    assert '"source": "temps"' in said.out
    assert smtp.messages[0]["To"] == "owner@example.com"


def test_the_command_tells_what_came_of_a_test_once(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CommandError, match="temps mail set"):
        call_command("mail", "test", "--to", "owner@example.com")
    call_command("mail", "set", "--from", FROM, "--host", "localhost", "--port", str(free_port()))
    with pytest.raises(CommandError, match="it cannot be reached"):
        call_command("mail", "test", "--to", "owner@example.com")
    assert "mail.not_sent" not in caplog.text + capsys.readouterr().err
    with pytest.raises(Unavailable):
        mail.send("x", "x", ["owner@example.com"])
    assert "mail.not_sent" in caplog.text


def test_the_console_sets_it_and_tries_it(world: World, smtp: Any, signed_in: Callable[[User], Client]) -> None:
    client, page = signed_in(world.admin), "/accounts_mail/mailserver/"
    form = {"provider": "smtp", "from_email": FROM, "host": "localhost", "port": smtp.port, "security": "starttls"}
    assert client.post(page, form | {"username": USER, "secret": PASSWORD}).status_code == 302
    shown = client.get(page).content.decode()
    assert PASSWORD not in shown
    assert "Send a test message to me" in shown
    client.post(page, {"send-test": "1"})
    assert smtp.messages[0]["To"] == "admin@example.com"
    assert "took a message" in client.get(page).content.decode()
