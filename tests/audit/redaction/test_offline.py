"""Exports made before and after somebody was erased, verified with nothing but a public key."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from django.core.management import call_command

from audit.exporting.offline import Report
from audit.exporting.proof import member
from audit.models import Export, ExportFormat, ExportState, Tree
from audit.proof.keys import signer_for
from audit.proof.notes import RedactionText
from temps.lib import clock
from temps.lib.signing import Signer
from tests.audit.exporting.made import asked, exported, key, proof_of, verified
from tests.audit.redaction.made import OLIVIA, OTTO, happened, redact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.promise("A-14", "L-04", "L-06")]
FORMATS = [*ExportFormat.values]


def export(file_format: str) -> Path:
    today = clock.now().date()
    return exported(file_format, start=today, end=today)


def kept(path: Path, place: Path) -> Path:
    """A copy elsewhere, as somebody has it who downloaded the export."""
    place.mkdir()
    for one in {path, proof_of(path)}:
        shutil.copy(one, place / one.name)
    return place / path.name


def problem(report: Report) -> str:
    return str(report.problem)


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_made_afterwards_is_whole_and_names_nobody(file_format: str) -> None:
    redact()
    path = export(file_format)
    report = verified(path)
    assert (report.whole, report.redacted) == (True, 8), report.problem
    written = (path.read_text() + proof_of(path).read_text()).lower()
    written = written.replace(f"not-{OLIVIA.email}", "").replace(f"not{OLIVIA.email}", "")
    assert OLIVIA.email not in written
    assert OLIVIA.pseudonym in written


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_made_before_verifies_as_it_is(file_format: str, tmp_path: Path) -> None:
    path = kept(export(file_format), tmp_path / "kept")
    redact()
    report = verified(path)
    assert (report.whole, report.redacted, report.verified > 8) == (True, 0, True), report.problem


def test_a_proof_of_an_earlier_version_verifies_as_it_is() -> None:
    path = export("ndjson")
    text = proof_of(path).read_text()
    assert '"redacted":[\n],\n"rewritten":[\n],\n' in text
    text = text.replace('"redacted":[\n],\n"rewritten":[\n],\n', "").replace(
        "temps-audit-proof/2", "temps-audit-proof/1"
    )
    proof_of(path).write_text(text)
    assert verified(path).whole


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_redacted_entry_that_is_changed_is_named(file_format: str) -> None:
    redact()
    path = export(file_format)
    path.write_bytes(path.read_bytes().replace(b"came from [erased]", b"came from nowhere"))
    assert "entry 2" in problem(verified(path))
    assert "was redacted for an erased person, and is not what it said" in problem(verified(path))


def test_an_original_in_the_place_of_a_redacted_entry_is_named(tmp_path: Path) -> None:
    before = kept(export("ndjson"), tmp_path / "kept").read_text().splitlines()
    redact()
    path = export("ndjson")
    lines = path.read_text().splitlines()
    lines[2] = before[2]
    path.write_text("\n".join(lines) + "\n")
    assert "entry 2" in problem(verified(path))
    assert "put back" in problem(verified(path))


def test_without_its_statement_a_redacted_entry_is_a_changed_one() -> None:
    redact()
    path = export("ndjson")
    lines = [line for line in proof_of(path).read_text().split("\n") if "\\nredacted\\n" not in line]
    at = lines.index('"rewritten":[')
    proof_of(path).write_text("\n".join([*lines[: at + 1], *lines[at + 2 :]]))
    assert "is not what was sealed" in problem(verified(path))


def test_what_stands_beside_a_statement_is_what_was_signed() -> None:
    redact()
    path = export("ndjson")
    lines = proof_of(path).read_text().split("\n")
    at = lines.index('"rewritten":[') + 1
    lines[at] = lines[at].replace("A", "B", 1)
    proof_of(path).write_text("\n".join(lines))
    assert "not about those that stand beside it" in problem(verified(path))


def test_a_statement_that_another_key_signed_does_not_count() -> None:
    redact()
    path = export("ndjson")
    tree = Tree.objects.get()
    text = RedactionText(tree.origin, 1, 8, b"x" * 32, clock.now())
    replace_statement(path, Signer.generate(tree.origin).sign(str(text)))
    assert "a statement about redacted entries does not count" in problem(verified(path))


def test_a_statement_about_another_log_does_not_count() -> None:
    redact()
    path = export("ndjson")
    signer = signer_for(Tree.objects.get())
    replace_statement(path, signer.sign(str(RedactionText("temps-audit_other", 1, 8, b"x" * 32, clock.now()))))
    assert "about another log" in problem(verified(path))


def replace_statement(path: Path, note: str) -> None:
    lines = proof_of(path).read_text().split("\n")
    lines[lines.index('"redacted":[') + 1] = member("x", note).removeprefix('"x":').removesuffix(",")
    proof_of(path).write_text("\n".join(lines))


def test_of_two_statements_the_later_one_counts() -> None:
    happened(OTTO.actor, f"met {OLIVIA.email}")
    redact()
    redact(OTTO)
    report = verified(export("csv"))
    assert report.whole, report.problem
    assert report.redacted == 11


@pytest.mark.parametrize("file_format", FORMATS)
def test_files_that_were_made_before_are_removed(file_format: str) -> None:
    path = export(file_format)
    redact()
    assert not path.exists()
    assert not proof_of(path).exists()
    assert Export.objects.get().state == ExportState.EXPIRED


def test_files_that_nobody_of_the_erased_is_in_stay() -> None:
    redact()
    path = export("json")
    redact(OTTO)
    assert not path.exists()
    path = export("json")
    assert redact(OTTO) == 0
    assert path.exists()


def test_an_export_that_is_being_written_begins_anew() -> None:
    waits = asked(start=clock.now().date(), end=clock.now().date())
    Export.objects.filter(pk=waits.pk).update(state=ExportState.RUNNING, claim="x", touched_at=clock.now())
    redact()
    waits.refresh_from_db()
    assert (waits.state, waits.claim) == (ExportState.PENDING, "")


def test_the_command_says_how_many_were_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    redact()
    path = export("csv")
    call_command("audit", "verify", str(path), "--public-key", key())
    assert "8 entries of them redacted for erased persons" in capsys.readouterr().out
    call_command("audit", "verify", str(path), "--public-key", key(), "--json")
    assert json.loads(capsys.readouterr().out)["redacted"] == 8
    call_command("audit", "verify")
    assert (
        "redacted for erased persons: 8 entries; what they say now was signed, the last on" in capsys.readouterr().out
    )
