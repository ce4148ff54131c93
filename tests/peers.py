"""Real peers: programs that tests start privately on free ports, and stop again.

A peer whose program is missing skips its tests, saying what to install; with ``TEMPS_TEST_NO_SKIP=1`` (as in
``.ci/run``) it fails them instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

STARTUP_SECONDS = 30.0
"""How long a peer may take to answer; a limit against hanging, not a measurement."""


def find(program: str, package: str, *places: str) -> str:
    """The path of ``program``, else a skip that names the Debian package which has it."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *places]))
    if found is None:
        missing(f"{program} is not installed: apt-get install {package}")
    return str(found)


def missing(reason: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    if os.environ.get("TEMPS_TEST_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port of the loopback address that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str, *, seconds: float = STARTUP_SECONDS) -> None:
    """Poll until ``ready`` answers true; fail naming ``what`` otherwise."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` for the block, its output in ``log``; terminated, then killed, at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def postgresql_places() -> list[str]:
    """Debian keeps the server programs of each version apart from PATH."""
    return [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


def has_postgresql() -> bool:
    return shutil.which("postgres", path=os.pathsep.join([os.environ["PATH"], *postgresql_places()])) is not None


INITDB = ("-U", "temps", "-A", "trust", "-E", "UTF8", "--no-sync")


@contextlib.contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """A private PostgreSQL on a free port; yields its URL. It refuses to run as root, so root lends it an account.

    Tests need nothing of it to outlive them, so it does not wait for the disk unless it is to be ``durable``.
    """
    bin_dir = Path(find("postgres", "postgresql", *postgresql_places())).parent
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    home = Path(tempfile.mkdtemp(prefix="temps-pg-"))
    port = free_port()
    try:
        if as_other:
            shutil.chown(home, "postgres", "postgres")
        data = home / "data"
        subprocess.run(
            [*as_other, str(bin_dir / "initdb"), "-D", str(data), *INITDB],
            check=True,
            capture_output=True,
            cwd="/",
        )
        fast = "-c max_connections=60" + ("" if durable else " -c fsync=off -c synchronous_commit=off")
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 {fast}"
        control = [*as_other, str(bin_dir / "pg_ctl"), "-D", str(data)]
        subprocess.run(
            [*control, "-w", "-l", str(home / "log"), "-o", options, "start"], check=True, capture_output=True, cwd="/"
        )
        try:
            yield f"postgresql://temps@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A private Redis on a free port that keeps nothing on disk; yields its URL."""
    program = find("redis-server", "redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="temps-redis-") as home:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home]
        with running(command, log=Path(home) / "log"):
            wait_for(lambda: accepts(port), "Redis answering")
            yield f"redis://127.0.0.1:{port}/0"
