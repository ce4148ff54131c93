"""Erasing a person from the audit log, of which the account's own erasure is the other half (``accounts``)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from django.db import connection, transaction

from audit.actions import Action
from audit.diffs import noticed
from audit.proof.checking import ANNOUNCED, verify_log
from audit.proof.errors import Contradiction
from audit.proof.keys import tree_for_update, verifiers
from audit.proof.models import Tree
from audit.proof.redactions import STATEMENT
from audit.proof.sealer import seal_everything
from audit.proof.vouching import Vouches, voucher
from audit.redaction.entries import Columns, Rewritten, entries_of, known_as, rewritten, write
from audit.redaction.person import Person
from audit.redaction.places import forget_everywhere
from audit.retention.mandate import KEPT, as_configured, held_in_log
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from rbac.step_up import require_recent
from temps.lib import ids
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid

Hold = tuple[str, str]
"""Project and person, either of them empty for all."""


@transaction.atomic
def redact_person(*, user_id: str, email: str, name: str, actor: Actor) -> int:
    """Put a pseudonym in the place of a person in the log and in everything made of it; how many entries that changed.

    Call it last in the transaction that erases the account, when what was done is recorded. Before it returns, the
    checkpoint and the statements about what entries say now are signed; the files of earlier exports are removed when
    the transaction commits. A second call finds nothing, unless something was recorded of them since.

    Raises :class:`Conflict` while a legal hold covers them or one of these entries, or something sends mail to them,
    and :class:`Contradiction`, having changed nothing, when the log does not verify: a statement is never signed for
    whoever changed it.
    """
    require(actor, Permission.USERS_DELETE)
    require_recent(actor)
    if not ids.fits(user_id, "usr"):
        raise Invalid("a person is named by their public id", field="user_id")
    if "@" not in email.strip():
        raise Invalid("this is no email address", field="email")
    if noticed.is_waiting():
        raise RuntimeError("what this transaction changed belongs in an event before the person is redacted")
    tree_for_update()  # nobody seals, removes or places a hold until the transaction ends
    seal_everything()
    tree = tree_for_update()
    holds = _holds(tree)
    vouches = voucher(tree)
    person = known_as(Person(user_id, {email}, {name}), tree.size, vouches)
    if ("", "") in holds or any(user in person.addresses for _project, user in holds):
        raise _held()
    count, statements = _redact(person, tree, vouches, holds)
    forget_everywhere(person)
    if count:
        record(
            _nameless(actor, person),
            Action.AUDIT_REDACT,
            ("user", user_id),
            f"redacted {count} {'entry' if count == 1 else 'entries'} for an erased person",
            metadata={"count": count, ANNOUNCED: statements},
        )
    return count


def _holds(tree: Tree) -> frozenset[Hold]:
    """Those that hold, by their rows and by the log itself, which has to verify."""
    verdict = verify_log(verifiers(tree), operations=KEPT)
    if not verdict.whole:
        raise Contradiction(f"the log does not verify, so nothing is redacted: {verdict.problems[0]}")
    return as_configured().holds | held_in_log(verdict.entries)


def _held() -> Conflict:
    return Conflict("a legal hold covers entries of this person: release it first (temps retention holds lists them)")


def _redact(person: Person, tree: Tree, vouches: Vouches, holds: Collection[Hold]) -> tuple[int, int]:
    """How many entries were rewritten, and the number of the last statement about them."""
    _overwrite_what_was()
    count = number = 0
    batch: list[Rewritten] = []
    for position, columns in entries_of(person, tree.size, vouches):
        one = rewritten(person, position, columns)
        if one is None:
            continue
        if _is_held(columns, holds):
            raise _held()
        batch.append(one)
        if len(batch) == STATEMENT:
            number, count, batch = write(tree, batch), count + len(batch), []
    if batch:
        number, count = write(tree, batch), count + len(batch)
    return count, number


def _is_held(columns: Columns, holds: Collection[Hold]) -> bool:
    return any(
        project in ("", columns["project"]) and user in ("", columns["user_email"].lower()) for project, user in holds
    )


def _overwrite_what_was() -> None:
    """SQLite leaves old text in the free parts of its file otherwise."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def _nameless(actor: Actor, person: Person) -> Actor:
    """``actor``, by their pseudonym if they erase themselves."""
    if actor.id != person.id:
        return actor
    return replace(actor, label=person.pseudonym, address=None, user_agent="")
