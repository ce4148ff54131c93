"""Telling people what happened to their account, by mail, where a server is set."""

from __future__ import annotations

import json

from accounts.mail.texts import Text
from accounts.models import User
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.queue import after_commit


def tell(user: User, text: Text, *, actor: Actor | None = None, to: str = "", **details: str) -> None:
    """Mail ``text`` to ``user`` once this transaction has committed; to ``to``, where their address has changed since.

    ``details`` fill the text, and hold no secret: they pass through the broker. Where no server is set, or it does not
    take the message, nothing more happens: the audit log has it all the same.
    """
    known = {"when": f"{clock.now():%Y-%m-%d %H:%M} UTC", "address": (actor and actor.address) or ""}
    after_commit("mail.tell", to or user.email, text.value, json.dumps(known | details))
