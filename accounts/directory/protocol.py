"""Talking to an LDAP server (RFC 4511): in TLS whose certificate is verified, with limits on time, without referrals.

One conversation is one connection. What a person types enters a filter escaped (RFC 4515 section 3) and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from accounts.directory.errors import DirectoryFault
from accounts.directory.library import library
from accounts.directory.models import Directory, GroupType, Security
from accounts.directory.wire import wire
from temps.lib.cli import printable

IN_CHAIN = "1.2.840.113556.1.4.1941"
"""LDAP_MATCHING_RULE_IN_CHAIN: Active Directory follows groups within groups."""
DISABLED_BIT = 2
"""ADS_UF_ACCOUNTDISABLE of userAccountControl."""
LOCKED_FOR_EVER = b"000001010000Z"
"""pwdAccountLockedTime of an account that an administrator locked (draft-behera-ldap-password-policy)."""
STATE = ("userAccountControl", "pwdAccountLockedTime", "nsAccountLock")
BINARY_IDS = frozenset({"objectguid"})

Attributes = dict[str, list[bytes]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a directory says of a person."""

    dn: str
    id: str
    mails: tuple[str, ...]
    name: str
    disabled: bool
    groups: tuple[str, ...] = field(default=(), repr=False)
    """The names of groups that stand at the entry itself (memberOf)."""


class SeveralFound(DirectoryFault):
    """The filter fits more than one entry, so none of them is meant."""


class Conversation:
    """A bound connection. Every method raises :class:`DirectoryFault` when the server does not answer as it should."""

    def __init__(self, directory: Directory, connection: Any, ldap: ModuleType) -> None:
        self._directory, self._connection, self._ldap = directory, connection, ldap

    def accepts(self, dn: str, password: str) -> bool:
        """Whether ``password`` is that of ``dn``. The connection is bound to nobody else afterwards."""
        if not dn or not password:
            return False  # a bind without a password succeeds, and proves nothing (RFC 4513 section 5.1.2)
        ldap = self._ldap
        try:
            self._connection.simple_bind_s(dn, password)
        except (
            *(ldap.INVALID_CREDENTIALS, ldap.INAPPROPRIATE_AUTH, ldap.UNWILLING_TO_PERFORM, ldap.NO_SUCH_OBJECT),
            *(ldap.CONSTRAINT_VIOLATION, ldap.INSUFFICIENT_ACCESS, ldap.INVALID_DN_SYNTAX),
        ):
            return False
        except ldap.LDAPError as error:
            raise fault(error) from None
        return True

    def accepts_nobody(self) -> None:
        """The work of :meth:`accepts`, for a person whom the directory does not know."""
        self.accepts(f"cn={secrets.token_hex(8)},{self._directory.user_base}", secrets.token_hex(16))

    def search_again(self, password: str) -> None:
        """Bind as whom Temps searches, after somebody else."""
        try:
            _bind(self._connection, self._directory, password)
        except self._ldap.LDAPError as error:
            raise fault(error) from None

    def person(self, login: str) -> Entry | None:
        """The one entry that the user filter finds for ``login``. Raises :class:`SeveralFound`."""
        escaped, before = self.escaped(login), self.escaped(login.partition("@")[0])
        return self._one(self._directory.user_filter.replace("%(user)s", escaped).replace("%(local)s", before))

    def person_by_id(self, unique_id: str) -> Entry | None:
        """The entry with this id, if the user filter would still find it."""
        directory = self._directory
        anyone = directory.user_filter.replace("%(user)s", "*").replace("%(local)s", "*")
        value = self.escaped(unique_id)
        if directory.id_attribute.lower() in BINARY_IDS:
            value = "".join(f"\\{unique_id[start : start + 2]}" for start in range(0, len(unique_id), 2))
        return self._one(f"(&{anyone}({directory.id_attribute}={value}))")

    def groups_of(self, entry: Entry) -> tuple[str, ...]:
        """The distinguished names of the groups that ``entry`` is in."""
        directory = self._directory
        if directory.group_type == GroupType.MEMBER_OF:
            return entry.groups
        rule = f":{IN_CHAIN}:" if directory.group_type == GroupType.NESTED else ""
        member = f"({directory.member_attribute}{rule}={self.escaped(entry.dn)})"
        found = self._search(directory.group_base, f"(&{directory.group_filter}{member})", ["1.1"], limit=0)
        return tuple(dn for dn, _attributes in found)

    def escaped(self, value: str) -> str:
        return str(self._ldap.filter.escape_filter_chars(value))

    def _one(self, query: str) -> Entry | None:
        directory = self._directory
        wanted = [directory.id_attribute, directory.mail_attribute, directory.name_attribute, "memberOf", *STATE]
        try:
            found = self._search(directory.user_base, query, wanted, limit=2)
        except self._ldap.SIZELIMIT_EXCEEDED:
            found = [("", {}), ("", {})]
        if len(found) > 1:
            raise SeveralFound("the user filter finds more than one entry for this name")
        return _entry(directory, *found[0]) if found and found[0][0] else None

    def _search(self, base: str, query: str, wanted: list[str], *, limit: int) -> list[tuple[str, Attributes]]:
        ldap = self._ldap
        try:
            number = self._connection.search_ext(
                base, ldap.SCOPE_SUBTREE, query, wanted, timeout=self._directory.timeout, sizelimit=limit
            )
            found = self._connection.result3(number, all=1, timeout=self._directory.timeout)[1]
        except ldap.SIZELIMIT_EXCEEDED as error:
            if limit:
                raise
            raise fault(error, "the server does not list all groups") from None
        except ldap.NO_SUCH_OBJECT:
            raise DirectoryFault(f"there is no {printable(base)[:120]} in the directory") from None
        except ldap.LDAPError as error:
            raise fault(error) from None
        # Without a name it is a reference to another server (RFC 4511 section 4.5.3), which is not followed.
        return [(dn, {name.lower(): values for name, values in attributes.items()}) for dn, attributes in found if dn]


@contextmanager
def conversation(directory: Directory, password: str, *, seconds: float | None = None) -> Iterator[Conversation]:
    """Connect and bind as whom Temps searches. ``seconds`` bounds the whole, four times the timeout if left out.

    Raises :class:`DirectoryFault`, also when no server of the directory answers.
    """
    ldap = library()
    with ExitStack() as held:
        connection = _connected(directory, password, seconds or 4.0 * directory.timeout, ldap, held)
        yield Conversation(directory, connection, ldap)


def fault(error: Exception, what: str = "") -> DirectoryFault:
    """What went wrong, for whoever runs the directory."""
    told: Any = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    parts = [what, str(told.get("desc", type(error).__name__)), str(told.get("info", ""))]
    return DirectoryFault(printable(": ".join(part for part in parts if part))[:300])


def _connected(directory: Directory, password: str, whole: float, ldap: ModuleType, held: ExitStack) -> Any:
    """A connection to the first server that answers, bound as whom Temps searches; ``held`` ends it."""
    refused = DirectoryFault("the directory has no server")
    for uri in directory.uris.split():
        with ExitStack() as own:
            try:
                connection = own.enter_context(_opened(uri, directory, whole, ldap))
                _bind(connection, directory, password)
            except ldap.LDAPError as error:
                refused = fault(error, uri)
                continue
            except DirectoryFault as error:
                refused = error
                continue
            held.push(own.pop_all())
            return connection
    raise refused


@contextmanager
def _opened(uri: str, directory: Directory, whole: float, ldap: ModuleType) -> Iterator[Any]:
    """OpenLDAP's side of a connection. Everything is set on it: ldap.conf and the environment do not decide here."""
    security = Security(directory.security)
    with wire(uri, security, directory.ca_bundle, seconds=directory.timeout, whole=whole) as number:
        connection = ldap.initialize("ldap://wire", fileno=number)
        try:
            for option, value in (
                (ldap.OPT_PROTOCOL_VERSION, 3),
                (ldap.OPT_REFERRALS, 0),
                (ldap.OPT_DEREF, ldap.DEREF_NEVER),
                (ldap.OPT_NETWORK_TIMEOUT, float(directory.timeout)),
                (ldap.OPT_TIMEOUT, float(directory.timeout)),
                (ldap.OPT_RESTART, 0),
            ):
                connection.set_option(option, value)
            yield connection
        finally:
            with suppress(ldap.LDAPError):
                connection.unbind_s()


def _bind(connection: Any, directory: Directory, password: str) -> None:
    if directory.bind_dn and not password:
        raise DirectoryFault("the bind DN has no password")  # it would bind as nobody (RFC 4513 section 5.1.2)
    connection.simple_bind_s(directory.bind_dn, password if directory.bind_dn else "")


def _entry(directory: Directory, dn: str, attributes: Attributes) -> Entry:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(value.decode(errors="replace") for value in attributes.get(name.lower(), []))

    ids = attributes.get(directory.id_attribute.lower(), [])
    binary = directory.id_attribute.lower() in BINARY_IDS
    unique_id = (ids[0].hex() if binary else ids[0].decode(errors="replace")) if len(ids) == 1 else ""
    if not unique_id or len(unique_id) > 200:
        raise DirectoryFault(f"the entry has no single {directory.id_attribute}, by which it would be known again")
    name = next(iter(texts(directory.name_attribute)), "")
    return Entry(dn, unique_id, texts(directory.mail_attribute), name, _is_disabled(attributes), texts("memberOf"))


def _is_disabled(attributes: Attributes) -> bool:
    control = attributes.get("useraccountcontrol", [b"0"])[0]
    return (
        (control.isdigit() and bool(int(control) & DISABLED_BIT))
        or LOCKED_FOR_EVER in attributes.get("pwdaccountlockedtime", [])
        or any(value.upper() == b"TRUE" for value in attributes.get("nsaccountlock", []))
    )
