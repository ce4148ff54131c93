"""Which browser asked for a link. A cookie knows; in another browser, a code that the first one shows stands for it.

The code is typed where the link was opened, never the other way round: nothing that somebody reads out of a message
signs in a browser that is not theirs.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts.links.models import EmailLink

COOKIE = "temps_link"
PATH = "/accounts/"
MOST_WRONG_CODES = 5
"""Of a million codes; after these the link is void."""

# Words to look for in what a browser calls itself, the more telling ones first. Nothing else of it is repeated.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrom": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iOS",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def new_mark() -> str:
    return secrets.token_urlsafe(32)


def mark_hash(mark: str) -> str:
    return sha256(mark.encode()).hexdigest()


def remember(answer: HttpResponse, purpose: str, mark: str, *, seconds: int) -> None:
    """Have the browser keep ``mark`` as long as its link lives."""
    answer.set_cookie(
        f"{COOKIE}_{purpose}",
        mark,
        max_age=seconds,
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def mark_of(request: HttpRequest, purpose: str) -> str:
    return str(request.COOKIES.get(f"{COOKIE}_{purpose}", ""))


def is_the_asking_one(link: EmailLink, mark: str) -> bool:
    return bool(mark) and compare_digest(link.browser_hash, mark_hash(mark))


def code_of(browser_hash: str) -> str:
    """The six digits that the asking browser shows."""
    digest = salted_hmac("accounts.links.code", browser_hash, algorithm="sha256").digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


def name_of_browser(user_agent: str) -> str:
    """``Firefox on Linux``; what is not known has no name, for anyone may call their browser anything."""
    browser = next((name for word, name in _BROWSERS.items() if word in user_agent), "")
    system = next((name for word, name in _SYSTEMS.items() if word in user_agent), "")
    return " on ".join(part for part in (browser, system) if part)
