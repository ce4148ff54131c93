"""``{% provider_buttons %}``: the ways in elsewhere, for the sign-in page."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth import REDIRECT_FIELD_NAME

from accounts.providers.services import offered

register = template.Library()


@register.inclusion_tag("accounts_providers/_buttons.html", takes_context=True)
def provider_buttons(context: dict[str, Any]) -> dict[str, Any]:
    request = context["request"]
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    return {"providers": offered(), "next": wanted, "csrf_token": context["csrf_token"]}
