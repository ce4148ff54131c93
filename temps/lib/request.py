"""What ``temps.middleware`` adds to a request, for the type checker and for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

from temps.lib.actor import Actor

if TYPE_CHECKING:

    class TempsRequest(HttpRequest):
        request_id: str
        client_address: str
        """The address that firewall, limits and audit trust, normalised."""
        actor: Actor
        """Who the session says acts; evaluated on first use."""


def of(request: HttpRequest) -> TempsRequest:
    """The same request, with the attributes of :class:`TempsRequest` known to the type checker."""
    return cast("TempsRequest", request)
