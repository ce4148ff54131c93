"""Inviting people: to the platform by whoever makes accounts, to a project by whoever manages its roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from django.apps import apps
from django.db import IntegrityError, transaction

from accounts.links.addresses import link_to, new_token
from accounts.links.limits import count_invitation
from accounts.links.models import EmailLink, Invitation, InvitationState, Purpose
from accounts.links.opening import CLOSED, use
from accounts.links.sending import void_older
from accounts.links.using import from_where
from accounts.models import User, UserKind
from accounts.services import actor_for, clean_email, create_user
from audit.actions import Action
from audit.services import record
from rbac.permissions import Permission
from rbac.services import assign_role, known_role, require, require_all_of
from rbac.step_up import require_recent
from temps.lib import clock, mail
from temps.lib.actor import Actor, ActorKind, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, NotFound
from temps.lib.queue import after_commit

if TYPE_CHECKING:
    from projects.models import Project

LIFETIME = timedelta(days=7)
WITHOUT_RIGHTS = "whoever invited you can no longer give what they offered: ask for a new invitation"


@dataclass(frozen=True, slots=True)
class Invited:
    invitation: Invitation
    link: str
    """To hand over, where no mail server is set; empty where it was mailed."""


@transaction.atomic
def invite(email: str, *, actor: Actor, base_url: str, role: str = "", project: Project | None = None) -> Invited:
    """Offer an account to ``email``, with a role on the platform or on ``project``.

    Nobody offers more than they hold, and what they hold is asked again when the invitation is accepted. Raises
    :class:`Conflict` for whoever has an account or an invitation already, and :class:`TooMuchMail`.
    """
    _require_may_offer(role, project, actor)
    email, now = clean_email(email), clock.now()
    known = User.objects.filter(email=email).first()
    if known is not None and (project is None or known.kind != UserKind.PERSON):
        raise Conflict(f"there is a user {email} already", field="email")
    waiting = Invitation.objects.filter(email=email, project=project, accepted_at=None, withdrawn_at=None)
    if waiting.filter(expires_at__gt=now).exists():
        raise Conflict(f"{email} is invited already: send that invitation again", field="email")
    count_invitation(email, actor=actor)
    waiting.update(withdrawn_at=now)  # expired: a new one takes its place
    invitation = Invitation(email=email, role=role, project=project, expires_at=now + LIFETIME)
    _in_the_name_of(invitation, actor)
    try:
        with transaction.atomic():
            invitation.save()
    except IntegrityError:  # somebody else was quicker
        raise Conflict(f"{email} is invited already: send that invitation again", field="email") from None
    link = _send(invitation, base_url)
    text = f"invited {email}: {invitation.offer}"
    record(actor, Action.INVITATION_CREATE, invitation, text, project=_slug(project), metadata=_told(invitation))
    return Invited(invitation, link)


@transaction.atomic
def resend_invitation(invitation: Invitation, *, actor: Actor, base_url: str) -> Invited:
    """Send a fresh link, for another week, in the name of ``actor``; the one before is void.

    Raises :class:`Conflict` for one that was accepted or withdrawn, and :class:`TooMuchMail`.
    """
    _require_may_offer(invitation.role, invitation.project, actor)
    current = _locked(invitation)
    if current.state not in (InvitationState.PENDING, InvitationState.EXPIRED):
        raise Conflict(f"this invitation was {current.state} already")
    count_invitation(current.email, actor=actor)
    current.expires_at = clock.now() + LIFETIME
    _in_the_name_of(current, actor)
    current.save()
    link = _send(current, base_url)
    text = f"sent the invitation of {current.email} again: {current.offer}"
    record(actor, Action.INVITATION_RESEND, current, text, project=_slug(current.project), metadata=_told(current))
    return Invited(current, link)


@transaction.atomic
def withdraw_invitation(invitation: Invitation, *, actor: Actor) -> Invitation:
    """Void the invitation and its link. Whoever may invite there may withdraw."""
    _require_may_invite(invitation.project, actor)
    current = _locked(invitation)
    if current.state == InvitationState.ACCEPTED:
        raise Conflict("this invitation was accepted already: remove the role, or the account, instead")
    if current.withdrawn_at is None:
        current.withdrawn_at = clock.now()
        current.save(update_fields=["withdrawn_at"])
        text = f"withdrew the invitation of {current.email}: {current.offer}"
        record(actor, Action.INVITATION_WITHDRAW, current, text, project=_slug(current.project))
    return current


@transaction.atomic
def accept_invitation(token: str, *, name: str = "", password: str = "", actor: Actor) -> User:
    """Make the account (of somebody who has one, nothing of it changes) and give it what was offered, or neither.

    Raises :class:`Conflict` where the inviter could not give it any more.
    """
    link = use(token, Purpose.INVITATION, actor=actor)
    invitation = _locked(cast(Invitation, link.invitation))
    if invitation.state != InvitationState.PENDING:
        raise NotFound(CLOSED)
    inviter = _inviter(invitation)
    user = User.objects.filter(email=invitation.email).first()
    if user is not None and (not user.is_active or user.kind != UserKind.PERSON):
        raise NotFound(CLOSED)
    if user is not None and user.date_joined > invitation.created_at:
        # Nobody knows whose it is: it came by another way, after the address was invited.
        raise Conflict("an account with this address was made meanwhile: ask for another invitation")
    try:
        if invitation.project is None:
            require(inviter, Permission.USERS_CREATE)
        if user is None:
            maker = from_where(Actor.system("accounts.invitation"), actor)
            user = create_user(invitation.email, name=name, password=password, actor=maker)
        if invitation.role:
            assign_role(user, invitation.role, project=invitation.project, actor=inviter)
    except Denied:
        raise Conflict(WITHOUT_RIGHTS) from None
    invitation.accepted_at = clock.now()
    invitation.save(update_fields=["accepted_at"])
    text = f"{user.email} accepted an invitation: {invitation.offer}"
    metadata = {"invitedBy": invitation.created_by}
    record(actor, Action.INVITATION_ACCEPT, invitation, text, project=_slug(invitation.project), metadata=metadata)
    return user


def invitation_by_id(public_id: str, *, actor: Actor) -> Invitation:
    """The invitation, if ``actor`` may see it. Raises :class:`NotFound`."""
    visible = Invitation.objects.visible_to(actor).select_related("project")
    invitation: Invitation | None = visible.filter(public_id=public_id).first()
    if invitation is None:
        raise NotFound("there is no such invitation")
    return invitation


def project_to_invite_to(slug: str, *, actor: Actor) -> Project | None:
    """The project with this slug, if ``actor`` may see it; None for the platform. Raises :class:`NotFound`."""
    if not slug:
        return None
    # By name: accounts stand below projects, and know them as what grants and invitations are for.
    found = apps.get_model("projects", "Project").objects.visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotFound(f"there is no project '{slug}'")
    return found


def has_account(invitation: Invitation) -> bool:
    return User.objects.filter(email=invitation.email).exists()


def _require_may_invite(project: Project | None, actor: Actor) -> None:
    if project is None:
        require(actor, Permission.USERS_CREATE)
    require(actor, Permission.ROLES_CREATE, project)
    require_recent(actor)


def _require_may_offer(role: str, project: Project | None, actor: Actor) -> None:
    _require_may_invite(project, actor)
    if role or project is not None:
        require_all_of(known_role(role, on_project=project is not None), project, actor)


def _in_the_name_of(invitation: Invitation, actor: Actor) -> None:
    invitation.inviter_id = actor.user_pk
    invitation.by_operator = actor.kind is ActorKind.OPERATOR
    invitation.created_by = actor.label


def _inviter(invitation: Invitation) -> Actor:
    """Whoever invited, with the rights that they have now. Raises :class:`Conflict` when they are gone."""
    credential = Credential(CredentialKind.LINK, id=invitation.public_id)
    if invitation.by_operator:
        return Actor(ActorKind.OPERATOR, id="operator", label=invitation.created_by, credential=credential)
    if invitation.inviter is None:
        raise Conflict(WITHOUT_RIGHTS)
    return actor_for(invitation.inviter, credential)


def _send(invitation: Invitation, base_url: str) -> str:
    """Have a fresh link mailed; without a mail server it is returned, to be handed over."""
    link = EmailLink(
        purpose=Purpose.INVITATION,
        email=invitation.email,
        invitation=invitation,
        base_url=base_url,
        expires_at=invitation.expires_at,
    )
    if mail.available():
        link.save()
        void_older(link)
        after_commit("links.send", link.public_id)
        return ""
    token, link.token_hash = new_token()
    link.sent_at = clock.now()
    link.save()
    void_older(link)
    return link_to(base_url, token)


def _locked(invitation: Invitation) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("project", "inviter")
    current: Invitation | None = rows.filter(pk=invitation.pk).first()
    if current is None:
        raise NotFound("there is no such invitation")
    return current


def _slug(project: Project | None) -> str:
    return project.slug if project is not None else ""


def _told(invitation: Invitation) -> dict[str, object]:
    return {"email": invitation.email, "role": invitation.role, "scope": invitation.scope}
