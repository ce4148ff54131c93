"""``temps notice``: the texts that people agree to at sign-in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from django_typer.management import command
from typer import Argument, Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from accounts.privacy.api import NoticeOut
from accounts.privacy.models import Notice
from accounts.privacy.notices import LONGEST, notice_by_id, publish_notice, withdraw_notice
from rbac.permissions import Permission
from rbac.services import require
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid


class Command(TempsCommand):
    help = "The texts that people agree to at sign-in, such as a privacy notice."

    @command("list")
    def list_(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """List the texts and their versions, the newest first."""
        require(acting(as_user), Permission.SETTINGS_READ)
        notices = Notice.objects.all()
        if as_json:
            show_json(NoticeOut(notices, many=True).data)
            return
        rows = [
            (one.public_id, one.name, one.version, one.title, "withdrawn" if one.withdrawn_at else "in force")
            for one in notices
        ]
        show_table(("ID", "NAME", "VERSION", "TITLE", "STATE"), rows, empty="nobody is asked to agree to anything")

    @command()
    def publish(
        self,
        name: Annotated[str, Option("--name", metavar="NAME", help="Such as privacy or terms.")],
        version: Annotated[str, Option("--version", metavar="VERSION")],
        title: Annotated[str, Option("--title", metavar="TITLE")],
        file: Annotated[Path, Option("--file", metavar="FILE", help="The text, in UTF-8.")],
        as_user: AsUser = "",
    ) -> None:
        """Publish a version of a text: everyone agrees to it at their next sign-in."""
        try:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(LONGEST + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(
                f"{file} cannot be read: {getattr(error, 'strerror', 'it is no UTF-8')}", field="file"
            ) from None
        notice = publish_notice(name, version, title, text, actor=acting(as_user))
        print(f"published {notice} ({notice.public_id})")
        print(
            "everyone agrees at their next sign-in, in a browser; programs that sign in with a person's password are "
            "answered 401 consent_required until that person has, and API keys go on",
            file=sys.stderr,
        )

    @command()
    def withdraw(self, public_id: Annotated[str, Argument(metavar="ID")], as_user: AsUser = "") -> None:
        """Ask nobody for a version any more; who agreed to it stays on record."""
        actor = acting(as_user)
        print(f"withdrew {withdraw_notice(notice_by_id(public_id, actor=actor), actor=actor)}")
