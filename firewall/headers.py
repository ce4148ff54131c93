"""The seven security headers, in three presets.

``X-XSS-Protection`` is sent as ``0``: the filter it once controlled was itself a way to attack pages, is gone from
browsers, and should be off where an old one still has it (OWASP Secure Headers Project). The Content-Security-Policy
is kept as directives, so that a page can declare what it needs beyond the preset with django-csp's decorators.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE


class Preset(StrEnum):
    STRICT = "strict"
    MODERATE = "moderate"
    PERMISSIVE = "permissive"


@dataclass(frozen=True, slots=True)
class HeaderSet:
    csp: dict[str, list[str]]
    hsts: str
    """Strict-Transport-Security (RFC 6797), sent over TLS alone."""
    always: dict[str, str]
    """The other five."""


def _headers(frame_options: str, referrer_policy: str, permissions_policy: str) -> dict[str, str]:
    return {
        "X-Frame-Options": frame_options,
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "0",
        "Referrer-Policy": referrer_policy,
        "Permissions-Policy": permissions_policy,
    }


_NOTHING = "camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()"
_OWN = "camera=(self), geolocation=(self), microphone=(self), payment=(self)"

PRESETS = {
    Preset.STRICT: HeaderSet(
        csp={"default-src": [SELF]},
        hsts="max-age=63072000; includeSubDomains; preload",
        always=_headers("DENY", "no-referrer", _NOTHING),
    ),
    Preset.MODERATE: HeaderSet(
        csp={"default-src": [SELF, UNSAFE_INLINE]},
        hsts="max-age=31536000",
        always=_headers("SAMEORIGIN", "strict-origin-when-cross-origin", _NOTHING),
    ),
    Preset.PERMISSIVE: HeaderSet(
        csp={"default-src": ["*", UNSAFE_INLINE, UNSAFE_EVAL, "data:", "blob:"]},
        hsts="max-age=86400",
        always=_headers("SAMEORIGIN", "no-referrer-when-downgrade", _OWN),
    ),
}
