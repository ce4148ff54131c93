"""Providers by service, API, console and command."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.providers import services
from accounts.providers.models import IdentityProvider
from accounts.providers.sealed import open_client_secret
from audit.models import Event
from rbac.step_up import RECENT, StepUpRequired
from temps.lib import clock
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, SealError
from tests.accounts.events import entries
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import SECRET
from tests.accounts.providers.flow import LINKED, link
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]

ISSUER = "https://sso.corp.example/realms/main"
API = "/api/v1/identity-providers/"
GIVEN = {"slug": "corp", "kind": "oidc", "server_url": ISSUER, "client_id": "temps", "client_secret": SECRET}


def changing(world: World, provider: IdentityProvider, actor: Any) -> dict[str, Any]:
    return {
        "create": lambda: services.create_provider("two", "github", client_id="x", client_secret="y", actor=actor),
        "change": lambda: services.change_provider(provider, name="Other", actor=actor),
        "disable": lambda: services.set_enabled(provider, False, actor=actor),
        "delete": lambda: services.delete_provider(provider, actor=actor),
    }


VERBS = ["create", "change", "disable", "delete"]


@pytest.mark.parametrize("verb", VERBS)
def test_only_who_may_change_settings_touches_a_provider(world: World, verb: str) -> None:
    provider = made.provider(world, ISSUER)
    with pytest.raises(Denied):
        changing(world, provider, acting(world.owner))[verb]()
    assert IdentityProvider.objects.filter(slug="corp", name="Corp", enabled=True).count() == 1


@pytest.mark.promise("A-06")
@pytest.mark.parametrize("verb", VERBS)
def test_and_only_after_confirming_who_they_are(world: World, verb: str) -> None:
    provider = made.provider(world, ISSUER)
    actor = acting(world.admin)
    with pytest.raises(StepUpRequired), time_machine.travel(clock.now() + RECENT, tick=False):
        changing(world, provider, actor)[verb]()
    assert IdentityProvider.objects.filter(slug="corp", name="Corp", enabled=True).count() == 1


def test_to_others_a_provider_is_not_there(world: World) -> None:
    provider = made.provider(world, ISSUER)
    with pytest.raises(NotFound):
        services.provider_by_id(provider.public_id, actor=acting(world.owner))


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("slug", {"slug": "No Name"}),
        ("slug", {"slug": "a" * 41}),
        ("slug", {"slug": "a/../b"}),
        ("kind", {"kind": "saml"}),
        ("server_url", {"server_url": ""}),
        ("server_url", {"server_url": "http://sso.corp.example"}),
        ("server_url", {"server_url": "http://10.0.0.5"}),
        ("server_url", {"server_url": "javascript:alert(1)"}),
        ("server_url", {"server_url": "https://user:pass@sso.corp.example"}),
        ("server_url", {"server_url": "https://sso.corp.example/?a=b"}),
        ("server_url", {"server_url": "https://sso.corp.example/#a"}),
        ("server_url", {"server_url": "https://169.254.169.254/"}),
        ("server_url", {"server_url": "https://[fd00:ec2::254]/"}),
        ("server_url", {"server_url": "https://sso.corp.example/" + "a" * 300}),
        ("client_id", {"client_id": ""}),
        ("client_id", {"client_id": "a b"}),
        ("client_secret", {"client_secret": ""}),
        ("client_secret", {"client_secret": "a\nb"}),
        ("client_secret", {"client_secret": "x" * 501}),
        ("name", {"name": "x" * 61}),
        ("name", {"name": "a\nb"}),
        ("scopes", {"scopes": ["a b"]}),
        ("scopes", {"scopes": ['"']}),
        ("domains", {"domains": ["no domain"]}),
        ("domains", {"domains": ["example"]}),
        ("domains", {"domains": ["*.example.com"]}),
        ("domains", {"create_accounts": True}),
        ("groups_claim", {"groups_claim": "a\nb"}),
        ("groups_claim", {"kind": "github", "groups_claim": "groups"}),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(world: World, field: str, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as raised:
        services.create_provider(**(GIVEN | given), actor=world.operator)
    assert raised.value.field == field
    assert not IdentityProvider.objects.exists()


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1:8080"])
def test_plain_http_is_for_this_machine_and_not_for_production(world: World, settings: Any, url: str) -> None:
    made.provider(world, url)
    settings.PRODUCTION = True
    with pytest.raises(Invalid, match="https"):
        made.provider(world, url, "two")


def test_what_people_paste_is_understood(world: World) -> None:
    provider = made.provider(
        world, f" {ISSUER}/.well-known/openid-configuration ", domains=["@Corp.Example", "corp.example"]
    )
    assert (provider.server_url, provider.domains) == (ISSUER, ["corp.example"])
    assert made.provider(world, "https://git.corp.example/", "git", "gitlab").server_url == "https://git.corp.example"
    assert made.provider(world, "", "github", "github", name="").name == "GitHub"


def test_a_short_name_is_taken_once(world: World) -> None:
    made.provider(world, ISSUER)
    with pytest.raises(Conflict):
        made.provider(world, ISSUER)


def test_a_secret_of_another_provider_does_not_open(world: World) -> None:
    one, other = made.provider(world, ISSUER), made.provider(world, ISSUER, "other")
    IdentityProvider.objects.filter(pk=one.pk).update(sealed_secret=other.sealed_secret)
    one.refresh_from_db()
    with pytest.raises(SealError):
        open_client_secret(one)


def test_an_old_secret_put_back_does_not_open(world: World) -> None:
    provider = made.provider(world, ISSUER)
    old = provider.sealed_secret
    provider = services.change_provider(provider, client_secret="another", actor=world.operator)
    assert open_client_secret(provider) == "another"
    provider.sealed_secret = old
    with pytest.raises(SealError):
        open_client_secret(provider)


# The API


def test_a_provider_by_the_api(world: World, api: Any) -> None:
    client = api(world.admin)
    created = client.post(API, GIVEN, format="json")
    assert created.status_code == 201
    one = f"{API}{created.json()['id']}/"
    assert created.json()["redirect_uri"] == "http://testserver/accounts/providers/corp/callback/"
    assert client.patch(one, {"name": "SSO", "scopes": ["groups"]}, format="json").json()["name"] == "SSO"
    assert client.patch(one, {"enabled": False}, format="json").json()["enabled"] is False
    assert client.patch(one, {"enabled": True, "name": "x"}, format="json").status_code == 400
    assert client.patch(one, {"server_url": "https://evil.example"}, format="json").json()["server_url"] == ISSUER
    assert [provider["name"] for provider in client.get(API).json()["results"]] == ["SSO"]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404


def test_the_public_address_is_what_is_registered(world: World, api: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://temps.corp.example/"
    made.provider(world, ISSUER)
    shown = api(world.admin).get(API).json()["results"][0]["redirect_uri"]
    assert shown == "https://temps.corp.example/accounts/providers/corp/callback/"


def test_no_face_shows_the_secret(
    world: World, api: Any, signed_in: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client, browser = api(world.admin), signed_in(world.admin)
    created = client.post(API, GIVEN, format="json")
    one = f"{API}{created.json()['id']}/"
    change = reverse("admin:accounts_providers_identityprovider_change", args=[IdentityProvider.objects.get().pk])
    wrong = {"slug": "two", "kind": "oidc", "client_id": "", "client_secret": SECRET}
    pages = [created, client.patch(one, {"client_secret": SECRET}, format="json"), client.get(API), client.get(one)]
    pages += [client.post(API, wrong, format="json"), browser.get(change)]
    pages += [browser.post(reverse("admin:accounts_providers_identityprovider_add"), wrong)]
    call_command("provider", "list")
    call_command("provider", "list", "--json")
    events = json.dumps([event.as_entry() for event in Event.objects.all()])
    differences = repr(LogEntry.objects.values_list("changes", "changes_text", "serialized_data", "object_repr"))
    row = repr(vars(IdentityProvider.objects.get()))
    shown = "".join(page.content.decode() for page in pages)
    assert SECRET not in shown + capsys.readouterr().out + caplog.text + events + differences + row


# The console


FORM = {**GIVEN, "name": "SSO", "scopes": "groups", "domains": "corp.example\n", "groups_claim": "", "enabled": "on"}


def screen(name: str, *args: Any) -> str:
    return reverse(f"admin:accounts_providers_identityprovider_{name}", args=args)


def test_the_console_adds_changes_and_removes(signed_in: Any, world: World) -> None:
    client = signed_in(world.admin)
    assert client.post(screen("add"), FORM).status_code == 302
    provider = IdentityProvider.objects.get()
    assert (provider.scopes, provider.domains, provider.created_by) == (["groups"], ["corp.example"], world.admin.email)
    page = client.get(screen("change", provider.pk)).content.decode()
    assert "http://testserver/accounts/providers/corp/callback/" in page
    changed = FORM | {"client_secret": "", "name": "Single sign-on", "create_accounts": "on"}
    del changed["enabled"]
    assert client.post(screen("change", provider.pk), changed).status_code == 302
    provider.refresh_from_db()
    assert (provider.name, provider.create_accounts, provider.enabled) == ("Single sign-on", True, False)
    assert open_client_secret(provider) == SECRET
    assert client.post(screen("delete", provider.pk), {"post": "yes"}).status_code == 302
    assert not IdentityProvider.objects.exists()


def test_a_refusal_stands_at_its_field(signed_in: Any, world: World) -> None:
    page = signed_in(world.admin).post(screen("add"), FORM | {"server_url": "http://sso.corp.example"})
    assert "plain http is for localhost alone; use https" in page.content.decode()
    assert not IdentityProvider.objects.exists()


def test_who_reads_the_settings_sees_and_does_not_change(signed_in: Any, world: World) -> None:
    provider = made.provider(world, ISSUER)
    client = signed_in(world.platform_viewer)
    assert client.get(screen("changelist")).status_code == 403
    assert client.post(screen("change", provider.pk), FORM).status_code == 403


def test_the_sign_in_page_has_a_button_for_each(client: Any, world: World) -> None:
    made.provider(world, ISSUER, name="Corp <SSO>")
    page = client.get("/accounts/login/?next=/projects/project/").content.decode()
    assert "Sign in with Corp &lt;SSO&gt;" in page
    assert 'name="next" value="/projects/project/"' in page


@pytest.mark.parametrize("who", ["nobody", "admin"])
def test_everyone_has_their_own_page_of_linked_accounts(signed_in: Any, world: World, who: str) -> None:
    provider = made.provider(world, ISSUER)
    link(world.owner, provider, "of-the-owner")
    page = signed_in(getattr(world, who)).get(LINKED)
    assert (page.status_code, b"Not linked." in page.content, b"of-the-owner" in page.content) == (200, True, False)


def test_without_a_provider_the_page_says_so(signed_in: Any, world: World) -> None:
    assert b"No provider is set up" in signed_in(world.nobody).get(LINKED).content


# The command line


def test_the_commands(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    where = ("--slug", "corp", "--kind", "oidc", "--server", ISSUER, "--client-id", "temps")
    call_command("provider", "add", *where, "--create-accounts", "--domains", "corp.example,example.org")
    assert "/accounts/providers/corp/callback/" in capsys.readouterr().out
    provider = IdentityProvider.objects.get()
    assert (open_client_secret(provider), provider.domains) == (SECRET, ["corp.example", "example.org"])
    call_command("provider", "disable", "--slug", "corp")
    call_command("provider", "list")
    assert " no " in capsys.readouterr().out
    call_command("provider", "enable", "--slug", "corp")
    capsys.readouterr()
    call_command("provider", "list", "--json")
    assert json.loads(capsys.readouterr().out)[0]["enabled"] is True
    with pytest.raises(CommandError, match="every link to it, and the roles that its groups gave: say --yes"):
        call_command("provider", "remove", "--slug", "corp")
    call_command("provider", "remove", "--slug", "corp", "--yes")
    told = [
        entry["operation"] for name in ("CREATE", "UPDATE", "DELETE") for entry in entries(f"IDENTITY_PROVIDER_{name}")
    ]
    assert told == ["IDENTITY_PROVIDER_CREATE", *["IDENTITY_PROVIDER_UPDATE"] * 2, "IDENTITY_PROVIDER_DELETE"]


def test_a_command_without_a_secret_adds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="on standard input"):
        call_command("provider", "add", "--slug", "github", "--kind", "github", "--client-id", "temps")
    assert not IdentityProvider.objects.exists()


def test_a_command_acts_with_the_rights_of_whom_it_acts_as(world: World) -> None:
    made.provider(world, ISSUER)
    with pytest.raises(CommandError, match="there is no provider"):
        call_command("provider", "remove", "--slug", "corp", "--as", world.owner.email)
