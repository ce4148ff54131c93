"""Domain names: what people type, in the one form that certificates and the database hold.

That form is RFC 1123 section 2.1 in lower case, other scripts as A-labels (IDNA 2008, RFC 5891), no dot at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import idna

from temps.lib.cli import printable
from temps.lib.errors import Invalid

MAX_NAMES = 100
"""Names on one certificate: the limit of Let's Encrypt, which other issuers share or exceed."""

MAX_LENGTH = 253
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = rf"^{_LABEL}(\.{_LABEL})+$"


def clean_name(text: str, *, field: str = "domain") -> str:
    """``text`` as a host name. Raises :class:`Invalid` saying what is wrong with it."""
    typed = text.strip()
    shown = printable(typed)[:80]
    if not typed:
        raise Invalid("a domain name is missing", field=field)
    if typed.startswith("*"):
        raise Invalid(
            f"'{shown}' is a wildcard: issuers give those for a proof by DNS record (DNS-01) alone, and Temps proves "
            "names over HTTP; list the names one by one (an uploaded certificate may hold a wildcard)",
            field=field,
        )
    if _is_address(typed):
        raise Invalid(f"'{shown}' is an address; a domain is named, such as shop.example.com", field=field)
    if any(character in typed for character in "/:@?# "):
        raise Invalid(f"'{shown}' is more than a domain name: give it alone, such as shop.example.com", field=field)
    name = _ascii(typed.removesuffix("."))
    if name is None or len(name) > MAX_LENGTH or not re.fullmatch(HOST_NAME, name):
        raise Invalid(
            f"'{shown}' is not a domain name: it needs two labels or more, joined by dots, each of 1 to 63 letters, "
            "digits and hyphens with no hyphen at either end",
            field=field,
        )
    if name.rsplit(".", 1)[1].isdigit():
        raise Invalid(f"'{shown}' ends in a number, as no domain does", field=field)
    return name


def clean_names(primary: str, aliases: Iterable[str]) -> list[str]:
    """The names of one certificate, the primary one first and none twice."""
    names = [clean_name(primary), *(clean_name(alias, field="aliases") for alias in aliases)]
    names = list(dict.fromkeys(names))
    if len(names) > MAX_NAMES:
        raise Invalid(f"a certificate holds at most {MAX_NAMES} names, and these are {len(names)}", field="aliases")
    return names


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's DNS name stands for ``name`` (RFC 6125 section 6.4.3, RFC 9525 section 6.3).

    A wildcard is the whole leftmost label and stands for exactly one label.
    """
    pattern, name = pattern.lower().removesuffix("."), name.lower()
    if not pattern.startswith("*."):
        return pattern == name
    _label, dot, parent = name.partition(".")
    return bool(dot) and pattern[2:] == parent and "." in parent


def uncovered(patterns: Sequence[str], names: Iterable[str]) -> list[str]:
    """Those of ``names`` that no name of the certificate stands for."""
    return [name for name in names if not any(covers(pattern, name) for pattern in patterns)]


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _ascii(text: str) -> str | None:
    """A-labels in lower case; None where IDNA has no such name."""
    if text.isascii() and "xn--" not in text.lower():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
