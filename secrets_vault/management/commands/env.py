"""``temps env``: the variables of a project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from django_typer.management import command
from typer import Context, Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at
from projects.models import Environment, Project
from rbac.permissions import Permission
from secrets_vault import dotenv, reading
from secrets_vault.files import read_input, read_value, write_private
from secrets_vault.models import Kind, VariableVersion
from secrets_vault.places import named, place
from secrets_vault.services import import_variables, set_variable, unset_variable
from temps.lib.actor import Actor
from temps.lib.cli import show_json, show_table
from temps.lib.clock import iso
from temps.lib.errors import Invalid

InProject = Annotated[str, Option("--project", metavar="SLUG", help="The project.")]
InEnvironment = Annotated[
    str, Option("--env", metavar="SLUG", help="The environment; left out, the base that holds in all of them.")
]
Key = Annotated[str, Option("--key", help="The name of the variable.")]
Reason = Annotated[str, Option("--reason", help="Why, for the history.")]
Encrypted = Annotated[
    bool | None,
    Option(
        "--encrypted/--plain",
        help="Seal the value, or store it as it is. Left out, a secret stays a secret and a new key is plain.",
        show_default=False,
    ),
]

MASK = "********"
"""Of one length, whatever it stands for."""


def _summary(version: VariableVersion) -> str:
    return f"{version.variable} ({'encrypted' if version.kind == Kind.SECRET else 'plain'}, version {version.number})"


class Command(TempsCommand):
    help = "Variables: set, read, import and export them, and see who changed them."

    @command(context_settings={"allow_extra_args": True})
    def set(
        self,
        context: Context,
        project: InProject,
        key: Key,
        env: InEnvironment = "",
        value: Annotated[
            str | None,
            Option("--value", help="The value. Others on this machine may see it while this runs: see --value-stdin."),
        ] = None,
        value_stdin: Annotated[
            bool,
            Option("--value-stdin", help="Read the value from standard input, or ask for it. One line end is dropped."),
        ] = False,
        encrypted: Encrypted = None,
        reason: Reason = "",
        as_user: AsUser = "",
    ) -> None:
        """Give a variable a value."""
        if context.args:  # perhaps the rest of a value with a blank in it: click would repeat it, so it is refused here
            raise Invalid("there is something after the options: put a value with blanks in quotes")
        if (value is None) is not value_stdin:
            raise Invalid("say either --value or --value-stdin", field="value")
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_WRITE)
        given = read_value(key) if value is None else value
        written = set_variable(
            found, key, given, environment=environment, encrypted=encrypted, reason=reason, actor=actor
        )
        print(f"{'set' if written.is_new else 'changed'} {_summary(written.version)}")

    @command()
    def get(
        self, project: InProject, key: Key, env: InEnvironment = "", as_json: AsJson = False, as_user: AsUser = ""
    ) -> None:
        """Print the value that holds there. A secret needs the permission to reveal, and that is recorded."""
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_READ)
        revealed = reading.reveal(found, environment, key, actor=actor)
        if as_json:
            show_json(self._row(revealed.version) | {"value": revealed.value})
        else:
            print(revealed.value)

    @command()
    def unset(
        self, project: InProject, key: Key, env: InEnvironment = "", reason: Reason = "", as_user: AsUser = ""
    ) -> None:
        """Delete a variable there; in an environment, the base's value holds again. The history stays."""
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_DELETE)
        version = unset_variable(found, key, environment=environment, reason=reason, actor=actor)
        print(f"unset {version.variable}")

    @command("list")
    def list_variables(
        self,
        project: InProject,
        env: InEnvironment = "",
        show_secrets: Annotated[
            bool, Option("--show-secrets", help="Show secrets in the clear. Each one is recorded as revealed.")
        ] = False,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """What holds in an environment, or in the base."""
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_READ)
        shown: list[tuple[VariableVersion, str | None]]
        if show_secrets:
            revealed = reading.reveal_all(found, environment, actor=actor)
            shown = [(one.version, one.value) for one in revealed]
        else:
            variables = reading.variables_in(found, environment, actor=actor)
            shown = [(version, version.plain) for version in variables]
        if as_json:
            show_json([self._row(version) | {"value": value} for version, value in shown])
            return
        show_table(
            ("KEY", "VALUE", "FROM", "VERSION", "CHANGED", "BY"),
            (
                (
                    version.variable.key,
                    MASK if value is None else value,
                    version.variable.environment or "base",
                    version.number,
                    at(version.created_at),
                    version.created_by,
                )
                for version, value in shown
            ),
            empty=f"{named(found, environment)} has no variables yet: see temps env set --help",
        )

    @command("import")
    def import_file(
        self,
        project: InProject,
        file: Annotated[str, Option("--file", metavar="FILE", help="A .env file, or - for standard input.")],
        env: InEnvironment = "",
        encrypted: Encrypted = None,
        reason: Reason = "",
        as_user: AsUser = "",
    ) -> None:
        """Set every variable of a .env file, or none if one line of it is wrong."""
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_WRITE)
        values = dotenv.parse(dotenv.decode(read_input(file, dotenv.MAX_BYTES)))
        written = import_variables(
            found, values, environment=environment, encrypted=encrypted, reason=reason, actor=actor
        )
        new = sum(one.is_new for one in written)
        sealed = sum(one.version.kind == Kind.SECRET for one in written)
        counts = f"{new} new, {len(written) - new} changed; {sealed} encrypted"
        print(f"imported {len(written)} variables into {named(found, environment)}: {counts}")

    @command()
    def export(
        self,
        project: InProject,
        env: InEnvironment = "",
        file: Annotated[
            str, Option("--file", metavar="FILE", help="Write to this new file, which nobody else can read.")
        ] = "",
        force: Annotated[bool, Option("--force", help="Replace the file if there is one.")] = False,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Print what holds there as a .env file. Secrets in it need the permission to reveal."""
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_READ)
        values = reading.export(found, environment, actor=actor)
        if as_json:
            show_json(values)
        elif file:
            write_private(Path(file), dotenv.write(values).encode("utf-8"), replace=force)
            print(f"exported {len(values)} variables of {named(found, environment)} to {file}")
        else:
            sys.stdout.write(dotenv.write(values))

    @command()
    def history(
        self, project: InProject, key: Key, env: InEnvironment = "", as_json: AsJson = False, as_user: AsUser = ""
    ) -> None:
        """Every version of a variable: when, who, why. Values are not shown."""
        found, environment, actor = self._place(project, env, as_user, Permission.SECRETS_READ)
        versions = list(reading.variable_in(found, environment, key, actor=actor).versions.all())
        rows = [
            {
                "version": version.number,
                "kind": version.kind,
                "changed_at": iso(version.created_at),
                "changed_by": version.created_by,
                "reason": version.reason,
            }
            for version in versions
        ]
        if as_json:
            show_json(rows)
        else:
            show_table(
                ("VERSION", "KIND", "WHEN", "WHO", "WHY"),
                ((one.number, one.kind, at(one.created_at), one.created_by, one.reason) for one in versions),
                empty="",
            )

    def _place(
        self, project: str, env: str, as_user: str, permission: Permission
    ) -> tuple[Project, Environment | None, Actor]:
        actor = acting(as_user)
        return *place(project, env, actor=actor, permission=permission), actor

    def _row(self, version: VariableVersion) -> dict[str, object]:
        """A variable as it is listed; ``value`` is None for a secret and shows nothing of it, not even its length."""
        environment = version.variable.environment
        return {
            "key": version.variable.key,
            "value": version.plain,
            "environment": environment.slug if environment else None,
            "encrypted": version.kind == Kind.SECRET,
            "version": version.number,
            "changed_at": iso(version.created_at),
            "changed_by": version.created_by,
        }
