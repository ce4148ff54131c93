"""``temps retention``: how long the audit log is kept, and what is held beyond that."""

from __future__ import annotations

import sys
from typing import Annotated

from django_typer.management import command
from typer import Argument, Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at
from audit.reading import visible_events
from audit.retention.mandate import KEPT
from audit.retention.models import SHORTEST
from audit.retention.services import (
    holds,
    place_hold,
    release_hold,
    retention_days,
    retire_due,
    set_retention,
)
from temps.lib import clock
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid


class Command(TempsCommand):
    help = "How long entries of the audit log are kept, and legal holds."

    @command()
    def show(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Print after how many days entries are removed."""
        days = retention_days(actor=acting(as_user))
        if as_json:
            show_json({"days": days})
        else:
            print("entries are kept forever" if days is None else f"entries are removed after {days} days")

    @command(name="set")
    def set_(
        self,
        days: Annotated[
            int | None, Option("--days", help=f"Remove entries after so many days, {SHORTEST} or more.")
        ] = None,
        forever: Annotated[bool, Option("--forever", help="Remove nothing.")] = False,
        as_user: AsUser = "",
    ) -> None:
        """Change how long entries are kept. The worker removes what is older once an hour."""
        if (days is None) != forever:
            raise Invalid("give either --days N or --forever", field="days")
        due = set_retention(days, actor=acting(as_user))
        print("entries are kept forever" if days is None else f"entries are removed after {days} days")
        if due:
            print(f"{due:,} are older and not held: the next run removes them")

    @command()
    def run(self, as_user: AsUser = "") -> None:
        """Remove what has had its time now, instead of within the hour."""
        print(f"removed {retire_due(actor=acting(as_user)):,} entries")

    @command()
    def hold(
        self,
        reason: Annotated[str, Option("--reason", help="Why; it is recorded.")],
        project: Annotated[str, Option("--project", help="Entries of this project (slug).")] = "",
        user: Annotated[str, Option("--user", metavar="EMAIL", help="Entries of this person.")] = "",
        as_user: AsUser = "",
    ) -> None:
        """Keep entries whatever the policy says: all of them, or those of a project, a person, or both."""
        actor = acting(as_user)
        made = place_hold(reason, project=project, user_email=user, actor=actor)
        print(f"{made.public_id}: {made}")
        about = {"project": made.project, "user_email": made.user_email}
        named = {name: value for name, value in about.items() if value}
        # Entries about holds and the policy, this one's included, are kept anyway.
        if not visible_events(actor).filter(**named).exclude(operation__in=KEPT).exists():
            print("no entry that you may see matches so far: what comes is held", file=sys.stderr)

    @command()
    def release(
        self,
        hold_id: Annotated[str, Argument(metavar="HOLD", help="As temps retention holds prints it.")],
        as_user: AsUser = "",
    ) -> None:
        """Release a legal hold. It stays on record."""
        print(f"released the {release_hold(hold_id, actor=acting(as_user))}")

    @command(name="holds")
    def holds_(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """List legal holds, released ones too."""
        found = list(holds(actor=acting(as_user)))
        rows = [
            {
                "id": hold.public_id,
                "project": hold.project,
                "user": hold.user_email,
                "reason": hold.reason,
                "createdBy": hold.created_by,
                "createdAt": clock.iso(hold.created_at),
                "releasedAt": clock.iso(hold.released_at) if hold.released_at else None,
            }
            for hold in found
        ]
        if as_json:
            show_json(rows)
        else:
            columns = ("ID", "PROJECT", "USER", "REASON", "BY", "SINCE", "RELEASED")
            show_table(
                columns,
                (
                    (
                        *(hold.public_id, hold.project or "-", hold.user_email or "-", hold.reason, hold.created_by),
                        *(at(hold.created_at), at(hold.released_at, "-")),
                    )
                    for hold in found
                ),
                empty="there are no legal holds",
            )
