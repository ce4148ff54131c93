from __future__ import annotations

from temps.lib.errors import Unavailable


class Contradiction(Unavailable):
    """What is stored is not what was signed."""

    code = "audit_log_contradicts"
