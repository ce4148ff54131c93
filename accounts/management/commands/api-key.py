"""``temps api-key``: credentials for programs."""  # noqa: N999  the file is named as the command is

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.api_keys import OPERATOR_IDENTITY, create_api_key, key_by_id, operator_identity, revoke_api_key
from accounts.cli import AsJson, AsUser, TempsCommand, acting, at
from accounts.key_change import NEVER, change_api_key
from accounts.key_rotation import end_grace, parse_grace, rotate_api_key
from accounts.models import ApiKey, User
from accounts.scopes import DEFAULT_PRESET
from accounts.services import user_by_id, visible_user_by_email
from temps.lib import clock
from temps.lib.actor import Actor, ActorKind
from temps.lib.cli import show_json, show_table
from temps.lib.durations import parse_duration

KeyId = Annotated[str, Option("--key-id", help="The id (key_...) that 'temps api-key list' shows.")]


def _row(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.public_id,
        "name": key.name,
        "prefix": f"tmp_{key.prefix}",
        "owner": key.owner.email,
        "scopes": key.scopes,
        "allowed_networks": key.allowed_networks,
        "status": key.status_at(clock.now()),
        "created_at": clock.iso(key.created_at),
        "expires_at": _time(key.expires_at),
        "last_used_at": _time(key.last_used_at),
        "last_used_ip": key.last_used_ip,
        "rotated_at": _time(key.rotated_at),
        "previous_expires_at": _time(key.previous_expires_at),
        "previous_used_at": _time(key.previous_used_at),
        "previous_used_ip": key.previous_used_ip,
    }


def _time(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment else None


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _last_use(key: ApiKey) -> str:
    uses = [(key.last_used_at, key.last_used_ip, ""), (key.previous_used_at, key.previous_used_ip, " (old secret)")]
    known = [(moment, ip, which) for moment, ip, which in uses if moment is not None]
    if not known:
        return "never"
    moment, ip, which = max(known)
    return f"{at(moment)} from {ip}{which}"


def _warn_if_broad(key: ApiKey) -> None:
    if key.owner.email == OPERATOR_IDENTITY:
        print(
            f"\n{key.owner.email} is the service account of whoever runs this machine, an administrator of the "
            "platform: --user EMAIL makes a key of somebody else",
            file=sys.stderr,
        )
    if key.expires_at is None:
        print("This key has no end: --expires-in 90d gives it one", file=sys.stderr)


def _owner(email: str, actor: Actor) -> User:
    if email:
        return visible_user_by_email(email, actor=actor)
    if actor.kind is ActorKind.OPERATOR:
        return operator_identity(actor=actor)
    return user_by_id(actor.id, actor=actor)


class Command(TempsCommand):
    help = "API keys: make, list, change, rotate and revoke credentials for programs."

    @command()
    def create(
        self,
        name: Annotated[str, Option("--name", help="What it is for.")],
        scopes: Annotated[
            str, Option("--scopes", help="Comma-separated permissions, or a preset; see docs/scopes.md.")
        ] = "",
        expires_in: Annotated[str, Option("--expires-in", help="Such as 30d or 12h; forever if left out.")] = "",
        user: Annotated[
            str, Option("--user", metavar="EMAIL", help="Whose key it is; the operator's service account if left out.")
        ] = "",
        networks: Annotated[
            str, Option("--networks", metavar="CIDR,...", help="Where it may be used from; anywhere if left out.")
        ] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Make a key and print it, this once."""
        actor = acting(as_user)
        lasting = parse_duration(expires_in) if expires_in else None
        key, token = create_api_key(
            name,
            owner=_owner(user, actor),
            scopes=scopes or DEFAULT_PRESET,
            expires_in=lasting,
            allowed_networks=_words(networks),
            actor=actor,
        )
        if as_json:
            show_json(_row(key) | {"key": token})
            return
        until = f"until {at(key.expires_at)}" if key.expires_at else "until it is revoked"
        preset = "" if scopes else f" (the preset {DEFAULT_PRESET}, since no --scopes were given)"
        print(f"made the API key '{key.name}' of {key.owner.email}, good {until}")
        print(f"id      {key.public_id}")
        print(f"scopes  {', '.join(key.scopes)}{preset}")
        print(f"\n    {token}\n\nCopy it now: it is not shown again.")
        _warn_if_broad(key)

    @command("list")
    def list_keys(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The keys that you may see."""
        keys = ApiKey.objects.visible_to(acting(as_user)).select_related("owner")
        if as_json:
            show_json([_row(key) for key in keys])
            return
        columns = ("ID", "NAME", "OWNER", "STATUS", "SCOPES", "EXPIRES", "LAST USED")
        show_table(
            columns,
            (
                (
                    *(key.public_id, key.name, key.owner.email, key.status_at(clock.now()), ", ".join(key.scopes)),
                    at(key.expires_at),
                    _last_use(key),
                )
                for key in keys
            ),
            empty='no API keys yet: temps api-key create --name "CI/CD Key" --scopes deployments:create,projects:read',
        )

    @command()
    def rotate(
        self,
        key_id: KeyId,
        grace: Annotated[
            str, Option("--grace", help="How long the old secret still works, such as 24h; at most 30d, 0 for none.")
        ] = "24h",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Give a key a new secret and print it, this once."""
        actor = acting(as_user)
        key, token = rotate_api_key(key_by_id(key_id, actor=actor), grace=parse_grace(grace), actor=actor)
        if as_json:
            show_json(_row(key) | {"key": token})
            return
        until = f"works until {at(key.previous_expires_at)}" if key.previous_expires_at else "has ended"
        print(f"rotated the API key '{key.name}' ({key.public_id}); the old secret {until}")
        print(f"\n    {token}\n\nCopy it now: it is not shown again.")

    @command("end-old-secret")
    def end_old_secret(self, key_id: KeyId, as_user: AsUser = "") -> None:
        """End the old secret of a rotated key before its time."""
        actor = acting(as_user)
        key = end_grace(key_by_id(key_id, actor=actor), actor=actor)
        print(f"the old secret of the API key '{key.name}' ({key.public_id}) has ended")

    @command()
    def change(
        self,
        key_id: KeyId,
        scopes: Annotated[str, Option("--scopes", help="In place of those that it has.")] = "",
        expires_in: Annotated[str, Option("--expires-in", help="From now, such as 30d or 12h; or never.")] = "",
        networks: Annotated[
            str, Option("--networks", metavar="CIDR,...", help="In place of those that it has; or any.")
        ] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Change what a key may do; what is left out stays."""
        actor = acting(as_user)
        key = change_api_key(
            key_by_id(key_id, actor=actor),
            scopes=scopes or None,
            expires_in=NEVER if expires_in == "never" else parse_duration(expires_in) if expires_in else None,
            allowed_networks=([] if networks == "any" else _words(networks)) if networks else None,
            actor=actor,
        )
        if as_json:
            show_json(_row(key))
            return
        print(f"changed the API key '{key.name}' ({key.public_id})")

    @command()
    def revoke(
        self,
        key_id: KeyId,
        as_user: AsUser = "",
    ) -> None:
        """End a key at once."""
        actor = acting(as_user)
        key = revoke_api_key(key_by_id(key_id, actor=actor), actor=actor)
        print(f"revoked the API key '{key.name}' ({key.public_id})")
