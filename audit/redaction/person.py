"""Who is to be forgotten, and how a text is rid of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from audit.actions import Action, Result
from rbac.permissions import Permission, PlatformRole, ProjectRole
from temps.lib.actor import ActorKind, CredentialKind

DOMAIN = "erased.invalid"
"""Under a top-level domain that leads nowhere (RFC 2606), so that no message ever goes there."""
SHORTEST_NAME = 4
"""Characters: a shorter name is part of too much that is none."""
ERASED_ADDRESS = "[erased]"
"""In place of the network address that somebody came from."""

_VOCABULARY = (*Action, *Result, *Permission, *PlatformRole, *ProjectRole, *ActorKind, *CredentialKind)
_FIELDS = (
    *("actor", "changes", "alsochanged", "count", "days", "email", "first", "helduser", "last", "name", "positions"),
    *("resourceid", "resourcetype", "since", "statements", "until", "erased", "invalid"),
)
OWN_WORDS = frozenset(word for one in _VOCABULARY for word in re.split(r"[_:]", one.lower())) | frozenset(_FIELDS)
"""Words that Temps writes itself. A person who is called like one of them alone is not found by it, or entries would
lose what they say: whoever has such a name is named by their address."""

Rewrite = Callable[[str], str]


class Person:
    """Somebody by their public id, with every address and name that they are known by.

    People choose their names, and give addresses up to others. So names are looked for in what is by this person or
    about them, and nowhere else: whoever takes a phrase of the log for a name must not have it rewritten. Addresses
    that are ``shared``, because another account has or had them, count there alone too.
    """

    def __init__(
        self, user_id: str, addresses: Iterable[str], names: Iterable[str], shared: Iterable[str] = ()
    ) -> None:
        self.id = user_id
        self.pseudonym = f"{user_id}@{DOMAIN}"
        lowered = {one.strip().lower() for one in addresses}
        self.addresses = frozenset(one for one in lowered if "@" in one and not one.endswith(f"@{DOMAIN}"))
        self.alone = self.addresses - frozenset(shared)
        """The addresses that were never anybody else's."""
        self.names = frozenset(name for one in names if _is_telling(name := " ".join(one.split())))
        self._name = _any_of(self.names, before=r"(?<!\w)", after=r"(?!\w)")
        self._of_theirs, self._anywhere = _Addresses(self.addresses), _Addresses(self.alone)

    def is_in(self, text: str) -> bool:
        """Whether ``text`` of anybody names them beyond doubt: by an address of theirs alone."""
        return self._anywhere.may_be_in(text) and self.address_out_of(text) != text

    def address_out_of(self, text: str) -> str:
        """``text`` of anybody, with the pseudonym for every address of theirs alone."""
        return self._anywhere.replaced(text, self.pseudonym)

    def out_of(self, text: str) -> str:
        """``text`` by them or about them, with the pseudonym for every address, and the id for every name."""
        text = self._of_theirs.replaced(text, self.pseudonym)
        return text if self._name is None else self._name.sub(self.id, text)


class _Addresses:
    """Addresses in a text, whatever stands around them."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._domains: dict[str, set[str]] = {}
        for address in addresses:
            local, _at, domain = address.rpartition("@")
            self._domains.setdefault(local, set()).add(domain)
        self._pattern = _any_of(self._domains, before=r"(?<![\w.+-])", after=r"(?:@|%40)([\w.-]*)")

    def may_be_in(self, text: str) -> bool:
        """A quick look whether it is worth looking closer."""
        lowered = text.lower()
        return any(local in lowered for local in self._domains)

    def replaced(self, text: str, pseudonym: str) -> str:
        return text if self._pattern is None else self._pattern.sub(lambda found: self._for(found, pseudonym), text)

    def _for(self, found: re.Match[str], pseudonym: str) -> str:
        """For an address of theirs, also one whose end was cut off because the text was too long."""
        domains = self._domains[found[1].lower()]
        domain = found[2].lower()
        bare = domain.rstrip(".-")
        if bare in domains:
            return pseudonym + domain[len(bare) :]
        is_cut = found.string[found.end() :].lstrip().startswith("…") or found.end() == len(found.string)
        return pseudonym if is_cut and any(one.startswith(domain) for one in domains) else found[0]


def through(value: Any, rewrite: Rewrite) -> Any:
    """``value`` (plain JSON) with ``rewrite`` applied to every text in it, names of keys too."""
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, list):
        return [through(one, rewrite) for one in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for name, one in value.items():
        made[_free(rewrite(name), made)] = through(one, rewrite)
    return made


def without_address(text: str, address: str) -> str:
    """``text`` without the network address ``address``, where it stands as a whole."""
    return re.sub(rf"(?<![\w.:]){re.escape(address)}(?![\w:]|\.\d)", ERASED_ADDRESS, text)


def _free(name: str, taken: dict[str, Any]) -> str:
    """``name``, or one like it where two names became the same: nothing that stands under them is lost."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _is_telling(name: str) -> bool:
    return len(name) >= SHORTEST_NAME and name.lower() not in OWN_WORDS and "@" not in name


def _any_of(texts: Iterable[str], *, before: str, after: str) -> re.Pattern[str] | None:
    """The longest first, in any case, and with any blanks between words."""
    found = sorted(texts, key=len, reverse=True)
    if not found:
        return None
    each = "|".join(r"\s+".join(map(re.escape, text.split())) for text in found)
    return re.compile(f"{before}({each}){after}", re.IGNORECASE)
