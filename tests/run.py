"""``make test``: the whole suite on SQLite, then on PostgreSQL and Redis, started here and stopped again.

Tests that never come near the database server (marked ``once``) run with the first suite alone.

What cannot be run is named at the end, with the package to install. With ``TEMPS_TEST_NO_SKIP=1`` that is a failure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

import pytest

from tests import peers

STRICT = os.environ.get("TEMPS_TEST_NO_SKIP") == "1"


def suite(label: str, environment: dict[str, str], arguments: list[str]) -> int:
    """The exit status of pytest."""
    print(f"== the suite on {label}", flush=True)
    workers = os.environ.get("TEMPS_TEST_WORKERS", "auto")
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, *arguments]
    return subprocess.run(command, env=os.environ | environment).returncode


def main() -> int:
    arguments = sys.argv[1:]
    only = os.environ.get("TEMPS_TEST_ONLY", "")
    missed: list[str] = []
    ended: list[int] = []
    if only != "postgresql":
        ended.append(suite("SQLite", {}, ["-m", "not postgresql", *arguments]))
    if only != "sqlite":
        if not peers.has_postgresql():
            missed.append("the suite on PostgreSQL: apt-get install postgresql")
        elif shutil.which("redis-server") is None:
            missed.append("the suite on PostgreSQL and Redis: apt-get install redis-server")
        else:
            again = [] if only else ["-m", "not once"]
            with contextlib.ExitStack() as stack:
                environment = {
                    "TEMPS_TEST_DATABASE_URL": stack.enter_context(peers.postgresql()),
                    "TEMPS_TEST_REDIS_URL": stack.enter_context(peers.redis()),
                }
                ended.append(suite("PostgreSQL and Redis", environment, [*again, *arguments]))
    for line in missed:
        print(f"not run: {line}")
    return 0 if _passed(ended) and not (STRICT and missed) else 1


def _passed(ended: list[int]) -> bool:
    """Whether tests ran and none failed. Those that were asked for may all belong to one of the suites."""
    return (
        not set(ended) - {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        and ended.count(pytest.ExitCode.OK) > 0
    )


if __name__ == "__main__":
    sys.exit(main())
