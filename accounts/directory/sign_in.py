"""Passwords that a directory checks. Which account is whose is kept in a link, by an id that directories never reuse.

An account that Temps has already is never taken over because an entry bears its address: an administrator links the
two, or nobody does. Whoever does not get in costs the same work, whether the account is here, there or nowhere.

A directory finds one entry by many spellings of an address. So a try counts at the account of the entry, or at the
entry itself, before the password is sent there; and it is sent only for an entry that could sign in with it.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import IntegrityError, transaction

from accounts.directory.asking import Known, with_password
from accounts.directory.errors import DirectoryDown, DirectoryFault
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.protocol import Entry
from accounts.group_roles.services import apply_groups, groups_speak
from accounts.lockout.counting import network_of
from accounts.lockout.services import succeeded_found, try_found
from accounts.models import User, UserKind
from accounts.services import clean_email, clean_name, create_user
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, TempsError

WORKER = "accounts.directory"
"""The background actor that makes accounts and disables them."""


def user_in_directories(login: str, password: str, *, user: User | None, actor: Actor) -> User | None:
    """The person with this name and password in one of the directories, with the roles of their groups now.

    ``user`` is the account with this address, if there is one. For an account without a link it is nobody, and the
    password stays here. Raises :class:`DirectoryDown` when it is nobody and a directory did not answer, and
    :class:`Busy`.
    """
    down = False
    for directory in Directory.objects.filter(enabled=True):
        try:
            person = _person_in(directory, login, password, user, actor)
        except DirectoryFault:
            down = True
            continue
        if person is not None:
            return person
    if down:
        raise DirectoryDown
    return None


def _person_in(directory: Directory, login: str, password: str, user: User | None, actor: Actor) -> User | None:
    network = network_of(actor.address)

    def may_try(entry: Entry | None) -> bool:
        linked = _linked(directory, entry.id if entry is not None else "")
        could = entry is not None and _could_enter(linked, directory, user)
        # Nobody is counted by the name that was typed: the same work, which leads to nothing.
        found = f"{directory.public_id} {entry.id}" if could and entry is not None else f"{directory.public_id}:{login}"
        return try_found(linked if could else None, found, network, actor=actor) and could

    known = with_password(directory, login, password, may_try=may_try)
    person = _account_of(known, directory, login, user, actor) if known is not None else None
    if person is not None:
        succeeded_found(person, network)
    return person


def _could_enter(linked: User | None, directory: Directory, user: User | None) -> bool:
    """Whether an entry whose account is ``linked`` could sign in under the address of ``user``."""
    if linked is None:
        return user is None and directory.create_accounts
    if user is not None and linked.pk != user.pk:
        return False  # an address that now belongs to another entry opens nothing
    return linked.is_active and linked.kind == UserKind.PERSON


def _account_of(found: Known, directory: Directory, login: str, user: User | None, actor: Actor) -> User | None:
    """The account of an entry whose password was right, if it may sign in."""
    linked = _linked(directory, found.entry.id)
    if not _could_enter(linked, directory, user):
        return None  # what changed meanwhile
    linked = linked or _new_account(found, directory, login, actor)
    if linked is None or not linked.is_active:
        return None
    apply_groups(linked, source=directory.source, groups=found.groups, actor=groups_speak(actor))
    return linked


def _linked(directory: Directory, unique_id: str) -> User | None:
    rows = DirectoryAccount.objects.filter(directory=directory, unique_id=unique_id)
    link = rows.select_related("user").first()
    return link.user if link is not None else None


def _new_account(found: Known, directory: Directory, login: str, actor: Actor) -> User | None:
    """Make the account of a person who comes for the first time; None, recorded, where that cannot be."""
    worker = replace(
        Actor.system(WORKER), address=actor.address, user_agent=actor.user_agent, request_id=actor.request_id
    )
    try:
        return _create(found, directory, login, worker)
    except (TempsError, IntegrityError) as error:
        other = _linked(directory, found.entry.id)  # who came at the same moment
        if other is None:
            _record_refusal(found, directory, error, worker)
        return other


@transaction.atomic
def _create(found: Known, directory: Directory, login: str, worker: Actor) -> User:
    user = create_user(_address(found, login), name=_name(found), actor=worker)
    link_entry(user, directory, found.entry.id, actor=worker)
    return user


@transaction.atomic
def link_entry(user: User, directory: Directory, unique_id: str, *, actor: Actor) -> DirectoryAccount:
    """Have ``directory`` check the password of ``user`` from now on, as that of the entry with this id."""
    link = DirectoryAccount.objects.create(user=user, directory=directory, unique_id=unique_id, linked_by=actor.label)
    record(
        actor,
        Action.DIRECTORY_LINK,
        ("user", user.public_id),
        f"the directory {directory.name} checks the password of {user.email} from now on",
        metadata={"directory": directory.name, "entry": unique_id},
    )
    return link


def _address(found: Known, login: str) -> str:
    """The address that was typed if it is theirs, else their first. Raises :class:`Invalid` for none."""
    mails = [mail.strip().lower() for mail in found.entry.mails]
    if not mails:
        raise Invalid("the entry has no mail address", field="email")
    return clean_email(login if login in mails else mails[0])


def _name(found: Known) -> str:
    try:
        return clean_name(found.entry.name[:120])
    except Invalid:
        return ""


def _record_refusal(found: Known, directory: Directory, error: Exception, worker: Actor) -> None:
    linkable = "there is an account with this address: temps directory link lets the directory check its password"
    reason = linkable if isinstance(error, Conflict | IntegrityError) else getattr(error, "message", "refused")
    record_folded(
        worker,
        Action.DIRECTORY_LINK,
        ("directory", directory.public_id),
        f"made no account for {found.entry.dn[:200]} of {directory.name}",
        metadata={"reason": reason},
        result=Result.FAILURE,
    )
