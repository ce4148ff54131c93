"""Django's sessions, kept so that whoever reads the database, or knew a key before the sign-in, has nothing by it.

The key in the cookie is 256 random bits, and the table holds its SHA-256 alone. The limits of the sign-in policy are
asked on every request, so a cookie that was kept opens nothing. A session that was ended stays ended: a request that
was under way meanwhile changes no row that is gone.
"""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY as USER
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted

from accounts.browser_sessions.models import NOTED_EVERY, BrowserSession, hashed
from accounts.policy import current_policy
from temps.lib import clock

KEY_BYTES = 32
KEY_LENGTH = 43
"""Characters of a key in base64url."""
STRANGERS_KEEP = timedelta(hours=1)
"""How long something is kept for a browser in which nobody is signed in, after the last time it was changed."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from."""

    address: str = ""
    user_agent: str = ""
    """As much as is kept of it, and printable."""


NOWHERE = Visitor()
VISITOR = ContextVar("temps.session.visitor", default=NOWHERE)
"""Where the request comes from that is answered here; set by the middleware. No attribute of a store, for a request may
get another store on the way: django-allauth puts one in its place where it saves a session early."""


class SessionStore(SessionBase):
    """Reads and writes one :class:`BrowserSession`; a row is made once there is something to keep."""

    opened_nothing = False
    """Whether there was a key, and nothing under it (any more)."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._row = BrowserSession()

    # Reading

    def load(self) -> dict[str, Any]:
        """What is kept under the key; of a key that opens nothing, nothing, and the key is forgotten too: the next one
        is made here, and never taken over from whoever sent it."""
        row = BrowserSession.objects.filter(key_hash=hashed(str(self.session_key))).first()
        data = self._data_of(row) if row is not None else None
        if data is None:
            self._session_key = None
            self.opened_nothing = True
            return {}
        return data

    def _data_of(self, row: BrowserSession) -> dict[str, Any] | None:
        if row.is_over(current_policy(), clock.now()):
            row.delete()
            return None
        self._row = row
        data: dict[str, Any] = self.decode(row.data)
        whose = str(row.user_id) if row.user_id is not None else None
        if data.get(USER) != whose:  # written into the table by somebody else
            self._row = BrowserSession()
            return None
        return data

    def exists(self, session_key: str) -> bool:
        return BrowserSession.objects.filter(key_hash=hashed(session_key)).exists()

    @property
    def public_id(self) -> str:
        """What lists and the audit log call this session; the key is told to nobody."""
        self._kept()
        return self._row.public_id

    @property
    def key_salt(self) -> str:
        return f"temps.session.{self._row.public_id}"

    # Writing

    def create(self) -> None:
        self._session_key = secrets.token_urlsafe(KEY_BYTES)
        self._row = BrowserSession(key_hash=hashed(self._session_key))
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """Write what is kept. Raises :class:`UpdateError` when the session was ended meanwhile."""
        if self.session_key is None:
            self.create()
            return
        values = self._values(self._kept(must_create))
        for name, value in values.items():
            setattr(self._row, name, value)
        if must_create:
            self._row.save(force_insert=True)
        elif not self._stored().update(**values):
            raise UpdateError

    def cycle_key(self) -> None:
        """Another key for the same session: the one before, whoever knew it, opens nothing from now on."""
        self._kept()
        old, key = self.session_key, secrets.token_urlsafe(KEY_BYTES)
        if old is not None and self._stored().update(key_hash=hashed(key)):
            self._session_key = key
            self.modified = True
        elif old is not None and self._row.user_id is not None:
            raise SessionInterrupted("this session was ended meanwhile")
        else:
            self.create()

    def clear(self) -> None:
        self._kept()  # or the next save would take it for a session that nobody has signed in to
        super().clear()

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            BrowserSession.objects.filter(key_hash=hashed(key)).delete()

    def flush(self) -> None:
        super().flush()
        self._row = BrowserSession()

    def note_use(self) -> None:
        """Keep that somebody who is signed in uses the session: this alone puts off its end for being idle.

        Those columns alone are written, so that nothing that another request keeps meanwhile is lost.
        """
        now, row = clock.now(), self._row
        if row.last_seen_at is None or row.last_seen_at > now - NOTED_EVERY:
            return
        row.last_seen_at = now
        self._stored().update(last_seen_at=now, **self._last())

    @classmethod
    def clear_expired(cls) -> None:
        BrowserSession.objects.over(current_policy(), clock.now()).delete()

    # The cookie

    def get_expiry_age(self, **_kwargs: Any) -> int:
        """Seconds that the cookie is good for: as long as the row, however it is used."""
        if USER not in self._kept():
            return int(STRANGERS_KEEP.total_seconds())
        if self._row.user_id is None:  # signed in by this very request
            return current_policy().session_hours * 3600
        return max(0, int((self._row.expires_at - clock.now()).total_seconds()))

    def _kept(self, is_new: bool = False) -> dict[str, Any]:
        """What is kept, read on first use; of a row that is new, what it is to begin with."""
        kept: dict[str, Any] = self._get_session(no_load=is_new)  # type: ignore[attr-defined]  # missing in the stubs
        return kept

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and len(key) == KEY_LENGTH

    def _stored(self) -> Any:
        return BrowserSession.objects.filter(key_hash=hashed(str(self.session_key)))

    def _values(self, data: dict[str, Any]) -> dict[str, Any]:
        """What is to be written of ``data``, and of the sign-in that it says was completed."""
        now = clock.now()
        values: dict[str, Any] = {"data": self.encode(data)}
        if self._row.user_id is not None:
            return values
        if USER not in data:
            return values | {"expires_at": now + STRANGERS_KEEP}
        return values | {
            "user_id": int(data[USER]),
            "signed_in_at": now,
            "last_seen_at": now,
            "expires_at": now + timedelta(hours=current_policy().session_hours),
            "address": VISITOR.get().address,
            "user_agent": VISITOR.get().user_agent,
            **self._last(),
        }

    def _last(self) -> dict[str, str]:
        return {"last_address": VISITOR.get().address, "last_user_agent": VISITOR.get().user_agent}
