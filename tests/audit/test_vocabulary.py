"""Whatever changes something, or opens a secret, is recorded: read from the source, so that a new service is too."""

from __future__ import annotations

import pytest

from tests.audit.verbs import OPENS, RECORDS, callers_of, functions, reaches

pytestmark = pytest.mark.promise("L-01", "L-03")

UNRECORDED = {
    "accounts.links.asking.ask_for_link": "strangers ask: what is sent for an account is LINK_SEND",
    "accounts.totp.begin_enrolment": "nothing is enrolled until the first code: that is MFA_ENABLE",
    "audit.alerts.evaluation": "background work that counts events, and records nothing about them",
    "audit.alerts.telling": "background work that sends messages; whether they arrive stands on their channel",
    "rbac.services.grant_ownership": "part of create_project, which records it",
}
"""Services that change something without an event, or whole modules of them, with the reason."""
BY_NOBODY = {
    "accounts.browser_sessions.services.note_token_use": "keeps where tokens are used, as sessions do",
    "accounts.tokens.actor_of_token": "notes that use",
    "accounts.links.housekeeping": "removes links that opened nothing any more",
    "accounts.links.sending.void_older": "part of sending a newer link, and of inviting",
    "accounts.mail.condition": "keeps on the row of the mail server whether it took a message, as directories do",
    "accounts.directory.asking": "keeps on the row of a directory whether it answered",
    "accounts.housekeeping": "removes what has expired and opens nothing any more",
    "audit.alerts": "finds, counts and tells what was recorded",
    "audit.diffs.noticed": "writes on the rows of a diff which event they belong to",
    "audit.exporting.writing": "background work on an export, whose asking, downloading and failing are events",
    "audit.diffs.forgetting": "part of redacting a person, which records it",
    "audit.exporting.forgetting": "part of redacting a person, which records it",
    "audit.retention.forgetting": "part of redacting a person, which records it",
    "audit.sinks.forgetting": "part of redacting a person, which records it",
    "audit.redaction.entries": "part of redacting a person, which records it",
    "audit.keeper": "seals and streams what was recorded",
    "audit.proof": "seals what was recorded: what it leaves is a signed checkpoint",
    "certificates.services.continue_pending": "sweeps the proofs of attempts that died; attempts are events",
    "secrets_vault.sealing": "makes the data key of a project with the first value that is sealed",
}
"""What changes something on nobody's behalf."""
OPENED = {
    "audit.alerts.telling": "background work that opens the address of a channel to send to it",
    "audit.alerts.evaluation": "background work that opens the key of the log to verify the newest checkpoint",
    "audit.console": "opens the key of the log to verify the checkpoint that it shows",
}


def beyond(found: set[str], known: dict[str, str]) -> set[str]:
    """What of ``found`` is not in ``known``, by its own name or by that of its module or package."""
    return {name for name in found if not any(f"{name}.".startswith(f"{one}.") for one in known)}


def test_every_service_that_changes_something_records_it() -> None:
    silent = {
        name
        for name, one in functions().items()
        if one.is_public and one.takes_actor and reaches(name) and not reaches(name, RECORDS)
    }
    assert beyond(silent, UNRECORDED) == set(), "record what these change, or say in UNRECORDED why not"
    assert beyond(set(UNRECORDED), dict.fromkeys(_parents(silent), "")) == set(), "these exceptions are left over"


def test_what_changes_something_takes_an_actor_or_belongs_to_what_does() -> None:
    nameless = {
        name
        for name, one in functions().items()
        if one.is_public and not one.takes_actor and reaches(name) and not reaches(name, RECORDS)
    }
    on_their_own = {name for name in nameless if not _is_part_of_what_records(name)}
    assert beyond(on_their_own, BY_NOBODY) == set(), "give these an actor and record what they change, or say why not"


def test_whoever_opens_what_is_sealed_is_recorded() -> None:
    silent = {
        name
        for name, one in functions().items()
        if one.is_public and one.takes_actor and reaches(name, OPENS) and not reaches(name, RECORDS)
    }
    assert beyond(silent, OPENED) == set(), "record who opened it, or say here why that shows nothing to anybody"


def test_the_source_is_read_as_it_should_be() -> None:
    assert reaches("projects.services.create_project", RECORDS)
    assert reaches("projects.services.delete_project")
    assert reaches("secrets_vault.reading.reveal", OPENS)
    assert not reaches("projects.services.project_by_slug")
    assert len([one for one in functions().values() if one.takes_actor and one.is_public]) > 60


def _is_part_of_what_records(name: str) -> bool:
    callers = callers_of(name)
    return bool(callers) and all(reaches(caller, RECORDS) for caller in callers)


def _parents(names: set[str]) -> set[str]:
    """The names with those of their modules and packages."""
    return {name.rsplit(".", cut)[0] for name in names for cut in range(name.count(".") + 1)}
