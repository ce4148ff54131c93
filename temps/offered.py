"""What ``temps`` offers: Temps' own commands, and the few of Django's that whoever runs Temps needs.

The others work on tables, past the services and so past the audit log. Developers have them in ``manage.py``.
"""

from __future__ import annotations

import difflib
import sys
from importlib.metadata import version

from django.core.management import get_commands, load_command_class

from temps.refused import INSTEAD, refusal

ROOMS = ("temps", "accounts", "projects", "secrets_vault", "firewall", "certificates", "audit")
"""The rooms that have commands, in the order of the overview; what stands within a room counts as its own."""
OF_DJANGO = {
    "check": "Look for mistakes in the settings; --deploy for those of a production.",
    "migrate": "Bring the database up to date; temps up does it by itself.",
    "showmigrations": "List what migrate has done, and would do.",
}


def answer(arguments: list[str]) -> bool:
    """Whether this answers the whole command line ``arguments``; else Django runs the command that they name.

    Exits with one line for a command that is not offered.
    """
    if arguments in ([], ["help"], ["--help"], ["-h"]):
        overview()
    elif arguments == ["help", "--commands"]:
        print("\n".join(sorted(offered())))
    elif arguments in (["version"], ["--version"]):
        print(f"temps {version('temps')}")
    else:
        _refuse_unless_offered(arguments[1] if arguments[0] == "help" else arguments[0])
        return False
    return True


def own_commands() -> dict[str, dict[str, str]]:
    """By room, the commands that are Temps' own: name and app."""
    rooms: dict[str, dict[str, str]] = {room: {} for room in ROOMS}
    for name, app in sorted(get_commands().items()):
        room = app.partition(".")[0]
        if room in rooms and name not in INSTEAD:
            rooms[room][name] = app
    return rooms


def offered() -> list[str]:
    return [name for commands in own_commands().values() for name in commands] + list(OF_DJANGO)


def overview() -> None:
    """Print what each command is for."""
    rooms = own_commands()
    width = max(map(len, offered())) + 2
    print("Usage: temps COMMAND …        temps COMMAND --help says more")
    for commands in rooms.values():
        print()
        for name, app in commands.items():
            print(f"  {name:<{width}}{load_command_class(app, name).help}")
    print()
    for name, text in OF_DJANGO.items():
        print(f"  {name:<{width}}{text}")


def _refuse_unless_offered(name: str) -> None:
    known = offered()
    if name in known:
        return
    if name in INSTEAD:
        sys.exit(f"error: {refusal(name)}")
    if name in get_commands():
        sys.exit(f"error: '{name}' is a command for developers of Temps, and records nothing: manage.py has it")
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean '{near[0]}'? " if near else ""
    sys.exit(f"error: there is no command '{name}': {meant}temps --help lists them")
