"""Rewriting sealed entries, each batch of them under a signed statement of what they say from then on.

An entry is read, proven to be what was sealed, rewritten, and read again: what was signed is what stands there then.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Max

from audit.models import ENTRY_COLUMNS, REDACTED_COLUMNS, Event, Fold, RedactedEntry, Redaction, Tree
from audit.proof.canonical import REDACTED_PURPOSE, canonical_entry
from audit.proof.errors import Contradiction
from audit.proof.hashing import leaf_of, rows_of
from audit.proof.keys import signer_for
from audit.proof.merkle import leaf_hash, root_of
from audit.proof.notes import RedactionText
from audit.proof.redactions import audit_paths, covered
from audit.proof.rows import entry, read
from audit.proof.tiles import Tiles
from audit.proof.vouching import Vouches
from audit.redaction.person import Person, through, without_address
from secrets_vault.sealing import authenticate
from temps.lib import clock

CHUNK = 2048
"""Entries in memory at a time."""
LOOKED_AT = ("user_email", "user_agent", "resource_id", "description", "metadata")
"""Columns that may name a person; who acted stands in ``user_id``, which stays."""
USER = "usr_"
"""What the ids of accounts begin with; what has no account behind it has another word in its place."""
FIELDS = {field.name: field for field in Event._meta.local_concrete_fields}
Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """An entry at ``position``, and what its columns are to be."""

    position: int
    columns: Columns
    canonical: bytes

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.canonical)


def entries_of(person: Person, size: int, vouches: Vouches) -> Iterator[tuple[int, Columns]]:
    """The first ``size`` entries as far as they are about, by or of ``person``, with their position.

    Raises :class:`Contradiction` for one that is not what was sealed.
    """
    for start in range(0, size, CHUNK):
        for position, *row in rows_of(start, min(start + CHUNK, size)):
            columns = dict(zip(ENTRY_COLUMNS, row, strict=True))
            if _concerns(person, columns):
                if not vouches(position, tuple(row)):
                    raise Contradiction(f"entry {position} is not what was sealed, so nothing is redacted")
                yield position, columns


def known_as(person: Person, size: int, vouches: Vouches) -> Person:
    """``person`` with the addresses and names that they had before, as the log tells of them."""
    addresses, names = set(person.addresses), set(person.names)
    for _position, columns in entries_of(person, size, vouches):
        if columns["user_id"] == person.id:
            addresses.add(columns["user_email"])
        if columns["resource_id"] == person.id:
            changes = orjson.loads(columns["metadata"]).get("changes")
            for field, found in (("email", addresses), ("name", names)):
                pair = changes.get(field) if isinstance(changes, dict) else None
                found.update(one for one in pair or () if isinstance(one, str))
    known = Person(person.id, addresses, names)
    return Person(person.id, addresses, names, _of_others_too(known))


def _of_others_too(person: Person) -> set[str]:
    """Those of their addresses that another account has now, or acted under, as sealed entries say."""
    users = get_user_model()._default_manager.filter(email__in=person.addresses).exclude(public_id=person.id)
    acted = Event.objects.filter(position__isnull=False, user_id__startswith=USER, user_email__in=person.addresses)
    had = acted.exclude(user_id=person.id).order_by().values_list("user_email", flat=True).distinct()
    return {*users.values_list("email", flat=True), *(one.lower() for one in had)}


def rewritten(person: Person, position: int, columns: Columns) -> Rewritten | None:
    """The entry without ``person``; None if it says nothing of them but their id."""
    theirs = _is_theirs(person, columns)
    address = columns["ip_address"] if theirs else ""
    out_of = person.out_of if person.id in (columns["user_id"], columns["resource_id"]) else person.address_out_of

    def rewrite(text: str) -> str:
        text = out_of(text)
        return without_address(text, address) if address else text

    made = columns | {name: rewrite(columns[name]) for name in ("user_agent", "description")}
    made["resource_id"] = person.address_out_of(columns["resource_id"])
    made["metadata"] = through(orjson.loads(columns["metadata"]), rewrite)
    if theirs:
        made |= {"user_email": columns["user_email"] and person.pseudonym, "ip_address": "", "user_agent": ""}
    for name in REDACTED_COLUMNS[:-1]:
        made[name] = made[name][: FIELDS[name].max_length]
    before = orjson.loads(columns["metadata"])
    if made == columns | {"metadata": before}:
        return None
    told = entry([made[name] if name != "metadata" else orjson.dumps(made[name]) for name in ENTRY_COLUMNS])
    return Rewritten(position, made, canonical_entry(told))


def write(tree: Tree, batch: Sequence[Rewritten]) -> int:
    """Store what ``batch``, at most :data:`STATEMENT` entries in their order, says from now on; the number of the
    statement about it."""
    number = (Redaction.objects.aggregate(newest=Max("number"))["newest"] or 0) + 1
    leaves = [covered(one.position, one.leaf) for one in batch]
    said = RedactionText(tree.origin, number, len(batch), root_of(leaves), clock.now())
    statement = Redaction.objects.create(number=number, note=signer_for(tree).sign(str(said)))
    node = Tiles().node
    RedactedEntry.objects.bulk_create(
        RedactedEntry(
            redaction=statement,
            position=one.position,
            leaf=one.leaf,
            sealed=node(0, one.position),
            place=place,
            path=path,
        )
        for place, (one, path) in enumerate(zip(batch, audit_paths(leaves), strict=True))
    )
    _update(batch)
    RedactedEntry.objects.filter(redaction=statement).update(applied=True)
    _compare(batch)
    _forget_counters(batch)
    return number


def _update(batch: Sequence[Rewritten]) -> None:
    """The one UPDATE of what entries say that the triggers let pass, and once for each statement."""
    fields = [FIELDS[name] for name in (*REDACTED_COLUMNS, "code")]
    setting = ", ".join(f"{field.column} = %s" for field in fields)
    values = []
    for one in batch:
        made = one.columns | {"code": authenticate(one.canonical, purpose=REDACTED_PURPOSE)}
        prepared = [field.get_db_prep_save(made[field.name], connection) for field in fields]
        values.append([*prepared, one.position])
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE audit_event SET {setting} WHERE position = %s", values)  # noqa: S608  our own names


def _compare(batch: Sequence[Rewritten]) -> None:
    expected = {one.position: one.leaf for one in batch}
    stored = read(Event.objects.filter(position__in=list(expected)), "position")
    if {row[0]: leaf_of(row) for row in stored} != expected:
        raise Contradiction("the database did not store entries as they were redacted, so nothing was changed")


def _forget_counters(batch: Sequence[Rewritten]) -> None:
    """Counters of repetitions go on being told by what the first entry says now. What makes repetitions identical is a
    hash of the address, among others, and so it goes."""
    events = [one.columns["public_id"] for one in batch]
    for key in Fold.objects.filter(event__in=events).values_list("pk", flat=True):
        Fold.objects.filter(pk=key).update(key=secrets.token_hex(32))


def _is_theirs(person: Person, columns: Columns) -> bool:
    """Whether they did it, or somebody who was not known tried to under their address. What another account did is that
    account's, also under an address that was theirs."""
    if str(columns["user_id"]).startswith(USER):
        return bool(columns["user_id"] == person.id)
    return columns["user_email"].lower() in person.alone


def _concerns(person: Person, columns: Columns) -> bool:
    if person.id in (columns["user_id"], columns["resource_id"]) or _is_theirs(person, columns):
        return True
    texts = [str(columns[name]) for name in LOOKED_AT]
    if "\\" in texts[-1]:  # SQLite has it in ASCII
        texts[-1] = orjson.dumps(orjson.loads(texts[-1])).decode()
    return any(map(person.is_in, texts))
