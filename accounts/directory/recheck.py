"""Whether the people of a directory are still in it, asked without them: who left loses sessions, keys and roles within
the hour, and not when they next sign in."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from accounts.directory.asking import Known, known, note
from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory, DirectoryAccount
from accounts.directory.protocol import conversation
from accounts.directory.services import password_of
from accounts.group_roles.services import apply_groups, groups_speak
from accounts.models import User
from accounts.services import set_active
from audit.actions import Action, Result
from audit.folding import record_folded
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict

MANY = 5
"""From so many accounts on, that all of them are gone is taken for a fault of the directory, and nobody is disabled."""
LONGEST = 900.0
"""Seconds that asking about everybody may take."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    present: int
    gone: int


def recheck_directory(directory: Directory, *, actor: Actor) -> Rechecked:
    """Ask about every linked account. Those whom the directory knows no longer, or has disabled, are disabled here, and
    enabled again when it knows them again, unless a person has disabled them since; everyone's roles follow their
    groups.

    Raises :class:`DirectoryFault`, and then nobody is disabled.
    """
    links = list(DirectoryAccount.objects.filter(directory=directory).select_related("user"))
    try:
        answers = _ask(directory, links)
    except DirectoryFault as error:
        note(directory, error.message)
        raise
    note(directory)
    for link, answer in zip(links, answers, strict=True):
        _settle(link, directory, answer, actor=actor)
    gone = sum(answer is None or bool(answer.refused) for answer in answers)
    return Rechecked(len(links) - gone, gone)


def _ask(directory: Directory, links: list[DirectoryAccount]) -> list[Known | None]:
    answers: list[Known | None] = []
    with conversation(directory, password_of(directory), seconds=LONGEST) as talk:
        for link in links:
            entry = talk.person_by_id(link.unique_id)
            answers.append(known(talk, entry, directory) if entry is not None else None)
    if len(links) >= MANY and all(answer is None for answer in answers):
        raise DirectoryFault(f"none of the {len(links)} accounts is found: look at the user base and the user filter")
    return answers


@transaction.atomic
def _settle(link: DirectoryAccount, directory: Directory, answer: Known | None, *, actor: Actor) -> None:
    current = DirectoryAccount.objects.select_for_update().filter(pk=link.pk).first()
    if current is None:
        return  # unlinked meanwhile
    user = User.objects.get(pk=current.user_id)  # as it is now that no other can disable or enable it
    gone, left = answer is None or bool(answer.refused), current.gone_at
    groups = answer.groups if answer is not None and not gone else ()
    if gone and user.is_active:
        left = clock.now() if _disable(user, directory, actor) else None
    elif not gone and left is not None:
        left = None
        if not user.is_active:
            set_active(user, True, actor=actor)
    current.gone_at, current.checked_at = left, clock.now()
    current.save(update_fields=["gone_at", "checked_at"])
    apply_groups(user, source=directory.source, groups=groups, actor=groups_speak(actor))


def _disable(user: User, directory: Directory, actor: Actor) -> bool:
    """Disable the account; False, recorded, for the last administrator or owner."""
    try:
        with transaction.atomic():
            set_active(user, False, actor=actor)
        return True
    except Conflict as error:
        record_folded(
            actor,
            Action.USER_UPDATE,
            ("user", user.public_id),
            f"left {user.email} enabled, whom the directory {directory.name} knows no longer",
            metadata={"reason": error.message},
            result=Result.FAILURE,
        )
        return False
