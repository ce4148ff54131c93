"""Commands of Django and its apps that change what Temps records, and record nothing: refused, by ``manage.py`` too."""

from __future__ import annotations

import sys
from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

INSTEAD = {
    "auditlogflush": "entries are removed by retention: temps retention set",
    "changepassword": "use temps user set-password --email EMAIL --password-stdin",
    "createsuperuser": "use temps user create --email EMAIL --role admin --password-stdin, or the link that temps up "
    "prints while there is no administrator",
}
"""What to use in place of each."""


def refusal(name: str) -> str:
    return f"'{name}' would go past the audit log: {INSTEAD[name]}"


class Refused(BaseCommand):
    """A command that is named as its module, and does nothing but say what to use."""

    help = "Refused: it would go past the audit log."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("given", nargs=REMAINDER)

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(f"error: {self._refusal()}")

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(self._refusal())

    def _refusal(self) -> str:
        return refusal(type(self).__module__.rpartition(".")[2])
