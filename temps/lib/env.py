"""Settings from the environment: ``NAME``, or ``NAME_FILE`` naming a file that holds the value.

The file form keeps secrets out of process lists and crash dumps, and is what Docker, Kubernetes and systemd mount.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})

DATABASES = frozenset({"sqlite", "postgresql", "postgres"})

T = TypeVar("T")

INHERITED = dict(os.environb)
"""The environment as this process got it, before Django writes its time zone there: what ``temps run`` hands on."""


class EnvError(ValueError):
    """A setting is malformed. The message names the variable and never shows its value."""


class Env:
    """Typed reads from a mapping, by default the process's environment."""

    def __init__(self, source: Mapping[str, str] | None = None) -> None:
        self._source = os.environ if source is None else source

    def get(self, name: str) -> str | None:
        """The value of ``name``, else the content of the file ``name_FILE`` (one trailing newline removed)."""
        value, file = self._source.get(name), self._source.get(f"{name}_FILE")
        if value is not None and file:
            raise EnvError(f"{name} and {name}_FILE are both set; keep one")
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
            except (OSError, UnicodeDecodeError) as error:
                raise EnvError(f"{name}_FILE: cannot read {file} ({type(error).__name__})") from None
        return value

    def text(self, name: str, default: str = "") -> str:
        value = self.get(name)
        return default if value is None else value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.get(name)
        if value is None:
            return default
        if value.strip().lower() in TRUE:
            return True
        if value.strip().lower() in FALSE:
            return False
        raise EnvError(f"{name} must be true or false")

    def number(self, name: str, default: int, *, at_least: int = 0) -> int:
        value = self.get(name)
        if value is None or not value.strip():
            return default
        try:
            number = int(value)
        except ValueError:
            raise EnvError(f"{name} must be a whole number") from None
        if number < at_least:
            raise EnvError(f"{name} must be at least {at_least}")
        return number

    def words(self, name: str, default: str = "") -> list[str]:
        """A comma-separated list, blanks dropped."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def parsed(self, name: str, parse: Callable[[list[str]], T]) -> T:
        """The comma-separated list, read by ``parse``, whose :class:`ValueError` becomes an :class:`EnvError`."""
        try:
            return parse(self.words(name))
        except ValueError as error:
            raise EnvError(f"{name}: {error}") from None

    def database_url(self, name: str) -> str:
        """The URL of an SQLite or PostgreSQL database, or nothing. What is wrong with it is said without showing it."""
        url = self.text(name)
        try:
            parts = urlsplit(url)
            known = not url or parts.scheme in DATABASES
            _ = parts.port
        except ValueError:
            known = False
        if not known:
            raise EnvError(f"{name} must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME")
        return url
