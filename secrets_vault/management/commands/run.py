"""``temps run``: start a program with the variables of a project."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import Annotated, NoReturn

from django.conf import settings
from django.db import connections
from typer import Argument, Option

from accounts.cli import AsUser, TempsCommand, acting
from rbac.permissions import Permission
from secrets_vault import remote
from secrets_vault.places import place
from secrets_vault.reading import resolve
from temps.lib.env import INHERITED
from temps.lib.errors import Invalid, NotFound, Unavailable

OURS = {b"DJANGO_SETTINGS_MODULE": b"temps.settings"}
"""Set by Temps itself before anything is read; the program may be a Django site with settings of its own."""


class Command(TempsCommand, context_settings={"allow_interspersed_args": False}):
    help = "Start a program with the variables of a project."

    def handle(
        self,
        project: Annotated[str, Option("--project", metavar="SLUG", help="The project.")],
        command: Annotated[list[str] | None, Argument(metavar="-- CMD [ARGS]...", show_default=False)] = None,
        env: Annotated[
            str, Option("--env", metavar="SLUG", help="The environment; left out, the base that holds in all of them.")
        ] = "",
        as_user: AsUser = "",
    ) -> None:
        """Start CMD in place of this process, with the variables on top of the environment it has.

        Signals and the exit status are the program's own, and nothing is written to disk. With TEMPS_URL and
        TEMPS_TOKEN set, the variables come from the control plane there; the program does not get the token.
        """
        if not command:
            raise Invalid(f"say what to run: temps run --project {project} -- CMD")
        # Found before any value is read, and by the path of whoever runs this: no variable chooses the program.
        program = shutil.which(command[0])
        if program is None:
            raise NotFound(f"there is no program '{command[0]}' to run")
        start(program, command, self._variables(project, env, as_user))

    def _variables(self, project: str, env: str, as_user: str) -> dict[str, str]:
        if settings.TEMPS_URL:
            if not settings.TEMPS_TOKEN:
                raise Invalid("TEMPS_URL is set and TEMPS_TOKEN is not: set both, or neither to run on this machine")
            if as_user:
                raise Invalid("--as works on the machine of the control plane; TEMPS_TOKEN says who asks here")
            return remote.bundle(settings.TEMPS_URL, settings.TEMPS_TOKEN, project, env)
        actor = acting(as_user)
        found, environment = place(project, env, actor=actor, permission=Permission.SECRETS_REVEAL)
        return resolve(found, environment, actor=actor)


def start(program: str, command: list[str], variables: Mapping[str, str]) -> NoReturn:
    """Become ``program``. Returns only by an error."""
    environment = {name: value for name, value in INHERITED.items() if OURS.get(name) != value}
    environment.pop(b"TEMPS_TOKEN", None)
    environment |= {key.encode("ascii"): value.encode("utf-8") for key, value in variables.items()}
    connections.close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores these two, and a program inherits what is ignored: `yes | head` would never end.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execve(program, command, environment)  # noqa: S606 - starting a program without a shell is the purpose
    except OSError as error:
        raise Unavailable(f"cannot start {program}: {os.strerror(error.errno or 0)}") from None
