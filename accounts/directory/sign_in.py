"""Passwords that a directory checks. Which account is whose is kept in a link, by an id that directories never reuse.

An account that Temps has already is never taken over because an entry bears its address: an administrator links the
two, or nobody does. Whoever does not get in costs the same work, whether the account is here, there or nowhere.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import IntegrityError, transaction

from accounts.directory.asking import Known, with_password
from accounts.directory.errors import DirectoryDown, DirectoryFault
from accounts.directory.models import Directory, DirectoryAccount
from accounts.group_roles.services import apply_groups, groups_speak
from accounts.models import User, UserKind
from accounts.services import clean_email, clean_name, create_user
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, TempsError

WORKER = "accounts.directory"
"""The background actor that makes accounts and disables them."""


def is_linked(user: User) -> bool:
    """Whether a directory checks the password of ``user``, and nothing else does."""
    return DirectoryAccount.objects.filter(user=user).exists()


def user_in_directories(login: str, password: str, *, user: User | None, actor: Actor) -> User | None:
    """The person with this name and password in one of the directories, with the roles of their groups now.

    ``user`` is the account with this address, if there is one. For an account without a link it is nobody, and the
    password stays here. Raises :class:`DirectoryDown` when it is nobody and a directory did not answer.
    """
    link = DirectoryAccount.objects.filter(user=user).first() if user is not None else None
    down = False
    for directory in Directory.objects.filter(enabled=True):
        theirs = user is None or (link is not None and link.directory_id == directory.pk)
        try:
            found = with_password(directory, login, password if theirs else "")
        except DirectoryFault:
            down = True
            continue
        person = _account_of(found, directory, login, user, actor) if found is not None else None
        if person is not None:
            return person
    if down:
        raise DirectoryDown
    return None


def _account_of(found: Known, directory: Directory, login: str, user: User | None, actor: Actor) -> User | None:
    """The account of an entry whose password was right, if it may sign in."""
    linked = _linked(directory, found)
    if linked is None and user is None and directory.create_accounts:
        linked = _new_account(found, directory, login, actor)
    if linked is None or (user is not None and linked.pk != user.pk):
        return None  # an address that now belongs to another entry opens nothing
    if not linked.is_active or linked.kind != UserKind.PERSON:
        return None
    apply_groups(linked, source=directory.source, groups=found.groups, actor=groups_speak(actor))
    return linked


def _linked(directory: Directory, found: Known) -> User | None:
    rows = DirectoryAccount.objects.filter(directory=directory, unique_id=found.entry.id)
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
        other = _linked(directory, found)  # who came at the same moment
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
