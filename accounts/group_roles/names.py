"""What groups and their sources are called, in one form each, so that equal names compare equal.

A group of a directory is named by its distinguished name (RFC 4514), never by its last part alone: whoever may make
groups in some corner of the tree could make another of that name. An identity provider names its groups as it likes,
and they are compared as they are.
"""

from __future__ import annotations

import re

from temps.lib.errors import Invalid

DIRECTORY = "directory"
SOURCE = re.compile(r"[a-z]{1,20}:[a-z0-9](?:[a-z0-9_.-]{0,57}[a-z0-9])?")
"""What kind of source, and which: ``directory:corp``."""
GROUP_LIMIT = 500
_ESCAPED = re.compile(r"\\(?:([0-9a-f]{2})|(.))", re.DOTALL)


def clean_source(source: str) -> str:
    """``source`` as it is stored. Raises :class:`Invalid`."""
    source = source.strip().lower()
    if len(source) > 80 or not SOURCE.fullmatch(source):
        raise Invalid("a source is a kind and a name, such as directory:corp", field="source")
    return source


def clean_group(source: str, group: str) -> str:
    """``group`` in the form in which it is stored and compared. Raises :class:`Invalid`."""
    group = group.strip()
    if not group or len(group) > GROUP_LIMIT or not group.isprintable():
        raise Invalid(f"a group has a name of at most {GROUP_LIMIT} printable characters", field="group")
    if not source.startswith(f"{DIRECTORY}:"):
        return group
    name = canonical_dn(group)
    if name is None or len(name) > GROUP_LIMIT:
        raise Invalid(
            "a group of a directory is a distinguished name, such as cn=admins,ou=groups,dc=example,dc=com",
            field="group",
        )
    return name


def canonical_dn(text: str) -> str | None:
    """A distinguished name in lower case, without blanks around its parts, escaped in one way; None if it is none."""
    names = []
    for part in _split(text.lower(), ",;"):
        pairs = [_pair(one) for one in _split(part, "+")]
        if None in pairs:
            return None
        names.append("+".join(sorted(pair for pair in pairs if pair is not None)))
    return ",".join(names)


def _pair(text: str) -> str | None:
    kind, equals, value = text.strip(" ").partition("=")
    kind = kind.strip(" ")
    if not equals or not re.fullmatch(r"[a-z][a-z0-9-]*|[0-9]+(?:\.[0-9]+)*", kind):
        return None
    plain = " ".join(_unescaped(value).split())  # blanks count once (RFC 4518 section 2.6.1)
    return f"{kind}={_escaped(plain)}" if plain else None


def _split(text: str, separators: str) -> list[str]:
    """``text`` cut at the separators that no backslash precedes."""
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] in separators:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _unescaped(value: str) -> str:
    """The value itself: hex pairs are bytes of UTF-8 (RFC 4514 section 2.4). Empty where they are none."""
    raw, position = bytearray(), 0
    for found in _ESCAPED.finditer(value):
        raw += value[position : found.start()].encode()
        raw += bytes.fromhex(found[1]) if found[1] else found[2].encode()
        position = found.end()
    raw += value[position:].encode()
    try:
        return raw.decode().lower()
    except UnicodeDecodeError:
        return ""


def _escaped(value: str) -> str:
    return re.sub(r'[\\,;+"<>=]', lambda found: f"\\{found[0]}", value)
