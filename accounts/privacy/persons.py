"""The rights of a person over their data: a copy of it (GDPR, articles 15 and 20), and its erasure (article 17)."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models, transaction

from accounts.models import User
from accounts.privacy.holders import Erased, holders
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import refuse_last_of, require
from rbac.step_up import require_recent
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Conflict, Denied

FORMAT = "temps person 1"
ERASED = "erased.invalid"
"""RFC 2606: no address there is ever anybody's."""
LONGEST_ADDRESS = 254


@transaction.atomic
def archive_of(user: User, *, actor: Actor) -> dict[str, Any]:
    """Everything that is held on ``user``, without secrets: for themselves, or by whoever may delete accounts."""
    own = actor.user_pk == user.pk and actor.credential.kind is not CredentialKind.API_KEY
    if not own:
        require(actor, Permission.USERS_DELETE)
    require_recent(actor)
    archive = {"format": FORMAT, "made_at": clock.iso(clock.now()), "id": user.public_id}
    archive |= {holder.name: holder.export(user) for holder in holders()}
    record(actor, Action.USER_EXPORT, ("user", user.public_id), f"made an archive of what is held on {user.email}")
    return archive


@transaction.atomic
def erase_person(user: User, *, confirm: str, actor: Actor) -> str:
    """Erase ``user``: the account and all that belongs to it; where others' history names them, a pseudonym stays.

    ``confirm`` is their address, typed once more. Raises :class:`Conflict` for the last administrator or owner, for
    oneself, and while a legal hold protects their entries. The answer is the pseudonym.
    """
    require(actor, Permission.USERS_DELETE)
    require_recent(actor)
    if confirm.strip().lower() != user.email:
        raise Conflict("type the address of the account to confirm: nothing was erased", field="confirm")
    if actor.user_pk == user.pk:
        raise Denied("nobody erases themselves: another administrator does", actor=actor)
    for grant in user.grants.select_related("project").order_by("project_id"):
        refuse_last_of(grant)
    pseudonym = f"{user.public_id}@{ERASED}"
    person = Erased(user.public_id, user.email, user.name)
    _replace_labels(user.email, pseudonym)
    user.delete()
    record(actor, Action.USER_ERASE, ("user", person.id), f"erased the account {person.id}")
    for holder in holders():
        if holder.erase is not None:
            holder.erase(person, actor)
    return pseudonym


def _replace_labels(email: str, pseudonym: str) -> None:
    """Columns that say by value who did something (``created_by`` and its like) say the pseudonym from now on."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField) and field.name.endswith("_by") and _holds_addresses(field):
                model._base_manager.filter(**{f"{field.name}__iexact": email}).update(**{field.name: pseudonym})


def _holds_addresses(field: models.CharField[str, str]) -> bool:
    return field.max_length is None or field.max_length >= LONGEST_ADDRESS
