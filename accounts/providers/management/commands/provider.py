"""``temps provider``: where people may sign in with accounts of."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, Yes, acting, confirm, yes_no
from accounts.providers import services
from accounts.providers.models import IdentityProvider
from accounts.providers.services import provider_by_slug, redirect_uri
from accounts.providers.settings import Given
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid

Slug = Annotated[str, Option("--slug", help="Its short name.")]
LONGEST_LINE = 4096


def _secret() -> str:
    """One line of standard input; asked for, unseen, at a terminal."""
    if sys.stdin.isatty():
        return getpass.getpass("client secret: ").strip()
    line = sys.stdin.readline(LONGEST_LINE).strip()
    if not line:
        raise Invalid("give the client secret on standard input", field="client_secret")
    return line


def _row(provider: IdentityProvider) -> dict[str, object]:
    return {
        "id": provider.public_id,
        "slug": provider.slug,
        "kind": provider.kind,
        "name": provider.name,
        "server_url": provider.server_url,
        "client_id": provider.client_id,
        "scopes": provider.scopes,
        "create_accounts": provider.create_accounts,
        "domains": provider.domains,
        "groups_claim": provider.groups_claim,
        "enabled": provider.enabled,
        "redirect_uri": redirect_uri(provider),
    }


class Command(TempsCommand):
    help = "Sign-in with accounts elsewhere: GitHub, GitLab, OpenID Connect."

    @command()
    def add(
        self,
        slug: Slug,
        kind: Annotated[str, Option("--kind", help="github, gitlab or oidc.")],
        client_id: Annotated[str, Option("--client-id", help="As the provider gave it.")],
        server: Annotated[
            str, Option("--server", help="The issuer of OpenID Connect; your own GitLab or GitHub Enterprise.")
        ] = "",
        name: Annotated[str, Option("--name", help="What its button says.")] = "",
        scopes: Annotated[str, Option("--scopes", metavar="A,B", help="Beyond what signing in needs.")] = "",
        create_accounts: Annotated[
            bool, Option("--create-accounts", help="Make accounts for verified addresses of --domains.")
        ] = False,
        domains: Annotated[str, Option("--domains", metavar="A,B", help="Mail domains, such as example.com.")] = "",
        groups_claim: Annotated[str, Option("--groups-claim", help="The claim that lists groups.")] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Let people sign in with it. The client secret is asked for, or read from standard input."""
        given: Given = {
            "name": name,
            "client_id": client_id,
            "client_secret": _secret(),
            "scopes": _words(scopes),
            "create_accounts": create_accounts,
            "domains": _words(domains),
            "groups_claim": groups_claim,
        }
        provider = services.create_provider(slug, kind, server_url=server, actor=acting(as_user), **given)
        if as_json:
            show_json(_row(provider))
            return
        print(f"people may sign in with {provider.name} ({provider.server_url})")
        print(f"redirect URI to register there: {redirect_uri(provider)}")
        if not redirect_uri(provider).startswith("http"):
            print("with https:// and the name of this host before it (TEMPS_PUBLIC_URL)", file=sys.stderr)

    @command("list")
    def list_providers(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The providers, and the redirect URIs to register there."""
        rows = [_row(provider) for provider in IdentityProvider.objects.visible_to(acting(as_user))]
        if as_json:
            show_json(rows)
            return
        columns = ("slug", "kind", "name", "server_url", "enabled", "redirect_uri")
        shown = (row | {"enabled": yes_no(bool(row["enabled"]))} for row in rows)
        show_table(
            ("PROVIDER", "KIND", "NAME", "SERVER", "ENABLED", "REDIRECT URI"),
            ([row[column] for column in columns] for row in shown),
            empty="no providers yet: temps provider add --slug github --kind github --client-id …",
        )

    @command()
    def enable(self, slug: Slug, as_user: AsUser = "") -> None:
        """Offer it on the sign-in page."""
        actor = acting(as_user)
        provider = services.set_enabled(provider_by_slug(slug, actor=actor), True, actor=actor)
        print(f"people may sign in with {provider.name}")

    @command()
    def disable(self, slug: Slug, as_user: AsUser = "") -> None:
        """Offer it no longer. Links stay, and sessions go on."""
        actor = acting(as_user)
        provider = services.set_enabled(provider_by_slug(slug, actor=actor), False, actor=actor)
        print(f"nobody signs in with {provider.name} any more")

    @command()
    def remove(self, slug: Slug, yes: Yes = False, as_user: AsUser = "") -> None:
        """Remove it with every link to it, for good."""
        actor = acting(as_user)
        provider = provider_by_slug(slug, actor=actor)
        confirm(f"remove {provider.slug} with every link to it, and the roles that its groups gave", yes=yes)
        services.delete_provider(provider, actor=actor)
        print(f"removed {provider.slug}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
