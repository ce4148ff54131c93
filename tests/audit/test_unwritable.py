"""With the audit log unwritable, every change is refused and nothing changes: over the API and with the commands."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import execute_from_command_line
from django.db import connections
from rest_framework.test import APIClient

from accounts.directory.sign_in import link_entry
from accounts.links.email_changes import request_email_change
from accounts.mail.services import set_mail_server
from accounts.services import set_password
from audit.sinks.services import create_sink
from certificates.models import Tls
from certificates.services import add_domain
from secrets_vault.services import set_variable
from tests.accounts.mfa.authenticator import add_passkey
from tests.audit.tables import changed, everything, refuse_inserts
from tests.certificates import made
from tests.routes import API, Example, Route, browser_session, directory, example_for
from tests.slapd import require_python_ldap
from tests.world import PASSWORD, World, acting, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-03")]

Api = Callable[..., APIClient]
Body = dict[str, Any]

READS_THAT_ARE_RECORDED = {"bundle", "audit-export-download"}
NOTHING_TO_RECORD = {
    ("auth-refresh", "POST"): "goes on with a sign-in that was recorded; the family ends when a token comes twice",
    ("firewall-test", "POST"): "asks what would happen",
    ("directory-link", "POST"): "asks a server first, which tests.accounts.directory has, and its test of this",
}


def _refresh_token(world: World) -> Body:
    """A token of the owner's, from before."""
    credentials = {"email": world.owner.email, "password": PASSWORD}
    return {"token": APIClient().post("/api/v1/auth/token", credentials, format="json").json()["refresh"]}


def _upload(_world: World) -> Body:
    root = made.authority()
    issued = made.server("shop.example.com", issuer=root)
    return {"certificate": issued.pem, "private_key": issued.key_pem, "chain": root.pem}


def _two_sessions(world: World) -> Body:
    browser_session(world.admin)
    return {}


def _linked(world: World) -> Body:
    link_entry(world.viewer, directory("linked"), "1", actor=world.operator)
    return {"email": world.viewer.email}


def _new_directory(world: World) -> Body:
    require_python_ldap()
    return {"name": "lost", "uris": "ldaps://192.0.2.9", "user_base": "dc=example,dc=com"}


def _mapped(world: World) -> Body:
    directory("corp")
    return {"source": "directory:corp", "group": "cn=lost,dc=example,dc=com", "role": "viewer"}


BODIES: dict[tuple[str, str], Body | Callable[[World], Body]] = {
    ("sessions-end-others", "POST"): _two_sessions,
    ("mfa-recovery-codes", "POST"): lambda world: {"for": enrol(world.admin).public_id},
    ("mfa-factor", "PATCH"): {"name": "Blue key"},
    ("auth-token", "POST"): lambda world: {"email": world.owner.email, "password": PASSWORD},
    ("auth-revoke", "POST"): _refresh_token,
    ("step-up", "POST"): {"password": PASSWORD},
    ("users", "POST"): {"email": "fresh@example.com", "role": "viewer"},
    ("mail", "PUT"): {"provider": "smtp", "from_email": "temps@example.com", "host": "mail.example.com"},
    ("invitations", "POST"): {"email": "lost@example.com", "role": "viewer"},
    ("me-name", "PUT"): {"name": "Lost"},
    ("me-email", "POST"): {"email": "lost@example.com"},
    ("user-erase", "POST"): {"confirm": "viewer@example.com"},
    ("notices", "POST"): {"name": "lost", "version": "1", "title": "Lost", "text": "Lost."},
    ("user", "PATCH"): {"is_active": False},
    ("api-keys", "POST"): {"name": "CI", "scopes": ["projects:read"]},
    ("directories", "POST"): _new_directory,
    ("directory", "PATCH"): {"timeout": 9},
    ("directory-unlink", "POST"): _linked,
    ("directory-test", "POST"): {"login": "viewer@example.com"},
    ("group-roles", "POST"): _mapped,
    ("api-key", "PATCH"): {"scopes": ["projects:read"]},
    ("identity-providers", "POST"): {"slug": "x", "kind": "github", "client_id": "x", "client_secret": "a-secret"},
    ("identity-provider", "PATCH"): {"name": "Other"},
    ("projects", "POST"): {"name": "Lost"},
    ("project", "PATCH"): {"name": "Store"},
    ("variables", "POST"): {"key": "LOST", "value": "other"},
    ("variable", "PUT"): {"value": "other"},
    ("variable-import", "PUT"): {"value": "other"},
    ("variable-import", "POST"): {"text": "LOST=other"},
    ("domains", "POST"): {"name": "lost.example.com", "tls": "manual"},
    ("domain", "PATCH"): {"tls": "auto"},
    ("domain-certificate", "PUT"): _upload,
    ("firewall-rules", "POST"): {"action": "block", "network": "203.0.113.0/24"},
    ("firewall-rate-limits", "POST"): {"path": "/lost/*", "requests": 10, "window": 60},
    ("firewall-headers", "PUT"): {"preset": "permissive"},
    ("audit-exports", "POST"): {"start_date": "2026-01-01", "end_date": "2026-01-02"},
    ("audit-retention", "PUT"): {"days": 400},
    ("audit-holds", "POST"): {"reason": "a lawsuit"},
    ("audit-sinks", "POST"): {"name": "lost", "kind": "syslog", "host": "192.0.2.9", "port": 6514, "transport": "tls"},
    ("audit-sink", "PATCH"): {"enabled": False},
    ("audit-sink-rewind", "POST"): {"position": 0},
    ("alert-rules", "POST"): {"name": "Lost", "operations": ["USER_SIGN_IN"], "threshold": 3, "window": 600},
    ("alert-rule", "PATCH"): {"enabled": False},
    ("alert-channels", "POST"): {"name": "Lost", "kind": "mail", "address": "lost@example.com"},
    ("alert-channel", "PATCH"): {"enabled": False},
}
"""A request that would succeed, where an empty one would not."""


def _automatic_domain(world: World) -> Example:
    add_domain("auto.example.com", tls=Tls.AUTO, project=world.project, actor=world.operator)
    return Example({"name": "auto.example.com"})


def _signed_sink(world: World) -> Example:
    sink, _secret = create_sink("hook", "webhook", url="https://hooks.example.com/", actor=world.operator)
    return Example({"public_id": sink.public_id})


def _second_factor(world: World) -> Example:
    enrol(world.admin)
    return Example({"factor_id": add_passkey(world.admin).public_id})


def _session_of_one_s_own(world: World) -> Example:
    return Example({"session_id": browser_session(world.admin).public_id})


def _mail_server(world: World) -> Example:
    set_mail_server("smtp", "temps@example.com", host="mail.example.com", actor=world.operator)
    return Example()


def _email_change(world: World) -> Example:
    _mail_server(world)
    request_email_change(world.admin, "other@example.com", base_url="https://x.example", actor=acting(world.admin))
    return Example()


OTHER_EXAMPLES: dict[str, Callable[[World], Example]] = {
    "mail": _mail_server,
    "mail-test": _mail_server,
    "me-email": _email_change,
    "session": _session_of_one_s_own,
    "mfa-factor": _second_factor,
    "domain-renew": _automatic_domain,
    "audit-sink-secret": _signed_sink,
}
"""Where the example of ``tests.routes`` is in a state in which the request would be refused anyway."""


def recorded(route: Route) -> list[str]:
    """The methods of the route that have to be recorded."""
    methods = [method for method in route.methods if method != "GET" or route.name in READS_THAT_ARE_RECORDED]
    return [method for method in methods if (route.name, method) not in NOTHING_TO_RECORD]


CASES = [(route, method) for route in API for method in recorded(route)]


@pytest.mark.parametrize(("route", "method"), CASES, ids=[f"{method} {route}" for route, method in CASES])
def test_the_api_answers_503_and_nothing_has_changed(
    world: World, api: Api, data_dir: Path, route: Route, method: str
) -> None:
    example = OTHER_EXAMPLES.get(route.name, lambda one: example_for(route, one))(world)
    body = BODIES.get((route.name, method), {})
    sent = json.dumps(body(world) if callable(body) else body)
    client = api() if route.name.startswith("auth-") else api(world.admin)
    refuse_inserts("audit_event")
    before = everything(data_dir)
    answer = client.generic(method, route.url(example.values), sent, content_type="application/json")
    hint = "add what would succeed to BODIES, or say in NOTHING_TO_RECORD why it may go unrecorded"
    assert (answer.status_code, getattr(answer, "data", {}).get("code")) == (503, "unavailable"), (hint, answer.content)
    assert changed(before, everything(data_dir)) == []


def test_no_exception_is_left_over() -> None:
    known = {(route.name, method) for route in API for method in route.methods}
    assert set(NOTHING_TO_RECORD) <= known


COMMANDS = [
    "project create --name Lost",
    "project delete --project shop --confirm shop",
    "user create --email fresh@example.com --role viewer",
    "user assign-role --email viewer@example.com --role developer",
    "user remove-role --email viewer@example.com --project shop",
    "user disable --email viewer@example.com",
    "user enable --email viewer@example.com",
    "user set-password --email viewer@example.com --password-stdin",
    "mail set --from temps@example.com --host mail.example.com",
    "user require-mfa --of everyone",
    "session end --all --yes",
    "session end --email viewer@example.com",
    "api-key create --name CI --scopes deployments:create,projects:read",
    "env set --project shop --key API_KEY --value secret-key --encrypted",
    "env unset --project shop --key TOKEN",
    "env get --project shop --key TOKEN",
    "env list --project shop --show-secrets",
    "env export --project shop",
    "env import --project shop --file - --encrypted",
    "run --project shop -- true",
    "firewall block --ip 203.0.113.0/24",
    "firewall allow --ip 203.0.113.0/24",
    "firewall headers --preset permissive",
    "firewall ratelimit set --path /api/* --requests 10",
    "domain add --domain lost.example.com --tls manual",
    "audit export --start-date 2026-01-01 --end-date 2026-01-31",
]


@pytest.fixture
def told_the_log_is_full(world: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variable(world.project, "TOKEN", "hunter2-hunter2", encrypted=True, actor=world.operator)
    set_password(world.viewer, "quite another phrase 77", actor=world.operator)
    browser_session(world.viewer)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"quite another phrase 78\n")))
    refuse_inserts("audit_event")


@pytest.mark.usefixtures("told_the_log_is_full")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_fails_in_one_line_and_nothing_has_changed(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    if "import" in command:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"LOST=other\n")))
    monkeypatch.setattr(connections, "close_all", lambda: None)  # as a process that ends does, with this test's own
    before = everything(data_dir)
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["temps", *command.split()])
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (1, "")
    assert told.err.splitlines()[-1] == "error: the audit log cannot be written, so nothing was changed"
    assert "hunter2" not in told.err
    assert changed(before, everything(data_dir)) == []
