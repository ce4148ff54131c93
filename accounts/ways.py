"""The one door: every way of signing in ends here, and goes on to the stages of the second factor.

What a way has proven is that a person controls an address, an account elsewhere, a password or a passkey. Whether that
is enough is for :mod:`accounts.stages` to say.
"""

from __future__ import annotations

from enum import StrEnum
from typing import cast

from allauth.account.utils import perform_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import User, UserKind
from accounts.sessions import forget_confirmed, mark_confirmed

_WAY = "sign_in_way"


class Way(StrEnum):
    PASSWORD = "password"  # noqa: S105
    MAGIC_LINK = "magic_link"
    PASSKEY = "passkey"
    OAUTH = "oauth"
    """GitHub, GitLab, or an OpenID provider."""
    LDAP = "ldap"
    SETUP = "setup"
    """The one-time link of the first administrator."""
    INVITATION = "invitation"


def enter(
    request: HttpRequest, user: User, *, way: Way, factor: str = "", groups_of: str = "", next_url: str | None = None
) -> HttpResponse:
    """Begin the sign-in of ``user``, who proved who they are by ``way``: the stages follow, and then the session.

    ``factor`` is the public id of the second factor that the way itself was (a passkey that verified its user); then
    the stage does not ask for another. ``groups_of`` is the source whose groups the way asked about. A disabled account
    and a service go back to the sign-in page.
    """
    if not user.is_active or user.kind != UserKind.PERSON:
        return redirect("account_login")
    request.session[_WAY] = {"user": user.public_id, "way": way.value, "groups_of": groups_of}
    forget_confirmed(request.session)  # of a sign-in that was begun before and not finished
    if factor:
        mark_confirmed(request.session, user, factor)
    return cast(HttpResponse, perform_login(request, user, redirect_url=next_url))


def way_of(request: HttpRequest, user: User) -> tuple[str, str]:
    """By which way ``user`` came, and whose groups it asked about; read once, when the sign-in is complete."""
    noted = request.session.pop(_WAY, None) or {}
    if noted.get("user") != user.public_id:
        return Way.PASSWORD.value, ""
    return str(noted["way"]), str(noted.get("groups_of", ""))
