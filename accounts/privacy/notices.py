"""Publishing the texts that people agree to, and who still has to."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify

from accounts.models import User
from accounts.privacy.models import Consent, Notice
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_person
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Denied, Invalid, NotFound

LONGEST = 60_000
"""Characters of a text."""


@transaction.atomic
def publish_notice(name: str, version: str, title: str, text: str, *, actor: Actor) -> Notice:
    """Publish a version of a text. Everyone agrees to it at their next sign-in, or does not get in."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    name, version, title, text = name.strip().lower(), version.strip(), title.strip(), text.strip()
    if not name or name != slugify(name) or len(name) > 40:
        raise Invalid("a name such as privacy or terms: letters, digits and hyphens, at most 40", field="name")
    for field, value, limit in (("version", version, 40), ("title", title, 120)):
        if not value or len(value) > limit or not value.isprintable():
            raise Invalid(f"a {field} has 1 to {limit} printable characters", field=field)
    if not text or len(text) > LONGEST or "\0" in text:
        raise Invalid(f"a text has 1 to {LONGEST} characters", field="text")
    if Notice.objects.filter(name=name, version=version).exists():
        raise Conflict(f"there is a version {version} of {name} already: a new text is a new version", field="version")
    notice = Notice.objects.create(name=name, version=version, title=title, text=text, published_by=actor.label)
    record(actor, Action.NOTICE_PUBLISH, notice, f"published {notice}", metadata={"name": name, "version": version})
    return notice


@transaction.atomic
def withdraw_notice(notice: Notice, *, actor: Actor) -> Notice:
    """Ask nobody for this version any more; who agreed to it stays on record."""
    require(actor, Permission.SETTINGS_WRITE)
    require_person(actor)
    current = Notice.objects.select_for_update().get(pk=notice.pk)
    if current.withdrawn_at is None:
        current.withdrawn_at = clock.now()
        current.save(update_fields=["withdrawn_at"])
        record(actor, Action.NOTICE_WITHDRAW, current, f"withdrew {current}")
    return current


def notice_by_id(public_id: str, *, actor: Actor) -> Notice:
    require(actor, Permission.SETTINGS_READ)
    notice = Notice.objects.filter(public_id=public_id).first()
    if notice is None:
        raise NotFound(f"there is no notice '{public_id}'")
    return notice


def owed_by(user: User) -> list[Notice]:
    """The texts in force that ``user`` has not agreed to: of each name the newest that was not withdrawn."""
    newest: dict[str, Notice] = {}
    for notice in Notice.objects.filter(withdrawn_at=None).order_by("id"):
        newest[notice.name] = notice
    given = set(Consent.objects.filter(user=user).values_list("notice_id", flat=True))
    return [notice for notice in newest.values() if notice.pk not in given]


@transaction.atomic
def agree(user: User, public_ids: list[str], *, actor: Actor) -> list[Consent]:
    """Record that ``user`` agreed to these texts. Raises :class:`Conflict` if one was replaced meanwhile: nobody agrees
    to what they did not see."""
    if actor.id != user.public_id:
        raise Denied("people agree for themselves alone", actor=actor)
    owed = {notice.public_id: notice for notice in owed_by(user)}
    if not set(public_ids) <= owed.keys():
        raise Conflict("a text was changed meanwhile: read it again")
    given = []
    for public_id in public_ids:
        notice = owed[public_id]
        given.append(Consent.objects.create(user=user, notice=notice, address=actor.address or ""))
        about = {"name": notice.name, "version": notice.version}
        record(actor, Action.CONSENT_GIVE, ("user", user.public_id), f"agreed to {notice}", metadata=about)
    return given
