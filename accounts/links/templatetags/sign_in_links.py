"""Which ways by mail the sign-in page offers."""

from __future__ import annotations

from django import template

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
