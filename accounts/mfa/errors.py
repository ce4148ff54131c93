from __future__ import annotations

from temps.lib.errors import Unauthenticated


class PasskeyRefused(Unauthenticated):
    """Why, the audit log knows: whoever presents a passkey that is not good learns no more than that."""

    code = "passkey_refused"

    def __init__(self, message: str = "that passkey could not be accepted: try again, or use another way") -> None:
        super().__init__(message)
