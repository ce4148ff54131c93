"""Which ways by mail the sign-in page offers, and how they keep what was wanted."""

from __future__ import annotations

from urllib.parse import urlencode

from django import template
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.urls import reverse

from accounts.links.asking import offered
from accounts.links.models import Purpose
from temps.lib import mail

register = template.Library()


@register.simple_tag
def offered_by_mail() -> dict[str, bool]:
    """``sign_in``, ``reset`` and ``sign_up``: none of them without a mail server."""
    available = mail.available()
    return {
        purpose.value: available and offered(purpose) for purpose in (Purpose.SIGN_IN, Purpose.RESET, Purpose.SIGN_UP)
    }


@register.simple_tag
def leading_on(name: str, wanted: str | None) -> str:
    """The address of the page ``name``, from which a sign-in goes on to the page ``wanted``."""
    return reverse(name) + (f"?{urlencode({REDIRECT_FIELD_NAME: wanted})}" if wanted else "")
