"""``make bench``: what the guarantees cost, as ratios to doing the same without them.

The two sides of a ratio are timed in turn, in one process, so that whatever else the machine does slows both alike;
the medians are shown. Absolute times are this machine's and say little elsewhere. First on SQLite in a temporary
directory, then, where it is installed, on a private PostgreSQL that is told not to wait for the disk; last the audit
log, on one that waits for it as it does by default.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from tests import peers


def run(label: str, database_url: str, *module: str) -> int:
    print(f"\n{label}", flush=True)
    with tempfile.TemporaryDirectory(prefix="temps-bench-") as directory:
        environment = {
            "TEMPS_DATA_DIR": directory,
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "temps.settings",
            "RATE_LIMIT_ENABLED": "false",
            "REDIS_URL": "",
        }
        command = [sys.executable, "-m", *module]
        return subprocess.run(command, env=os.environ | environment).returncode


def main() -> int:
    failed = run("SQLite", "", "tests.bench.measure")
    failed = run("SQLite: keys and tokens", "", "tests.bench.credentials") or failed
    failed = run("SQLite: wrong passwords", "", "tests.bench.storm") or failed
    failed = run("SQLite: addresses that are known and that are not", "", "tests.bench.enumeration") or failed
    if peers.has_postgresql():
        with peers.postgresql() as url:
            failed = run("PostgreSQL", url, "tests.bench.measure") or failed
        with peers.postgresql() as url:
            failed = run("PostgreSQL: keys and tokens", url, "tests.bench.credentials") or failed
        with peers.postgresql() as url:
            label = "PostgreSQL: addresses that are known and that are not"
            failed = run(label, url, "tests.bench.enumeration") or failed
        for part in ("writing", "reading"):
            with peers.postgresql(durable=True) as url:
                label = f"PostgreSQL, waiting for the disk: {part}"
                failed = run(label, url, "tests.bench.audit", part) or failed
    else:
        print("\nnot run: PostgreSQL (apt-get install postgresql)")
    return failed


if __name__ == "__main__":
    sys.exit(main())
