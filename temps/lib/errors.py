"""Every error that Temps raises on purpose, translated once per face.

Services raise these; the API turns them into RFC 9457 problem answers, the command line into one line and an exit
status, the console into a message. ``message`` is written for the person who reads it and never holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from temps.lib.actor import Actor


class TempsError(Exception):
    """The root. ``code`` is stable and machine-readable, ``status`` the HTTP status that fits."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    told_remotely: ClassVar[str] = ""
    """What people elsewhere are told in place of a message that names files of this machine."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    @property
    def public_message(self) -> str:
        """The message for console and API; the command line shows :attr:`message`."""
        return self.told_remotely or self.message


class Invalid(TempsError):
    """The input cannot be accepted; ``field`` names the part at fault where there is one."""

    code = "invalid"
    status = 400


class Unauthenticated(TempsError):
    code = "unauthenticated"
    status = 401


class Denied(TempsError):
    """The actor is known and may not do this. Faces record it in the audit log after the transaction rolled back."""

    code = "denied"
    status = 403

    def __init__(
        self,
        message: str,
        *,
        actor: Actor | None = None,
        permission: str = "",
        project: str = "",
        environment: str = "",
    ) -> None:
        super().__init__(message)
        self.actor = actor
        self.permission = permission
        self.project = project
        self.environment = environment


class NotFound(TempsError):
    """No such object, or none that this actor may see: the two are not told apart."""

    code = "not_found"
    status = 404


class Conflict(TempsError):
    """The request is well formed but the state of the system forbids it (a duplicate, the last administrator)."""

    code = "conflict"
    status = 409


class Unavailable(TempsError):
    """Something that Temps needs is missing or does not answer; trying again later may work."""

    code = "unavailable"
    status = 503


class KeyUnavailable(Unavailable):
    """The encryption key that stored data needs is not in the keyring."""

    code = "key_unavailable"
    told_remotely = "the encryption key that this data needs is missing; whoever runs Temps is told which"


class SealError(TempsError):
    """A sealed value did not open: wrong key, wrong row, altered or truncated. One error, so that nothing leaks."""

    code = "does_not_open"
    status = 500
