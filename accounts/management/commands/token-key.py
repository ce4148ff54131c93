"""``temps token-key``: the keys that sign API tokens."""  # noqa: N999  the file is named as the command is

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at
from accounts.models import TokenKey
from accounts.token_keys import ES256, rotate_token_key, verifying_keys
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.cli import show_json, show_table


def _row(key: TokenKey) -> dict[str, str | None]:
    return {
        "id": key.public_id,
        "created_at": clock.iso(key.created_at),
        "retired_at": clock.iso(key.retired_at) if key.retired_at else None,
        "expires_at": clock.iso(key.expires_at) if key.expires_at else None,
    }


class Command(TempsCommand):
    help = "The keys that sign API tokens: what there is, and a new one."

    @command()
    def status(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Which keys sign and verify."""
        require(acting(as_user), Permission.SETTINGS_READ)
        keys = list(verifying_keys()) if settings.JWT_ALGORITHM == ES256 else []
        if as_json:
            show_json({"algorithm": settings.JWT_ALGORITHM, "keys": [_row(key) for key in keys]})
            return
        print(f"API tokens are signed with {settings.JWT_ALGORITHM}")
        if settings.JWT_ALGORITHM != ES256:
            print(
                "by a key that is derived from SECRET_KEY; JWT_ALGORITHM=ES256 signs with keys that others can verify"
            )
            return
        show_table(
            ("ID", "SINCE", "USE"),
            (
                (
                    key.public_id,
                    at(key.created_at),
                    f"verifies until {at(key.expires_at)}" if key.expires_at else "signs and verifies",
                )
                for key in keys
            ),
            empty="no key yet: the first is made with the first token",
        )

    @command()
    def rotate(
        self,
        now: Annotated[
            bool, Option("--now", help="End all tokens that are out: after a key may have been stolen.")
        ] = False,
        as_user: AsUser = "",
    ) -> None:
        """Sign with a new key; tokens that are out stay good until they expire."""
        key = rotate_token_key(actor=acting(as_user), at_once=now)
        rest = "all tokens until now have ended" if now else "tokens until now stay good until they expire"
        print(f"{key.public_id} signs API tokens from now on; {rest}")
