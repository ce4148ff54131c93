"""What looks like a secret, wherever it stands: the net beneath the rule that none enters a log, or the audit log.

People paste keys into the wrong field, programs put tokens into addresses and user agents. What has a shape that gives
it away is masked; a password that stands alone has none, so nothing here replaces leaving it out.

Strangers write much of what passes here: no text may keep us busy. What is looked at has a limit, no repetition in a
pattern goes back over what it took unless it is short, and none starts anew inside what another start has read.
"""

from __future__ import annotations

import re

MASK = "[masked]"

LOOKED_AT = 4096
"""Characters of a text that are looked at. The rest is left out: nobody reads it, and looking at it takes time."""
UNDECIDED = 1024
"""Characters at the end of a text that was cut which are left out too: half a secret may not look like one."""

_QUOTED = r""""(?:[^"\\]|\\.)++"?|'(?:[^'\\]|\\.)++'?|\\"[^"]++"?"""
"""Up to the same quotation mark, or to the end of a text that was cut; the last as it stands in JSON."""

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (needed, re.compile(pattern, re.DOTALL))
    for needed, pattern in (
        # PEM and its like (RFC 7468, RFC 9580): all that follows, cut or not.
        ("PRIVATE KEY", r"(?P<stays>)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*+"),
        # A signed token (RFC 7519), also at the end of a longer word. One start a word: else a word of them is read
        # again from each.
        ("eyJ", r"(?<![\w-])(?P<stays>(?>[\w-]*?(?=eyJ)))[\w-]{11,}+\.[\w-]{8,}+(?:\.[\w-]*+|\Z)"),
        # The header (RFC 9110 section 11.6.2) to the end of its line, and the two schemes that are told from prose.
        (":", rf"(?P<stays>(?i:authorization)\\?[\"']?[ \t]{{0,9}}+:[ \t]{{0,9}}+)(?:{_QUOTED}|[^\r\n]++)"),
        ("", r"(?P<stays>)(?i:\b(?:bearer|basic)\s{1,9}+[\w.~+/=-]{12,}+)"),
        # user:password in a URL (RFC 3986 section 3.2.1), up to the last @: people do not encode what is in theirs.
        # A port is none.
        (
            "://",
            r"(?P<stays>(?<=://))[^\s/:\[]{0,256}+:(?!\d{1,5}(?:[\s/?#\"'<>,;)]|\Z))"
            r"[^\s/@]*+(?:[/@][^\s\"'<>]{0,256})?(?=@)",
        ),
        # An API key of ours, of which what names it may stay, and a secret of Standard Webhooks.
        ("_", r"(?P<stays>\b(?:tmp_[0-9A-Za-z]{10}|whsec)_)[^\s&;,\"'<>]{6,}+"),
        # In an address, or as a program prints its options.
        (
            "=",
            r"(?P<stays>(?i:token|secret|password|passwd|passphrase|(?:api|secret|private)[_-]?key)=)"
            rf"(?:{_QUOTED}|[^\s&;,\"'<>]++)",
        ),
    )
)


def _hidden(match: re.Match[str]) -> str:
    return f"{match['stays']}{MASK}"


def without_secrets(text: str) -> str:
    """``text`` with a mask over what looks like a secret, and ``…`` for what follows the first ``LOOKED_AT`` of it."""
    if not text or (text.isalnum() and len(text) <= LOOKED_AT):
        return text  # every shape has some other character in it
    found = text[:LOOKED_AT]
    for needed, shape in _SHAPES:
        if needed in found:
            found = shape.sub(_hidden, found)
    if len(text) <= LOOKED_AT:
        return found
    return (found if found.endswith(MASK) else found[:-UNDECIDED]) + "…"
