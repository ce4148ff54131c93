from __future__ import annotations

from temps.lib.errors import Unavailable


class DirectoryFault(Unavailable):
    """The directory does not answer, or not as it is configured: told to those who run it."""

    code = "directory_unavailable"


class DirectoryDown(Unavailable):
    """Told to whoever does not get in while a directory is away, so that nobody learns whose account is there."""

    code = "directory_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "That address and password do not belong together, or they belong to a directory that does not answer now. "
            "Passwords that are not a directory's work."
        )
