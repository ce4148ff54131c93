"""What has not gone out, and why: for whoever invited somebody and waits, and for whoever runs Temps."""

from __future__ import annotations

from accounts.links.models import Invitation, InvitationState
from accounts.links.sending import FIRST_WAIT, waiting_links
from accounts.mail.condition import trouble
from temps.lib import clock, mail

NO_SERVER = "no mail server is set"
NO_WORKER = "the worker has not come to it: is temps up running?"


def why_not_sent(invitation: Invitation) -> str:
    """What keeps the newest link of a pending invitation here; empty where it was sent, or is on its way."""
    if invitation.state != InvitationState.PENDING:
        return ""
    newest = max(invitation.links.all(), key=lambda link: link.pk, default=None)
    if newest is None or newest.sent_at is not None:
        return ""
    if not mail.available():
        return NO_SERVER
    if newest.last_error:
        return newest.last_error
    return NO_WORKER if newest.tries == 0 and newest.created_at < clock.now() - 2 * FIRST_WAIT else ""


def mail_trouble() -> str:
    """In one clause what is wrong with mail; empty where nothing is known to be."""
    if why := trouble():
        return why
    failed = waiting_links().exclude(last_error="")
    newest = failed.first()
    if newest is None:
        return ""
    count = failed.count()
    what = "one message waits" if count == 1 else f"{count} messages wait"
    return f"{what} to be mailed: {newest.last_error if mail.available() else NO_SERVER}"
