"""Runs the processes of ``temps up`` in the foreground: starts them, restarts one that dies, stops them all."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

STOP_SECONDS = 15.0
"""How long a process may take to finish its work after SIGTERM."""
STABLE_SECONDS = 60.0
"""A process that ran this long starts its next back-off afresh."""
LONGEST_PAUSE = 30.0


def _die_with_parent() -> None:
    """Ask Linux to end this child when ``temps up`` itself is killed, so that no orphan keeps the port."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@dataclass
class Child:
    name: str
    command: Sequence[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    resume_at: float = 0.0

    def start(self) -> None:
        # A session of its own: Ctrl-C reaches `temps up` alone, which then stops its children in order.
        self.process = subprocess.Popen(
            list(self.command),
            env=self.environment,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # safe: no threads here
        )
        self.started_at = time.monotonic()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def plan_restart(self) -> float:
        """Seconds to wait before the next start, doubling with every early death."""
        if time.monotonic() - self.started_at > STABLE_SECONDS:
            self.failures = 0
        self.failures += 1
        pause = min(LONGEST_PAUSE, 0.5 * float(2**self.failures))
        self.resume_at = time.monotonic() + pause
        return pause


@dataclass
class Supervisor:
    """Holds the children until a signal comes. ``say`` prints a line for the person at the terminal."""

    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    stopping: bool = False

    def add(self, name: str, command: Sequence[str], **environment: str) -> Child:
        child = Child(name, command, os.environ | environment)
        self.children.append(child)
        return child

    def start(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop_soon)
        for child in self.children:
            child.start()

    def watch(self) -> None:
        """Return once a signal asked to stop; until then, whoever dies is started again."""
        while not self.stopping:
            for child in self.children:
                self._look_after(child)
            time.sleep(0.2)

    def _look_after(self, child: Child) -> None:
        if child.alive():
            return
        if child.process is not None:
            status = child.process.returncode
            pause = child.plan_restart()
            child.process = None
            self.say(f"the {child.name} process ended with status {status}; starting it again in {pause:.0f} s")
        elif time.monotonic() >= child.resume_at:
            child.start()

    def stop(self) -> None:
        """End every child: ask first, insist after :data:`STOP_SECONDS`."""
        for child in self.children:
            if child.process is not None and child.alive():
                child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"the {child.name} process does not stop; ending it")
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()

    def _stop_soon(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True
