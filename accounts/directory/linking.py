"""Accounts that are here already and a directory's from now on, and the way back. An administrator does it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from accounts.directory.asking import Known, look_up, note
from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.protocol import SeveralFound
from accounts.directory.services import require_keeper
from accounts.directory.sign_in import link_entry
from accounts.group_roles.services import apply_groups, groups_speak
from accounts.models import User, UserKind
from audit.actions import Action, Result
from audit.services import record
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound

LOGIN_LIMIT = 254


@dataclass(frozen=True, slots=True)
class Tried:
    """What a directory says about a name; ``problem`` is empty where the person could sign in."""

    problem: str
    known: Known | None = None


def try_directory(directory: Directory, login: str, *, actor: Actor) -> Tried:
    """Look ``login`` up and say what is found; no password is checked. Takes as long as the server does. Raises
    :class:`Busy` when too many wait for directories already."""
    require_keeper(actor)
    login, fault = _clean_login(login), ""
    try:
        known = look_up(directory, login)
        tried = Tried("nobody is found by this name") if known is None else Tried(known.refused, known)
    except SeveralFound as error:
        tried = Tried(error.message)
    except DirectoryFault as error:
        tried, fault = Tried(error.message), error.message
    with transaction.atomic():
        note(directory, fault)
        record(
            actor,
            Action.DIRECTORY_TEST,
            ("directory", directory.public_id),
            f"tried the directory {directory.name}: {tried.problem or 'one entry found'}",
            result=Result.FAILURE if tried.problem else Result.SUCCESS,
        )
    return tried


def link_account(user: User, directory: Directory, login: str, *, actor: Actor) -> DirectoryAccount:
    """Let ``directory`` check the password of ``user``, as the one entry that it finds for ``login``. The password that
    they had opens nothing any more, and their sessions and tokens end. Raises :class:`DirectoryFault` and
    :class:`Busy`."""
    require_keeper(actor)
    known = look_up(directory, _clean_login(login))
    if known is None:
        raise NotFound(f"{directory.name} finds nobody by this name")
    if known.refused:
        raise Conflict(f"this entry could not sign in: {known.refused}")
    return _link(user, directory, known, actor)


@transaction.atomic
def _link(user: User, directory: Directory, known: Known, actor: Actor) -> DirectoryAccount:
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.kind != UserKind.PERSON:
        raise Invalid(f"{user.email} is a service: it has API keys and no password", field="email")
    if DirectoryAccount.objects.filter(user=user).exists():
        raise Conflict(f"{user.email} belongs to a directory already", field="email")
    if DirectoryAccount.objects.filter(directory=directory, unique_id=known.entry.id).exists():
        raise Conflict("this entry belongs to another account already", field="login")
    user.set_unusable_password()
    user.save(update_fields=["password"])
    link = link_entry(user, directory, known.entry.id, actor=actor)
    apply_groups(user, source=directory.source, groups=known.groups, actor=groups_speak(actor))
    return link


@transaction.atomic
def unlink_account(user: User, *, actor: Actor) -> None:
    """Let no directory check the password of ``user`` any more. They have none until they are given one, and lose the
    roles that groups of the directory gave."""
    require_keeper(actor)
    link = (
        DirectoryAccount.objects.select_for_update(of=("self",)).select_related("directory").filter(user=user).first()
    )
    if link is None:
        raise NotFound(f"{user.email} belongs to no directory")
    directory = link.directory
    link.delete()
    text = f"the directory {directory.name} checks the password of {user.email} no longer"
    about = {"directory": directory.name}
    record(actor, Action.DIRECTORY_UNLINK, ("user", user.public_id), text, metadata=about)
    apply_groups(user, source=directory.source, groups=(), actor=groups_speak(actor))


def _clean_login(login: str) -> str:
    login = login.strip()
    if not login or len(login) > LOGIN_LIMIT or not login.isprintable():
        raise Invalid(f"a name has at most {LOGIN_LIMIT} printable characters", field="login")
    return login
