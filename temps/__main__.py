"""The ``temps`` command: the same as ``manage.py``, with a first page that shows Temps' own commands."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from importlib import import_module

ROOMS = ("temps", "accounts", "projects", "secrets_vault", "firewall", "certificates", "audit", "audit.sinks")


def main() -> None:
    with contextlib.ExitStack() as stack:
        if _is_offline(sys.argv[1:]):
            # An auditor's machine has no installation and need not get one.
            os.environ["TEMPS_DATA_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="temps-"))
        _run()


def _is_offline(arguments: list[str]) -> bool:
    """Whether this is ``audit verify FILE``."""
    rest = iter(arguments[2:] if arguments[:2] == ["audit", "verify"] else [])
    for argument in rest:
        if argument in ("--public-key", "--checkpoint", "--proof"):
            next(rest, None)
        elif not argument.startswith("-"):
            return True
    return False


def _run() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "temps.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from temps.lib.env import EnvError

    try:
        _settings()
        if sys.argv[1:] in ([], ["help"], ["--help"], ["-h"]):
            overview()
        else:
            execute_from_command_line(sys.argv)
    except (EnvError, ImproperlyConfigured) as error:
        sys.exit(f"error: {error}")


def _settings() -> None:
    """Read the settings, which makes the data directory."""
    try:
        import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except OSError as error:
        sys.exit(f"error: the data directory cannot be used: {error.strerror}: {error.filename}")


def overview() -> None:
    """Print Temps' commands by room. Django's own are there too, for whoever asks for them."""
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    known = get_commands()
    print("Usage: temps COMMAND …        temps COMMAND --help says more\n")
    for room in ROOMS:
        for name in sorted(name for name, app in known.items() if app == room):
            print(f"  {name:<10}{load_command_class(room, name).help}")
    print("\nDjango's own commands (migrate, shell, check …): temps help --commands")


if __name__ == "__main__":
    main()
