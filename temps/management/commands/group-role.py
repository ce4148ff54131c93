"""``temps group-role``: roles that groups give."""  # noqa: N999  the file is named as the command is

from __future__ import annotations

from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from accounts.group_roles.models import GroupRole
from accounts.group_roles.places import place
from accounts.group_roles.services import group_role_by_id, remove_group_role, set_group_role
from temps.lib import clock
from temps.lib.cli import show_json, show_table


def _row(mapping: GroupRole) -> dict[str, object]:
    return {
        "id": mapping.public_id,
        "source": mapping.source,
        "group": mapping.group,
        "role": mapping.role,
        "scope": mapping.scope,
        "created_by": mapping.created_by,
        "created_at": clock.iso(mapping.created_at),
    }


class Command(TempsCommand):
    help = "Roles that the groups of a directory or an identity provider give."

    @command("list")
    def list_group_roles(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Which group gives which role where."""
        visible = GroupRole.objects.visible_to(acting(as_user)).select_related("project", "environment")
        rows = [_row(mapping) for mapping in visible]
        if as_json:
            show_json(rows)
            return
        show_table(
            ("ID", "SOURCE", "GROUP", "ROLE", "SCOPE"),
            ([row[name] for name in ("id", "source", "group", "role", "scope")] for row in rows),
            empty="no group gives a role yet: temps group-role set --source directory:corp --group cn=admins,... "
            "--role developer",
        )

    @command("set")
    def set_role(
        self,
        source: Annotated[str, Option("--source", help="Who says who is in the group, such as directory:corp.")],
        group: Annotated[str, Option("--group", help="Of a directory the distinguished name.")],
        role: Annotated[str, Option("--role")],
        project: Annotated[str, Option("--project", metavar="SLUG", help="The platform if left out.")] = "",
        env: Annotated[str, Option("--env", metavar="SLUG", help="In this environment of the project alone.")] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Let a group give a role; its members get it when they next sign in."""
        actor = acting(as_user)
        made = set_group_role(source, group, role, actor=actor, **place(project, env, actor=actor))
        if as_json:
            show_json(_row(made))
        else:
            print(f"{made.group} of {made.source} gives {made.role} on {made.scope} ({made.public_id})")

    @command()
    def remove(
        self,
        group_role: Annotated[str, Option("--id", help="The id (grr_...) that 'temps group-role list' shows.")],
        as_user: AsUser = "",
    ) -> None:
        """Let a group give that role no longer: who had it by no other group loses it at once."""
        actor = acting(as_user)
        mapping = group_role_by_id(group_role, actor=actor)
        remove_group_role(mapping, actor=actor)
        print(f"{mapping.group} of {mapping.source} no longer gives {mapping.role} on {mapping.scope}")
