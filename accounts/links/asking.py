"""Asking for a link. Nothing is looked up then: what follows for an account takes place in the worker, unseen."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.links.browser import mark_hash, name_of_browser, new_mark
from accounts.links.models import NEXT_PAGE_LIMIT, EmailLink, Purpose
from accounts.lockout.counting import network_of
from accounts.models import SignUp
from accounts.policy import current_policy
from accounts.services import clean_email
from temps.lib import clock, mail
from temps.lib.actor import Actor
from temps.lib.errors import Invalid, NotFound
from temps.lib.queue import after_commit

LIFETIME = timedelta(minutes=15)


def ask_for_link(purpose: Purpose, email: str, *, base_url: str, actor: Actor, next_page: str = "") -> str:
    """Have a link sent to ``email`` if there is reason to. What is returned marks the browser that asked for it.

    Whoever comes with the link goes on to ``next_page``, if that is a page of this site.

    The answer, and the work, are the same for every address. Raises :class:`NotFound` for a way that is switched off,
    :class:`Unavailable` without a mail server, and :class:`Invalid` for what is no address, or may not sign up.
    """
    require_offered(purpose)
    mail.require_server()
    email = clean_email(email)
    if purpose is Purpose.SIGN_UP:
        require_domain(email)
    mark, now = new_mark(), clock.now()
    with transaction.atomic():
        link = EmailLink.objects.create(
            purpose=purpose,
            email=email,
            browser_hash=mark_hash(mark),
            base_url=base_url,
            next_page=next_page if is_page_here(next_page) else "",
            created_at=now,
            expires_at=now + LIFETIME,
            address=actor.address or "",
            network=network_of(actor.address) if actor.address else "",
            browser=name_of_browser(actor.user_agent),
        )
        after_commit("links.send", link.public_id)
    return mark


def is_page_here(address: str) -> bool:
    """Whether ``address`` is a path on this site (with its query), which no browser takes for another site."""
    plain = address.startswith("/") and address.isprintable() and len(address) <= NEXT_PAGE_LIMIT
    return plain and url_has_allowed_host_and_scheme(address, allowed_hosts=None)


def require_offered(purpose: str) -> None:
    """Raise :class:`NotFound` where the policy does not offer this way."""
    if not offered(purpose):
        raise NotFound("this is not offered here")


def offered(purpose: str) -> bool:
    policy = current_policy()
    if purpose == Purpose.SIGN_IN:
        return policy.magic_links
    return purpose != Purpose.SIGN_UP or policy.sign_up == SignUp.OPEN


def require_domain(email: str) -> None:
    """Raise :class:`Invalid` unless addresses of this domain may sign up. It says nothing about any account."""
    domains = current_policy().sign_up_domains
    if domains and email.rpartition("@")[2] not in domains:
        raise Invalid("addresses of this domain cannot sign up here: ask for an invitation", field="email")
