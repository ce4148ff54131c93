"""Asking a directory about a person, and keeping what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory
from accounts.directory.protocol import Conversation, Entry, SeveralFound, conversation
from accounts.directory.services import password_of
from accounts.group_roles.names import canonical_dn
from accounts.hashing import Turns
from temps.lib import clock

AT_ONCE, WAITING = 2, 1
"""Conversations that people wait for. One that hangs keeps a thread of ``temps up`` for as long as the timeout lets it:
with the passwords that are hashed (:mod:`accounts.hashing`) not all of the threads."""

conversations = Turns(AT_ONCE, WAITING)


@dataclass(frozen=True, slots=True)
class Known:
    """A person as their directory knows them now."""

    entry: Entry
    groups: tuple[str, ...]
    """Distinguished names."""
    refused: str = ""
    """Why they may not sign in; empty where they may."""


def with_password(
    directory: Directory, login: str, password: str, *, may_try: Callable[[Entry | None], bool] = bool
) -> Known | None:
    """The person whose name and password these are. ``may_try`` is asked once about what is found by the name: where it
    says no the password stays here, and it is nobody, after the same work.

    Raises :class:`DirectoryFault`, at once for a directory that did not answer a moment ago, and :class:`Busy` when too
    many wait for an answer already.
    """
    _refuse_resting(directory)
    with conversations.turn():
        # Again, by now: those who waited do not find out anew, one after the other.
        _refuse_resting(Directory.objects.filter(pk=directory.pk).first())
        return _asked(directory, login, password, may_try)


def look_up(directory: Directory, login: str) -> Known | None:
    """What the directory says about ``login``, without a password. Raises :class:`DirectoryFault` and :class:`Busy`."""
    with conversations.turn(), conversation(directory, password_of(directory)) as talk:
        entry = talk.person(login)
        return None if entry is None else known(talk, entry, directory)


def known(talk: Conversation, entry: Entry, directory: Directory) -> Known:
    groups = talk.groups_of(entry)
    needed = directory.required_group
    if entry.disabled:
        refused = "the directory has disabled this person"
    elif needed and needed not in {canonical_dn(group) for group in groups}:
        refused = f"not in the required group {needed}"
    else:
        refused = ""
    return Known(entry, groups, refused)


def note(directory: Directory, error: str = "") -> None:
    """Keep on the row whether the directory answered: the console shows it, and the next sign-in does not wait."""
    rows = Directory.objects.filter(pk=directory.pk)
    if error:
        rows.update(last_error=error[:300], last_error_at=clock.now())
    else:
        rows.update(last_ok_at=clock.now())


def _refuse_resting(directory: Directory | None) -> None:
    if directory is not None and directory.rests:
        raise DirectoryFault(directory.last_error)


def _asked(directory: Directory, login: str, password: str, may_try: Callable[[Entry | None], bool]) -> Known | None:
    secret = password_of(directory)
    try:
        with conversation(directory, secret) as talk:
            entry = _only(talk, login)
            if not may_try(entry) or entry is None or not password:
                talk.accepts_nobody()
                found = None
            else:
                found = _proven(talk, entry, password, secret, directory)
    except DirectoryFault as error:
        note(directory, error.message)
        raise
    note(directory)
    return found


def _only(talk: Conversation, login: str) -> Entry | None:
    try:
        return talk.person(login)
    except SeveralFound:
        return None


def _proven(talk: Conversation, entry: Entry, password: str, secret: str, directory: Directory) -> Known | None:
    if not talk.accepts(entry.dn, password):
        return None
    talk.search_again(secret)
    found = known(talk, entry, directory)
    return None if found.refused else found
