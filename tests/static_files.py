"""Static files as they are served, for the tests' clients: each of these has middleware of its own, and looking at the
two hundred files anew would be most of what its first request costs."""

from __future__ import annotations

from typing import Any, ClassVar

from whitenoise.middleware import WhiteNoiseMiddleware


class OnceFound(WhiteNoiseMiddleware):
    """Looks at the files once in a process, as a server does."""

    found: ClassVar[dict[str, Any]] = {}

    def add_files_from_finders(self) -> None:
        if not self.found:
            super().add_files_from_finders()
            self.found.update(self.files)
        self.files = self.found
