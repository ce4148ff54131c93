"""No secret is ever in the log, the audit log, a message to a worker or an error: whatever it looks like, whichever way
it comes, and however wrong the request is."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client, TestCase
from django.utils.module_loading import import_string
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.api_keys import create_api_key
from accounts.models import TotpDevice
from accounts.totp import begin_enrolment, manual_key
from audit.models import Event
from temps.lib import secret_looks
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-02", "O-06")]
few = budget(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

CORE = st.text(string.ascii_letters + string.digits, min_size=16, max_size=24).filter(lambda text: len(set(text)) > 5)
AROUND = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("'\"\\$ \n=#&%"),
    max_size=12,
)


@dataclass(frozen=True)
class Secret:
    """A value with a core that stays itself in JSON, in an address and in a shell, whatever stands around it."""

    core: str
    value: str

    @property
    def forms(self) -> list[str]:
        data = self.value.encode()
        coded = [base64.b64encode(data), base64.urlsafe_b64encode(data), base64.b64encode(self.core.encode())]
        return [self.core, self.core[::-1], data.hex(), *(code.decode().rstrip("=") for code in coded)]


SECRETS = st.builds(lambda before, core, after: Secret(core, before + core + after), AROUND, CORE, AROUND)
PLAIN = st.builds(lambda core: Secret(core, core), CORE)


class Said:
    """Everything that was said where it stays."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        self.messages: list[Any] = []
        self.errors: list[str] = []

    def everything(self) -> str:
        events = [json.dumps(event.as_entry(), ensure_ascii=False) for event in Event.objects.all()]
        rows = [f"{row.object_repr} {json.dumps(row.changes, ensure_ascii=False)}" for row in LogEntry.objects.all()]
        return "\n".join([self.lines.getvalue(), repr(self.messages), *self.errors, *events, *rows])

    def about(self, answer: Any) -> Any:
        """Remembers what an answer that is no success says."""
        if answer.status_code >= 400:
            self.errors.append(answer.content.decode())
        return answer

    def running(self, *arguments: str) -> None:
        try:
            call_command(*arguments)
        except CommandError as error:
            self.errors.append(str(error))


@contextmanager
def nothing_leaks(secret: Secret, monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """What happens inside is undone, and must not have said ``secret`` anywhere."""
    said = Said()
    cache.clear()
    handler = logging.StreamHandler(said.lines)
    configured = dict(settings.LOGGING["formatters"]["structured"])
    handler.setFormatter(configured.pop("()")(**configured))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    monkeypatch.setattr("temps.celery.app.send_task", lambda *given, **options: said.messages.append((given, options)))
    try:
        with transaction.atomic():
            with TestCase.captureOnCommitCallbacks(execute=True):
                yield said
            everything = said.everything()
            transaction.set_rollback(True)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "request" in everything
    assert [form for form in secret.forms if form in everything] == []


@pytest.fixture
def people(world: World, api: Callable[..., APIClient], data_dir: Path) -> tuple[World, APIClient]:
    client = api(world.owner)
    client.raise_request_exception = False
    return world, client


@few
@given(secret=SECRETS, encrypted=st.booleans())
def test_the_values_of_variables(people: Any, monkeypatch: Any, secret: Secret, encrypted: bool) -> None:
    _world, client = people
    place = "/api/v1/projects/shop/variables/"
    with nothing_leaks(secret, monkeypatch) as said:
        body = {"key": "TOKEN", "value": secret.value, "encrypted": encrypted}
        assert said.about(client.post(place, body, format="json")).status_code == 201
        said.about(client.put(f"{place}TOKEN/", {"value": secret.value + "x", "reason": "rotated"}, format="json"))
        said.about(client.put(f"{place}TOKEN/", {"value": [secret.core]}, format="json"))
        said.about(client.put(f"{place}TOKEN/", {"value": secret.value, "encrypted": secret.core}, format="json"))
        half = f'{{"value": "{secret.core}'
        said.about(client.generic("PUT", f"{place}TOKEN/", half, content_type="application/json"))
        assert said.about(client.post(f"{place}TOKEN/reveal/")).json()["value"] == secret.value + "x"
        said.about(client.get("/api/v1/projects/shop/bundle/"))
        said.about(client.get(place))
        said.about(client.delete(f"{place}TOKEN/"))


@few
@given(secret=SECRETS)
def test_an_error_that_nobody_foresaw(people: Any, monkeypatch: Any, secret: Secret) -> None:
    _world, client = people

    def broken(*_given: Any, **_options: Any) -> None:
        raise RuntimeError("a mistake of ours")

    with nothing_leaks(secret, monkeypatch) as said, monkeypatch.context() as patched:
        patched.setattr("secrets_vault.services._append", broken)
        body = {"key": "TOKEN", "value": secret.value, "encrypted": True}
        answer = said.about(client.post("/api/v1/projects/shop/variables/", body, format="json"))
        assert answer.status_code == 500


@few
@given(secret=PLAIN, broken=st.sampled_from(["A='{}", "A={}\n{}\n", "export {}", 'A="{}" {}', "A\0={}", "1A={}"]))
def test_lines_of_a_file_that_cannot_be_read(people: Any, monkeypatch: Any, secret: Secret, broken: str) -> None:
    _world, client = people
    text = broken.replace("{}", secret.value)
    with nothing_leaks(secret, monkeypatch) as said:
        answer = client.post("/api/v1/projects/shop/variables/import/", {"text": text}, format="json")
        assert said.about(answer).status_code == 400


@few
@given(secret=PLAIN)
def test_values_on_the_command_line(people: Any, monkeypatch: Any, tmp_path: Path, capsys: Any, secret: Secret) -> None:
    _world, client = people
    file = tmp_path / "env"
    file.write_text(f"A={secret.value}\nB='{secret.value}\n")
    place = ("--project", "shop", "--key", "TOKEN")
    with nothing_leaks(secret, monkeypatch) as said:
        client.get("/api/v1/projects/")
        said.running("env", "set", *place, "--value", secret.value, "--encrypted")
        said.running("env", "set", *place, "--value", "one", secret.value)
        said.running("env", "set", "--project", "missing", "--key", "TOKEN", "--value", secret.value)
        said.running("env", "get", *place)
        said.running("env", "list", "--project", "shop", "--show-secrets")
        said.running("env", "import", "--project", "shop", "--file", str(file), "--encrypted")
        said.running("env", "unset", *place)
    assert secret.value in capsys.readouterr().out


@few
@given(secret=SECRETS)
def test_passwords_at_every_door(people: Any, monkeypatch: Any, secret: Secret) -> None:
    world, client = people
    visitor = Client(raise_request_exception=False)
    with nothing_leaks(secret, monkeypatch) as said:
        for email, password in ((world.owner.email, secret.value), (secret.value, PASSWORD), (secret.value, "x")):
            said.about(client.post("/api/v1/auth/token", {"email": email, "password": password}, format="json"))
            visitor.post("/accounts/login/", {"login": email, "password": password})
        visitor.post(f"/accounts/setup/{secret.core}/", {"email": "a@example.com", "password": secret.value})
        visitor.force_login(world.owner)
        names = ("old_password", "new_password1", "new_password2")
        visitor.post("/password_change/", dict(zip(names, (PASSWORD, secret.value, "y"), strict=True)))
        visitor.post("/password_change/", dict.fromkeys(names, secret.value))
        for typed in (f"{secret.value}\n", f"{secret.core}-{secret.core}\n", f"{secret.core[:11]}\n"):
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8"))
            said.running("user", "set-password", "--email", world.viewer.email, "--password-stdin")


@few
@given(secret=PLAIN)
def test_credentials_that_are_presented(people: Any, monkeypatch: Any, secret: Secret) -> None:
    visitor = Client(raise_request_exception=False)
    with nothing_leaks(secret, monkeypatch) as said:
        for credential in (f"Bearer {secret.value}", f"Basic {secret.value}", secret.value, f"Token {secret.value}"):
            said.about(visitor.get("/api/v1/projects/", headers={"authorization": credential}))
        said.about(visitor.get("/api/v1/projects/", headers={"x-api-key": secret.value, "cookie": f"a={secret.value}"}))
        said.about(visitor.get("/api/v1/audit/events/", {"token": secret.value}))
        said.about(visitor.get(f"/missing/?api_key={secret.value}"))
        for path in ("refresh", "revoke"):
            said.about(visitor.post(f"/api/v1/auth/{path}", {"token": secret.value}, content_type="application/json"))


@pytest.mark.parametrize("where", ["authorization", "user_agent", "query", "path", "id", "name", "reason"])
def test_an_api_key_wherever_it_is_pasted(people: Any, monkeypatch: Any, where: str) -> None:
    world, client = people
    key, token = create_api_key("CI", owner=world.owner, actor=acting(world.owner))
    secret = Secret(token.removeprefix(f"tmp_{key.prefix}_"), token)
    with nothing_leaks(secret, monkeypatch) as said:
        client.get("/api/v1/projects/")
        if where == "authorization":
            answer = Client().get("/api/v1/projects/", headers={"authorization": f"Bearer {token}"})
            assert said.about(answer).status_code == 200
        elif where == "user_agent":
            form = {"email": world.owner.email, "password": "wrong"}
            headers = {"user-agent": f"curl {token}"}
            said.about(Client().post("/api/v1/auth/token", form, content_type="application/json", headers=headers))
        elif where == "query":
            Client().get(f"/missing/?key={token}", headers={"referer": f"https://example.com/?key={token}"})
        elif where == "path":
            Client().get(f"/missing/{token}/")
            Client().get(f"/api/v1/{token}")
        elif where == "id":
            client.delete(f"/api/v1/api-keys/{token}/")
            said.running("api-key", "revoke", "--key-id", token)
        elif where == "name":
            client.patch("/api/v1/projects/shop/", {"description": f"use {token}"}, format="json")
            client.post("/api/v1/api-keys/", {"name": f"old {token}", "scopes": ["projects:read"]}, format="json")
        else:
            body = {"action": "block", "network": "203.0.113.0/24", "project": "shop", "reason": f"leaked {token}"}
            assert client.post("/api/v1/firewall/rules/", body, format="json").status_code == 201


class Watched:
    """A pattern that notes how long each text is that it reads."""

    def __init__(self, shape: re.Pattern[str], lengths: list[int]) -> None:
        self._shape, self._lengths = shape, lengths

    def sub(self, replacement: str, text: str) -> str:
        self._lengths.append(len(text))
        return self._shape.sub(replacement, text)


def test_a_stranger_does_not_keep_the_process_busy_with_looking(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One header of 64 KB took twelve seconds, in which the process answered nobody."""
    lengths: list[int] = []
    shapes = [(needed, Watched(shape, lengths)) for needed, shape in secret_looks._SHAPES]
    monkeypatch.setattr(secret_looks, "_SHAPES", shapes)
    agent = "eyJ" + "-eyJ" * 16_000
    form = {"email": world.owner.email, "password": "wrong"}
    answer = Client().post("/api/v1/auth/token", form, content_type="application/json", headers={"user-agent": agent})
    assert answer.status_code == 401
    assert Event.objects.get(user_agent__startswith="eyJ").user_agent == agent[:512]
    assert secret_looks.LOOKED_AT // 2 < max(lengths) <= secret_looks.LOOKED_AT


@few
@given(secret=PLAIN)
def test_private_keys_of_certificates(people: Any, monkeypatch: Any, secret: Secret) -> None:
    _world, client = people
    pem = f"-----BEGIN PRIVATE KEY-----\n{secret.value}\n-----END PRIVATE KEY-----\n"
    with nothing_leaks(secret, monkeypatch) as said:
        body = {"name": "shop.example.com", "tls": "manual", "project": "shop"}
        assert client.post("/api/v1/domains/", body, format="json").status_code == 201
        for given in (pem, secret.value):
            for upload in ({"certificate": given, "private_key": given}, {"certificate": "none", "private_key": given}):
                answer = client.put("/api/v1/domains/shop.example.com/certificate/", upload, format="json")
                assert said.about(answer).status_code == 400


@few
@given(secret=PLAIN)
def test_addresses_and_secrets_of_webhooks(
    world: World, api: Any, monkeypatch: Any, data_dir: Path, secret: Secret
) -> None:
    client = api(world.admin)
    url = f"https://hooks.example.com/services/{secret.value}?token={secret.value}"
    signing = "whsec_" + base64.b64encode(secret.value.encode() * 2).decode()
    with nothing_leaks(secret, monkeypatch) as said:
        sink = {"name": "siem", "kind": "webhook", "url": url, "secret": signing}
        channel = {"name": "Chat", "kind": "slack", "address": url}
        for path, body in (("audit/sinks/", sink), ("alert-channels/", channel)):
            assert said.about(client.post(f"/api/v1/{path}", body, format="json")).status_code == 201
            said.about(client.post(f"/api/v1/{path}", body | {"kind": "other"}, format="json"))
            said.about(
                client.post(f"/api/v1/{path}", body | {"url": f"ftp://{secret.value}/", "address": "x"}, format="json")
            )


def test_what_an_authenticator_app_is_given(people: Any, monkeypatch: Any) -> None:
    world, client = people
    made = begin_enrolment(world.viewer, actor=acting(world.viewer))
    secret = Secret(manual_key(made), manual_key(made))
    visitor = Client()
    visitor.force_login(world.viewer)
    with nothing_leaks(secret, monkeypatch):
        client.get("/api/v1/projects/")
        visitor.get("/accounts/login/enrol/")
        visitor.post("/accounts/login/enrol/", {"code": "000000"})
        visitor.post("/accounts/login/enrol/", {"code": secret.value})
        TotpDevice.objects.filter(user=world.viewer).delete()


def test_the_formatter_of_these_tests_is_that_of_the_platform() -> None:
    assert import_string("structlog.stdlib.ProcessorFormatter") is settings.LOGGING["formatters"]["structured"]["()"]
