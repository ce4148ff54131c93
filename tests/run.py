"""``make test``: the whole suite on SQLite, then on PostgreSQL and Redis, started here and stopped again.

What cannot be run is named at the end, with the package to install. With ``TEMPS_TEST_NO_SKIP=1`` that is a failure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

from tests import peers

STRICT = os.environ.get("TEMPS_TEST_NO_SKIP") == "1"


def suite(label: str, environment: dict[str, str], arguments: list[str]) -> bool:
    print(f"== the suite on {label}", flush=True)
    workers = os.environ.get("TEMPS_TEST_WORKERS", "auto")
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, *arguments]
    return subprocess.run(command, env=os.environ | environment).returncode == 0


def main() -> int:
    arguments = sys.argv[1:]
    only = os.environ.get("TEMPS_TEST_ONLY", "")
    missed: list[str] = []
    passed = only == "postgresql" or suite("SQLite", {}, ["-m", "not postgresql", *arguments])
    if only != "sqlite":
        if not peers.has_postgresql():
            missed.append("the suite on PostgreSQL: apt-get install postgresql")
        elif shutil.which("redis-server") is None:
            missed.append("the suite on PostgreSQL and Redis: apt-get install redis-server")
        else:
            with contextlib.ExitStack() as stack:
                environment = {
                    "TEMPS_TEST_DATABASE_URL": stack.enter_context(peers.postgresql()),
                    "TEMPS_TEST_REDIS_URL": stack.enter_context(peers.redis()),
                }
                passed = suite("PostgreSQL and Redis", environment, arguments) and passed
    for line in missed:
        print(f"not run: {line}")
    return 0 if passed and not (STRICT and missed) else 1


if __name__ == "__main__":
    sys.exit(main())
