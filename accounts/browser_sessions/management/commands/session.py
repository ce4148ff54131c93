"""``temps session``: who is signed in where."""

from __future__ import annotations

from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.browser_sessions import services
from accounts.browser_sessions.listing import OpenSession, all_sessions, session_by_id, sessions_of
from accounts.cli import AsJson, AsUser, TempsCommand, Yes, acting, at, confirm
from accounts.services import visible_user_by_email
from temps.lib import clock
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid

Email = Annotated[str, Option("--email", metavar="EMAIL", help="Of this account.")]


def _row(one: OpenSession) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind,
        "email": one.email,
        "device": one.device,
        "address": one.address,
        "signed_in_from": one.signed_in_from,
        "signed_in_at": clock.iso(one.signed_in_at),
        "last_seen_at": clock.iso(one.last_seen_at),
        "expires_at": clock.iso(one.expires_at),
    }


def _counted(sessions: int) -> str:
    return "1 session" if sessions == 1 else f"{sessions} sessions"


class Command(TempsCommand):
    help = "Sessions: who is signed in where, in browsers and with API tokens, and ending that."

    @command("list")
    def list_sessions(self, email: Email = "", as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Where everybody, or one account, is signed in."""
        actor = acting(as_user)
        if email:
            found = sessions_of(visible_user_by_email(email, actor=actor), actor=actor)
        else:
            found = all_sessions(actor=actor)
        if as_json:
            show_json([_row(one) for one in found])
            return
        show_table(
            ("ID", "KIND", "EMAIL", "DEVICE", "ADDRESS", "SIGNED IN", "LAST SEEN"),
            (
                (*(one.id, one.kind, one.email, one.device, one.address), at(one.signed_in_at), at(one.last_seen_at))
                for one in found
            ),
            empty="nobody is signed in",
        )

    @command()
    def end(
        self,
        session_id: Annotated[str, Option("--id", metavar="ID", help="One session, as the list shows it.")] = "",
        email: Email = "",
        everybody: Annotated[bool, Option("--all", help="All of the account that --email names; else everybody's.")] = (
            False
        ),
        yes: Yes = False,
        as_user: AsUser = "",
    ) -> None:
        """End one session (--id), those of one account (--email), or everybody's (--all), at once."""
        actor = acting(as_user)
        if (session_id and (email or everybody)) or not (session_id or email or everybody):
            raise Invalid("say which: --id ID, --email EMAIL, or --all for everybody's")
        if session_id:
            services.end_session(session_by_id(session_id, actor=actor), actor=actor)
            print(f"ended {session_id}")
        elif email:
            user = visible_user_by_email(email, actor=actor)
            print(f"ended {_counted(services.end_all_sessions(user, actor=actor))} of {user.email}")
        else:
            confirm("end everybody's sessions and tokens, yours too", yes=yes)
            print(f"ended {_counted(services.end_everybodys_sessions(actor=actor))}")
