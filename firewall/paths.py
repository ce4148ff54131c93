"""What a request's path is about, whatever way it is spelled.

The middleware sees the path as Django routes it: percent-decoded once, otherwise untouched. Limits must not be dodged
by another spelling of the same place, so patterns are tried on the path as it came and on its canonical form. The
exemptions are the other way round: they hold for the exact spelling alone.
"""

from __future__ import annotations

import fnmatch
import re

from temps.lib.errors import Invalid

_ACME_CHALLENGE = re.compile(r"/\.well-known/acme-challenge/[A-Za-z0-9_-]{1,256}", re.ASCII)
"""RFC 8555 section 8.3: the token is base64url."""
HEALTH = frozenset({"/healthz", "/readyz"})
_PROJECT = re.compile(r"/api/v1/projects/([a-z0-9-]{1,63})(?:/|$)", re.ASCII)
_PATTERN = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@%/*-]{0,199}", re.ASCII)
"""The characters of a path (RFC 3986 section 3.3) and the star."""


def is_acme_challenge(path: str) -> bool:
    return _ACME_CHALLENGE.fullmatch(path) is not None


def is_health(path: str) -> bool:
    return path in HEALTH


def spellings(path: str) -> tuple[str, ...]:
    """``path`` in lower case as it came, and with empty, ``.`` and ``..`` segments resolved if that differs."""
    lower = path.replace("\\", "/").lower()
    segments: list[str] = []
    for segment in lower.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    canonical = "/" + "/".join(segments)
    if lower.endswith("/") and segments:
        canonical += "/"
    return (lower,) if canonical == lower else (lower, canonical)


def project_of(path: str) -> str | None:
    """The slug of the project that a request to the API is about."""
    for spelling in spellings(path):
        if found := _PROJECT.match(spelling):
            return found.group(1)
    return None


def clean_pattern(pattern: str) -> str:
    """A path pattern in the form it is stored in; empty means every path. Raises :class:`Invalid`."""
    pattern = pattern.strip().lower()
    if pattern in ("", "*", "/*"):
        return ""
    if not _PATTERN.fullmatch(pattern):
        raise Invalid(
            "a path pattern starts with '/' and has at most 200 characters of a path; '*' stands for anything: /api/*",
            field="path",
        )
    if len(spellings(pattern)) > 1:
        raise Invalid("a path pattern has no empty, '.' or '..' segments", field="path")
    return pattern


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression that takes linear time (``fnmatch`` sees to that), for :func:`spellings`.

    ``/api/*`` stands for ``/api`` as well: who limits what is under a path means the path too.
    """
    expression = fnmatch.translate(pattern)
    if pattern.endswith("/*"):
        expression += "|" + fnmatch.translate(pattern.removesuffix("/*"))
    return re.compile(expression)
