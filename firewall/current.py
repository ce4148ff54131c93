"""The policy that this process enforces, and how it learns of a newer one.

A request costs one ``stat`` of the notice file. When that changed, or half a second after the last look, the number of
the newest version is read from the database, and the document itself only if it is another. One thread looks; the
others go on with the policy they have. If the database cannot be read, the last good policy stays.
"""

from __future__ import annotations

import os
import threading
import time

import structlog
from django.conf import settings
from django.db import Error

from firewall.headers import Preset
from firewall.models import PolicyVersion
from firewall.policy import EMPTY, Policy, digest_of
from firewall.publishing import NOTICE

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""The longest time between two looks at the database while requests come in."""
_BEFORE_THE_FIRST = (0, digest_of(EMPTY))

Stamp = tuple[int, int]


class CurrentPolicy:
    """One per process, shared by its threads."""

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._stamp: Stamp | None = None
        self._next_look = 0.0
        self._looking = threading.Lock()

    def get(self) -> Policy | None:
        """The newest policy that could be read; None if none ever could."""
        stamp = _stamp()
        due = stamp != self._stamp or time.monotonic() >= self._next_look
        # One thread looks. Without any policy yet, the others wait for it.
        if due and self._looking.acquire(blocking=self._policy is None):
            try:
                self._look(stamp)
            finally:
                self._looking.release()
        return self._policy

    def preset(self) -> Preset:
        """The header preset of the policy at hand, without looking for a newer one."""
        return Preset.STRICT if self._policy is None else self._policy.preset

    def forget(self) -> None:
        """Start over, as a fresh process would."""
        self._policy, self._stamp, self._next_look = None, None, 0.0

    def _look(self, stamp: Stamp | None) -> None:
        try:
            self._follow()
        except Error as error:
            log.error("firewall.policy_unreadable", error=type(error).__name__, kept=self._version())
        except (ValueError, KeyError, TypeError, OSError) as error:
            log.error("firewall.policy_damaged", error=type(error).__name__, kept=self._version())
        # The stamp was taken before the database was read: a change in between is noticed by the next request.
        self._stamp = stamp
        self._next_look = time.monotonic() + LOOK_SECONDS

    def _follow(self) -> None:
        newest = PolicyVersion.objects.values_list("version", "digest").first() or _BEFORE_THE_FIRST
        if self._policy is not None and newest == (self._policy.version, self._policy.digest):
            return
        # The digest is compared too: a restored backup may hold other rules under the same number.
        row = PolicyVersion.objects.first()
        policy = Policy(EMPTY) if row is None else Policy(row.document, row.version)
        if row is not None and policy.digest != row.digest:
            raise ValueError("the document is not the one that was published")
        self._policy = policy

    def _version(self) -> int | None:
        return None if self._policy is None else self._policy.version


def _stamp() -> Stamp | None:
    try:
        # Text and os.stat, because every request pays for it and building a Path costs four times as much.
        status = os.stat(f"{settings.DATA_DIR}/{NOTICE}")  # noqa: PTH116
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


current = CurrentPolicy()
