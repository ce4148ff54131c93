"""The base of every ``temps`` command: who acts, what people read in tables, and how an error is told."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.db.utils import DatabaseError, OperationalError
from django_typer.management import TyperCommand
from typer import Option
from typer._click.exceptions import NoArgsIsHelpError, UsageError  # what typer raises has no public name

from accounts.services import actor_for, user_by_email
from audit.folding import record_denial
from temps.lib.actor import Actor, Credential, CredentialKind, new_request_id
from temps.lib.errors import Denied, Invalid, TempsError

NO_SUB_COMMAND = "Missing command."
"""What typer says where help is wanted."""

AsUser = Annotated[str, Option("--as", metavar="EMAIL", help="Act as this user, with this user's rights.")]
AsJson = Annotated[bool, Option("--json", help="Print JSON.")]
Yes = Annotated[bool, Option("--yes", help="Do not ask whether to do it.")]


def acting(email: str = "") -> Actor:
    """The operator of this machine, or the user that ``--as`` names."""
    if not email:
        return Actor.operator()
    user = user_by_email(email)
    if not user.is_active:
        raise Denied(f"{user.email} is disabled")
    return actor_for(user, Credential(CredentialKind.LOCAL), request_id=new_request_id())


def at(moment: datetime | None, otherwise: str = "never") -> str:
    """``moment`` as people read it in what a command prints; ``--json`` has :func:`temps.lib.clock.iso`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else otherwise


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def ca_bundle(name: str, *, most: int) -> str:
    """The PEM file ``name`` of ``--ca-file``, up to one character more than ``most``, which the service then refuses.
    Raises :class:`Invalid` when it cannot be read."""
    try:
        with Path(name).expanduser().open(encoding="ascii") as file:
            return file.read(most + 1)
    except OSError as error:
        raise Invalid(f"cannot read {name}: {error.strerror}", field="ca_file") from None
    except UnicodeDecodeError:
        raise Invalid(f"{name} holds no certificates in PEM form", field="ca_file") from None


def confirm(what: str, *, yes: bool) -> None:
    """Ask on a terminal whether to do ``what``, which nothing takes back. Raises :class:`Invalid` unless the answer is
    yes, and where nobody can be asked: a script says ``--yes``."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid(f"this would {what}: say --yes", field="yes")
    print(f"This will {what}. Continue? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline(64).strip().lower() not in ("y", "yes"):
        raise Invalid("nothing was changed", field="yes")


class TempsCommand(TyperCommand):
    # Foreseen errors are one line on standard error and exit status 1. No docstring: it would show as the help of every
    # command that has none.

    requires_system_checks = ()
    # Django's own options would fill half of every help page.
    suppressed_base_arguments = {
        *("version", "verbosity", "settings", "pythonpath", "traceback", "show_locals"),
        *("no_color", "force_color", "skip_checks"),
    }

    def run_from_argv(self, argv: list[str]) -> None:
        sys.argv[0] = argv[0] = settings.DT_MANAGE_SCRIPT  # else the help of a sub-command shows the whole path
        super().run_from_argv(argv)  # type: ignore[no-untyped-call]

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        typed_wrong = isinstance(error, UsageError) and not isinstance(error, NoArgsIsHelpError)
        if typed_wrong and self._called_from_command_line:
            if error.ctx is not None and error.message == NO_SUB_COMMAND:
                self._show_help(error.ctx)
            self._fail(_what_is_wrong(error))
        return super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)  # type: ignore[no-untyped-call]
        except TempsError as error:
            if isinstance(error, Denied):
                record_denial(error)
            self._fail(error.message)
        except DatabaseError as error:
            if "no such table" in str(error) or "does not exist" in str(error):
                self._fail("the database is not set up yet: run 'temps up' or 'temps migrate' first")
            if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
                raise
            # It is away, locked, full, or no database. The drivers name hosts and files, and no passwords.
            self._fail(f"the database cannot be used: {str(error).strip().partition(chr(10))[0]}")

    def _show_help(self, ctx: Any) -> NoReturn:
        """The help of a command that was typed without one of its sub-commands, as an error."""
        self.stdout = OutputWrapper(sys.stderr)
        print(ctx.get_help(), file=sys.stderr)
        sys.exit(2)

    def _fail(self, message: str) -> None:
        if self._called_from_command_line:
            print(f"error: {message}", file=sys.stderr)
            sys.exit(1)
        raise CommandError(message)


def _what_is_wrong(error: UsageError) -> str:
    said = error.format_message()
    if "extra argument" in said:
        # Typer would repeat them, and they may be the second word of a secret.
        said = "there is a word too many: a value that has blanks stands in quotes"
    return f"{said.rstrip('.')} ({error.ctx.command_path} --help says more)" if error.ctx else said
