"""What the console does to an account at the press of a button on its page: each asks first and says what comes of it.

Whoever sees a button may press it; whether it helps (a lockout to lift, a factor to take away) decides whether it is
there. The services decide again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import action

from accounts.links.addresses import base_url
from accounts.links.resets import send_reset_link
from accounts.lockout.services import lockout_of, unlock
from accounts.mfa.factors import reset_factors
from accounts.models import User, UserKind
from accounts.policy import has_second_factor
from accounts.services import is_linked
from audit.folding import record_denial
from rbac.console import ServiceAdmin, ask_to_confirm
from rbac.guards import actor_of
from rbac.step_up import StepUpRequired, is_recent
from temps.lib import mail
from temps.lib.actor import Actor
from temps.lib.errors import Denied, TempsError


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page says before it is done, and after."""

    verb: str
    says: str
    done: str
    command: str = ""
    """What does it on the machine, where the console cannot; there is no button then."""
    is_grave: bool = True


def _button(title: str, path: str) -> Any:
    return action(description=title, url_path=path, permissions=[path.replace("-", "_")])


class UserActions(ServiceAdmin):
    actions_detail = ("lift_lockout", "reset_second_factors", "send_password_link")

    @_button("Lift the lockout", "unlock")  # type: ignore[untyped-decorator]
    def lift_lockout(self, request: HttpRequest, object_id: str) -> HttpResponse:
        says = "They can sign in from anywhere again, and failed sign-ins before this count no more."
        asked = Asked("Lift the lockout", says, "Lifted: failed sign-ins before this count no more.", is_grave=False)
        return self._ask(request, object_id, asked, unlock, step_up=False)

    @_button("Reset second factors", "reset-mfa")  # type: ignore[untyped-decorator]
    def reset_second_factors(self, request: HttpRequest, object_id: str) -> HttpResponse:
        says = (
            "For somebody who lost them: their authenticator app, passkeys and recovery codes go, and their sessions "
            "and tokens end. They are told by mail, and set up a new one at their next sign-in if the policy asks for "
            "one. Be sure that it is them who asked you."
        )
        return self._ask(
            request, object_id, Asked("Reset second factors", says, "Reset: they have none now."), reset_factors
        )

    @_button("Send a password link", "send-password-link")  # type: ignore[untyped-decorator]
    def send_password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self._user(request, object_id)
        says = "They get a link to choose a new password with, for a day. The one that they have works until they do."
        command = ""
        if not mail.available():
            says = "No mail server is set, so there is no link to send. Set a password on the machine, and tell them:"
            command = f"temps user set-password --email {user.email} --password-stdin"
        asked = Asked("Send a password link", says, "A link is on its way.", command, is_grave=False)

        def send(user: User, *, actor: Actor) -> object:
            return send_reset_link(user, base_url=base_url(request), actor=actor)

        return self._ask(request, object_id, asked, send)

    def has_unlock_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        user = self._changeable(request, object_id)
        return user is not None and lockout_of(user) is not None

    def has_reset_mfa_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        user = self._changeable(request, object_id)
        return user is not None and has_second_factor(user)

    def has_send_password_link_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        user = self._changeable(request, object_id)
        return user is not None and user.is_active and user.kind == UserKind.PERSON and not is_linked(user)

    def _changeable(self, request: HttpRequest, object_id: Any) -> User | None:
        user: User | None = self.get_object(request, str(object_id)) if object_id is not None else None
        # Not has_change_permission(): it says no while the form is shown to read, and these ask for themselves.
        return user if user is not None and self._holds(request, self.permission_to_change, user) else None

    def _user(self, request: HttpRequest, object_id: str) -> User:
        user: User | None = self.get_object(request, object_id)
        if user is None:
            raise Http404
        return user

    def _ask(
        self,
        request: HttpRequest,
        object_id: str,
        asked: Asked,
        service: Callable[..., object],
        *,
        step_up: bool = True,
    ) -> HttpResponse:
        """The page that asks, and what its button does: one call of ``service``."""
        user, actor = self._user(request, object_id), actor_of(request)
        if step_up and not is_recent(actor):
            return ask_to_confirm(request)
        if request.method != "POST" or asked.command:
            context = {
                **self.admin_site.each_context(request),
                "title": f"{asked.verb}: {user.email}",
                "asked": asked,
                "account": user,
            }
            return TemplateResponse(request, "accounts/user_action.html", context)
        try:
            service(user, actor=actor)
        except StepUpRequired:
            return ask_to_confirm(request)
        except Denied as error:
            record_denial(error)
            raise PermissionDenied(error.message) from error
        except TempsError as error:
            messages.error(request, f"{error.message[0].upper()}{error.message[1:]}.")
        else:
            messages.success(request, asked.done)
        return redirect("admin:accounts_user_change", user.pk)


def second_factor_of(user: User) -> str | None:
    """As the console's columns show it: a service has none to have."""
    if user.kind != UserKind.PERSON:
        return None
    return "yes" if has_second_factor(user) else "no"
