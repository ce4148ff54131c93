"""A machine with Temps installed, as its operator and its clients see it: the ``temps`` command, and HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEMPS = Path(sys.executable).with_name("temps")


@dataclass
class Machine:
    """A machine with Temps installed: its data directory, its port and its commands."""

    home: Path
    port: int
    database_url: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        chosen = {"TEMPS_DATA_DIR": str(self.home), "LC_ALL": "C.UTF-8", "RATE_LIMIT_REQUESTS": "10000"}
        if self.database_url:
            chosen |= {"DATABASE_URL": self.database_url, "REDIS_URL": os.environ["TEMPS_TEST_REDIS_URL"]}
        return kept | chosen

    def temps(self, *arguments: str, stdin: str = "", fails: bool = False) -> str:
        """Run ``temps``; its standard output, or its standard error where it is expected to fail."""
        done = subprocess.run(
            [str(TEMPS), *arguments], env=self.environment, input=stdin, capture_output=True, text=True, cwd=self.home
        )
        self.said += [done.stdout, done.stderr]
        assert (done.returncode != 0) is fails, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stderr if fails else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.temps(*arguments, "--json"))

    def request(
        self, method: str, path: str, body: Any = None, *, key: str = "", source: str = "127.0.0.1"
    ) -> tuple[int, Any]:
        """One HTTP request from the loopback address ``source``: status, and the body as JSON where it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(source, 0))
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        with contextlib.closing(connection):
            connection.request(method, path, body=json.dumps(body or {}) if method != "GET" else None, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text
