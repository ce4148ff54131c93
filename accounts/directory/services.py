"""The directories that passwords may be checked by: made, changed and removed.

Whoever says which server is asked says who people are and what groups they are in. So this takes the right to give
every role on the platform, which no program has, and confirming first.
"""

from __future__ import annotations

from typing import Unpack

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.directory.given import Given, apply
from accounts.directory.library import library
from accounts.directory.models import Directory, DirectoryAccount, GroupType, check_name
from accounts.group_roles.services import forget_source
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_recent
from secrets_vault.sealing import open_sealed, seal
from temps.lib.actor import Actor
from temps.lib.cli import printable
from temps.lib.errors import Conflict, Invalid, NotFound

PASSWORD_LIMIT = 1024


def directory_by_id(public_id: str, *, actor: Actor) -> Directory:
    """The directory, if ``actor`` may see it. Raises :class:`NotFound`."""
    return _found(Directory.objects.visible_to(actor).filter(public_id=public_id).first(), public_id)


def directory_by_name(name: str, *, actor: Actor) -> Directory:
    """As :func:`directory_by_id`."""
    return _found(Directory.objects.visible_to(actor).filter(name=name.strip()).first(), name)


def require_keeper(actor: Actor) -> None:
    """Raise unless ``actor`` may say who people are: a person who may give roles on the platform, and confirmed."""
    require(actor, Permission.ROLES_CREATE)
    require(actor, Permission.SETTINGS_WRITE)
    require(actor, Permission.USERS_UPDATE)
    require_recent(actor)


@transaction.atomic
def create_directory(name: str, *, actor: Actor, bind_password: str = "", **given: Unpack[Given]) -> Directory:
    """Make a directory. Its people sign in from now on: those who are linked, and with ``create_accounts`` everyone.

    Raises :class:`DirectoryFault` where LDAP is not installed: everybody who mistypes would be told of a directory that
    does not answer.
    """
    require_keeper(actor)
    library()
    directory = Directory(name=_free_name(name), created_by=actor.label)
    apply(directory, given)
    _seal_password(directory, bind_password)
    directory.save()
    _record(Action.DIRECTORY_CREATE, directory, f"added the directory {directory.name}", actor, after=_told(directory))
    return directory


@transaction.atomic
def change_directory(
    directory: Directory, *, actor: Actor, bind_password: str = "", **given: Unpack[Given]
) -> Directory:
    """Change what is given; an empty password keeps the one there is, unless it would be sent elsewhere: nobody gets at
    it by way of a server of theirs. The name stays: roles are marked with it.

    Enabling raises as :func:`create_directory`.
    """
    require_keeper(actor)
    directory = _locked(directory)
    if given.get("enabled", False) and not directory.enabled:
        library()
    before, present, where = _told(directory), password_of(directory), _where(directory)
    apply(directory, given)
    if present and directory.bind_dn and not bind_password and _where(directory) != where:
        raise Invalid("the password would go to another server, or unprotected: enter it again", field="bind_password")
    directory.revision += 1
    _seal_password(directory, bind_password or (present if directory.bind_dn else ""))
    directory.last_error, directory.last_error_at = "", None
    directory.save()
    text = f"changed the directory {directory.name}"
    changed = {"before": before, "after": _told(directory), "passwordReplaced": bool(bind_password)}
    _record(Action.DIRECTORY_UPDATE, directory, text, actor, **changed)
    return directory


@transaction.atomic
def delete_directory(directory: Directory, *, actor: Actor) -> None:
    """Remove a directory, and the roles that its groups gave. Its accounts stay, without a password of their own."""
    require_keeper(actor)
    directory = _locked(directory)
    forget_source(directory.source, actor=actor)
    told = _told(directory) | {"accounts": DirectoryAccount.objects.filter(directory=directory).count()}
    directory.delete()
    _record(Action.DIRECTORY_DELETE, directory, f"removed the directory {directory.name}", actor, before=told)


def password_of(directory: Directory) -> str:
    """The password of the bind DN; empty where nobody binds."""
    if directory.sealed_password is None:
        return ""
    return open_sealed(directory.sealed_password, project_pk=None, context=directory.context()).decode()


def _where(directory: Directory) -> tuple[str, ...]:
    """To whom the password is sent, and how they prove who they are."""
    return directory.uris, directory.security, directory.ca_bundle


def _seal_password(directory: Directory, password: str) -> None:
    if bool(directory.bind_dn) != bool(password):
        missing = "a bind DN needs its password" if directory.bind_dn else "a password needs the bind DN it belongs to"
        raise Invalid(missing, field="bind_password")
    if len(password) > PASSWORD_LIMIT or "\0" in password:
        raise Invalid(f"a password has at most {PASSWORD_LIMIT} characters", field="bind_password")
    if directory.group_type != GroupType.MEMBER_OF and not directory.group_base:
        directory.group_base = directory.user_base
    sealed = seal(password, project_pk=None, context=directory.context()) if password else None
    directory.sealed_password = sealed


def _free_name(name: str) -> str:
    name = name.strip()
    try:
        check_name(name)
    except ValidationError as error:
        raise Invalid(f"this cannot be the name of a directory: {error.messages[0]}", field="name") from None
    if Directory.objects.filter(name=name).exists():
        raise Conflict(f"there is a directory '{name}' already", field="name")
    return name


def _found(directory: Directory | None, asked_for: str) -> Directory:
    if directory is None:
        raise NotFound(f"there is no directory '{printable(asked_for)[:60]}': temps directory list shows them")
    return directory


def _locked(directory: Directory) -> Directory:
    return _found(Directory.objects.select_for_update().filter(pk=directory.pk).first(), directory.name)


def _told(directory: Directory) -> dict[str, object]:
    """What the audit log says of a directory."""
    names = ("security", "bind_dn", "user_base", "user_filter", "id_attribute", "create_accounts", "group_type")
    more = ("group_base", "group_filter", "required_group", "enabled")
    told: dict[str, object] = {name: getattr(directory, name) for name in (*names, *more)}
    return told | {"servers": directory.uris.split(), "ownAuthorities": bool(directory.ca_bundle)}


def _record(action: Action, directory: Directory, text: str, actor: Actor, **metadata: object) -> None:
    record(actor, action, ("directory", directory.public_id), text, metadata=dict(metadata))
