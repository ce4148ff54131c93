"""Every route of the platform, read from the URL resolver itself, and an example object for those that name one.

A new API route whose path names an object needs a line in :data:`EXAMPLES`; nothing else has to be told about it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.views import APIView

from accounts.api_keys import create_api_key
from accounts.browser_sessions.models import BrowserSession
from accounts.directory.models import Directory
from accounts.group_roles.services import set_group_role
from accounts.key_rotation import rotate_api_key
from accounts.links.invitations import invite
from accounts.lockout.models import Lockout
from accounts.mail.services import set_mail_server
from accounts.models import ApiKey, User
from accounts.privacy.notices import publish_notice
from accounts.providers.services import create_provider
from audit.alerts.channels import add_slack
from audit.alerts.models import Alert, Rule
from audit.alerts.services import create_rule
from audit.exporting.exports import request_export, run_export
from audit.proof.sealer import seal_everything
from audit.reading import visible_events
from audit.retention.services import place_hold
from audit.sinks.services import create_sink
from certificates.models import Tls
from certificates.services import add_domain
from firewall.services import block, set_rate_limit
from projects.models import Project
from rbac.guards import Declaration
from secrets_vault.services import set_variable
from temps.lib import clock
from temps.lib.actor import Actor
from tests.accounts.mfa.authenticator import add_passkey
from tests.peers import free_port
from tests.world import PASSWORD, World, acting, enrol

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ABSENT = "a" * 20
"""The body of a public id that nothing has."""


@dataclass(frozen=True)
class Route:
    path: str
    name: str
    namespaces: tuple[str, ...]
    callback: Callable[..., Any]
    parameters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.path

    @property
    def view(self) -> type[APIView] | None:
        """The API view behind the route, None for another kind of page."""
        found = getattr(self.callback, "cls", None)
        return found if isinstance(found, type) and issubclass(found, APIView) else None

    @property
    def methods(self) -> list[str]:
        return [method for method in METHODS if hasattr(self.view, method.lower())]

    def declared(self, method: str) -> Declaration | None:
        found: Declaration | None = getattr(self.view, "permissions", {}).get(method)
        return found

    def url(self, values: dict[str, str]) -> str:
        return reverse(":".join([*self.namespaces, self.name]), kwargs=values)


def _walk(patterns: list[Any], before: str = "", namespaces: tuple[str, ...] = ()) -> Iterator[Route]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inside = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern.url_patterns, path, inside)
        elif isinstance(pattern, URLPattern):
            yield Route(path, pattern.name or "", namespaces, pattern.callback, tuple(_parameters(path)))


def _parameters(path: str) -> Iterator[str]:
    for part in path.split("<")[1:]:
        yield part.split(">")[0].rpartition(":")[2]


ROUTES = list(_walk(get_resolver().url_patterns))
API = [route for route in ROUTES if route.view is not None]
PAGES = [route for route in ROUTES if route.view is None]


@dataclass(frozen=True)
class Example:
    """What stands in the path of a route: ``values`` by parameter, and in ``absent`` those of an object that is not."""

    values: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    project: Project | None = None
    """The project that the object belongs to; None for the platform."""
    query: str = ""
    """What a route needs besides its path, with its question mark."""
    owner: str = ""
    """The person of the world whose own it is, where others do not see it however much they hold."""


def _project(world: World) -> Example:
    return Example({"slug": world.project.slug}, {"slug": "missing"}, world.project)


def _variable(world: World, key: str = "API_URL") -> Example:
    set_variable(world.project, key, "value", encrypted=True, actor=world.operator)
    return Example({"slug": world.project.slug, "key": key}, {"slug": "missing"}, world.project)


def _domain(world: World) -> Example:
    add_domain("shop.example.com", tls=Tls.MANUAL, project=world.project, actor=world.operator)
    return Example({"name": "shop.example.com"}, {"name": "missing.example.com"}, world.project)


def _rule(world: World) -> Example:
    rule = block("198.51.100.0/24", project=world.project, actor=world.operator)
    return Example({"rule_id": rule.public_id}, {"rule_id": f"ipr_{ABSENT}"}, world.project)


def _rate_limit(world: World) -> Example:
    limit = set_rate_limit("/api/*", 1000, timedelta(minutes=1), actor=world.operator)
    return Example({"limit_id": limit.public_id}, {"limit_id": f"rtl_{ABSENT}"})


def _user(world: World) -> Example:
    return Example({"user_id": world.viewer.public_id}, {"user_id": f"usr_{ABSENT}"})


def _group_role(world: World) -> Example:
    directory("mapped")
    where = {"project": world.project, "actor": world.operator}
    made = set_group_role("directory:mapped", "cn=developers,dc=example,dc=com", "member", **where)
    return Example({"public_id": made.public_id}, {"public_id": f"grr_{ABSENT}"}, world.project)


def _notice(world: World) -> Example:
    notice = publish_notice("privacy", "1", "Privacy notice", "We keep your address.", actor=world.operator)
    return Example({"public_id": notice.public_id}, {"public_id": f"ntc_{ABSENT}"})


def _locked_user(world: World) -> Example:
    moment = clock.now()
    Lockout.objects.create(user=world.viewer, until=moment + timedelta(minutes=15), attempts=51)
    return _user(world)


def _user_with_an_app(world: World) -> Example:
    enrol(world.viewer)
    return _user(world)


def _user_and_a_mail_server(world: World) -> Example:
    set_mail_server("smtp", "temps@example.com", host="mail.example.com", actor=world.operator)
    return _user(world)


def browser_session(user: User) -> BrowserSession:
    """Another browser in which ``user`` is signed in."""
    now = clock.now()
    return BrowserSession.objects.create(
        user=user,
        key_hash=secrets.token_hex(32),
        signed_in_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=1),
    )


def _session(world: World) -> Example:
    session = browser_session(world.owner)
    return Example({"session_id": session.public_id}, {"session_id": f"ses_{ABSENT}"}, owner="owner")


def _user_with_a_session(world: World) -> Example:
    browser_session(world.viewer)
    return _user(world)


def directory(name: str) -> Directory:
    """A directory that does not answer, also where LDAP is not installed."""
    uris = f"ldap://127.0.0.1:{free_port()}"
    return Directory.objects.create(name=name, uris=uris, security="none", user_base="dc=example,dc=com")


def _directory(world: World) -> Example:
    made = directory("example")
    return Example({"public_id": made.public_id}, {"public_id": f"dir_{ABSENT}"})


def _api_key(world: World) -> Example:
    key, _token = create_api_key("ci", owner=world.owner, actor=acting(world.owner))
    return Example({"key_id": key.public_id}, {"key_id": f"key_{ABSENT}"}, owner="owner")


def _rotated_key(world: World) -> Example:
    example = _api_key(world)
    rotate_api_key(ApiKey.objects.get(public_id=example.values["key_id"]), actor=acting(world.owner))
    return example


def _provider(world: World) -> Example:
    client = {"client_id": "temps", "client_secret": "a-secret"}
    made = create_provider("github", "github", **client, actor=world.operator)
    return Example({"public_id": made.public_id}, {"public_id": f"idp_{ABSENT}"})


def _factor(world: World) -> Example:
    passkey = add_passkey(world.owner)
    return Example({"factor_id": passkey.public_id}, {"factor_id": f"pky_{ABSENT}"}, owner="owner")


def _event(world: World) -> Example:
    event = visible_events(acting(world.owner))[0]
    return Example({"public_id": event.public_id}, {"public_id": f"evt_{ABSENT}"}, world.project)


def _sink(world: World) -> Example:
    sink, _none = create_sink("logs", "syslog", host="127.0.0.1", port=1, transport="tcp", actor=world.operator)
    return Example({"public_id": sink.public_id}, {"public_id": f"snk_{ABSENT}"})


def _export(world: World) -> Example:
    actor = acting(world.admin)
    export = request_export(world.project.created_at.date(), world.project.created_at.date(), actor=actor)
    run_export(export.public_id, actor=Actor.system("audit.export"))
    return Example({"public_id": export.public_id}, {"public_id": f"exp_{ABSENT}"}, owner="admin")


def _sealed_event(world: World) -> Example:
    _variable(world)  # an event of this keyring: the test may have changed it since the world was built
    seal_everything()
    return _event(world)


def _sizes(world: World) -> Example:
    _sealed_event(world)
    return Example(query="?first=1&second=1")


def _hold(world: World) -> Example:
    hold = place_hold("a test", actor=world.operator)
    return Example({"public_id": hold.public_id}, {"public_id": f"hld_{ABSENT}"})


def _alert(world: World) -> Example:
    moment = clock.now()
    alert = Alert.objects.create(rule=Rule.objects.all()[0], title="Example", first_at=moment, last_at=moment)
    return Example({"alert_id": alert.public_id}, {"alert_id": f"alr_{ABSENT}"})


def _alert_rule(world: World) -> Example:
    rule = create_rule("Example", actor=world.operator)
    return Example({"rule_id": rule.public_id}, {"rule_id": f"rul_{ABSENT}"})


def _alert_channel(world: World) -> Example:
    channel = add_slack("Example", f"http://127.0.0.1:{free_port()}/", actor=world.operator)
    return Example({"channel_id": channel.public_id}, {"channel_id": f"chn_{ABSENT}"})


def _invitation(world: World) -> Example:
    made = invite(
        "fresh@example.com", role="viewer", project=world.project, base_url="https://x.example", actor=world.operator
    )
    return Example({"invitation_id": made.invitation.public_id}, {"invitation_id": f"inv_{ABSENT}"}, world.project)


EXAMPLES: dict[str, Callable[[World], Example]] = {
    "invitation": _invitation,
    "invitation-resend": _invitation,
    "project": _project,
    "bundle": _project,
    "variables": _project,
    "variable": _variable,
    "variable-reveal": _variable,
    "variable-import": lambda world: Example(
        _project(world).values, {"slug": "missing"}, _variable(world, "import").project
    ),
    "domain": _domain,
    "domain-renew": _domain,
    "domain-certificate": _domain,
    "domain-certificates": _domain,
    "firewall-rule": _rule,
    "firewall-rate-limit": _rate_limit,
    "user": _user,
    "user-sessions": _user_with_a_session,
    "session": _session,
    "user-unlock": _locked_user,
    "user-reset-mfa": _user_with_an_app,
    "user-reset-password": _user_and_a_mail_server,
    "user-archive": _user,
    "user-erase": _user,
    "notice": _notice,
    "group-role": _group_role,
    "directory": _directory,
    "directory-test": _directory,
    "directory-link": _directory,
    "identity-provider": _provider,
    "api-key": _api_key,
    "api-key-rotate": _api_key,
    "api-key-previous-secret": _rotated_key,
    "mfa-factor": _factor,
    "alert": _alert,
    "alert-acknowledge": _alert,
    "alert-rule": _alert_rule,
    "alert-channel": _alert_channel,
    "alert-channel-test": _alert_channel,
    "audit-event": _event,
    "audit-event-proof": _sealed_event,
    "audit-consistency": _sizes,
    "audit-hold": _hold,
    "audit-sink": _sink,
    "audit-sink-test": _sink,
    "audit-sink-rewind": _sink,
    "audit-sink-secret": _sink,
    "audit-export": _export,
    "audit-export-download": _export,
    "audit-export-file": _export,
}
"""By the name of the route: makes an object in the world (in its project, where it belongs to one)."""

BODIES: dict[tuple[str, str], dict[str, object]] = {
    ("mfa-factor", "PATCH"): {"name": "Blue key"},
    ("variables", "POST"): {"key": "API_URL", "value": "other"},
    ("variable", "PUT"): {"value": "other"},
    ("variable-import", "PUT"): {"value": "other"},
    ("variable-import", "POST"): {"text": "API_URL=other"},
    ("step-up", "POST"): {"password": PASSWORD},
    ("domain", "PATCH"): {"tls": Tls.MANUAL.value},
    ("domain-certificate", "PUT"): {"certificate": "none", "private_key": "none"},
    ("user", "PATCH"): {"is_active": True},
    ("audit-retention", "PUT"): {"days": None},
    ("audit-holds", "POST"): {"reason": "a test"},
}
"""What to send where an empty object would be refused before anyone asks who sends it."""


def example_for(route: Route, world: World) -> Example:
    if route.name in EXAMPLES:
        return EXAMPLES[route.name](world)
    if route.parameters:
        pytest.fail(
            f"the route {route.path} (named '{route.name}') names an object by {', '.join(route.parameters)}: "
            "add a function that makes one to EXAMPLES in tests/routes.py",
            pytrace=False,
        )
    return Example()
