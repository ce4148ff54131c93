"""An export is altered in every way that came to mind, and verification says where."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from audit.exporting import offline, writing
from audit.exporting.coverage import Coverage
from audit.exporting.proof import member
from audit.models import ExportFormat, Retirement, Tree
from audit.proof.keys import signer_for, verifiers
from audit.proof.notes import RetirementText
from temps.lib import clock
from temps.lib.signing import Signer
from tests.audit.exporting.made import a_month, exported, happened, key, proof_of, verified

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04", "L-06")]
FORMATS = [*ExportFormat.values]
BESIDE = [one for one in FORMATS if one != "json"]
Lines = list[bytes]


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """Files of exports end up in a directory of the test's own."""


def entries_of(path: Path) -> tuple[Lines, Lines, Lines]:
    """What stands before the entries, the entries, and what stands after them."""
    lines = path.read_bytes().splitlines(keepends=True)
    head = 1 if path.suffix in (".json", ".csv") else 0
    end = next((number for number, line in enumerate(lines) if line.startswith(b"]")), len(lines))
    if path.suffix == ".json":
        lines[end - 1] = lines[end - 1].replace(b"}\n", b"},\n")
    return lines[:head], lines[head:end], lines[end:]


def rewritten(path: Path, change: Callable[[Lines], object]) -> None:
    """Change the entries and put the file together again as Temps would, the count included."""
    head, entries, tail = entries_of(path)
    before = f'"count":{len(entries)},'.encode()
    change(entries)
    if path.suffix == ".json":
        entries[-1] = entries[-1].replace(b"},\n", b"}\n")
        tail[0] = tail[0].replace(before, f'"count":{len(entries)},'.encode())
    path.write_bytes(b"".join([*head, *entries, *tail]))


def edit(entries: Lines) -> None:
    entries[3] = entries[3].replace(b"12:00:03", b"12:00:33")


def swap(entries: Lines) -> None:
    entries[3], entries[5] = entries[5], entries[3]


WAYS: dict[str, tuple[Callable[[Lines], object], int, str]] = {
    "edited": (edit, 3, "is not what was sealed"),
    "deleted": (lambda entries: entries.pop(3), 3, "is missing: the file goes on with entry 4"),
    "swapped": (swap, 3, "not in its place: what was sealed as entry 5"),
    "doubled": (lambda entries: entries.insert(3, entries[2]), 3, "something before it that was put in"),
    "appended": (lambda entries: entries.append(entries[2]), 9, "was put in"),
    "cut": (lambda entries: entries.__delitem__(slice(6, None)), 6, "is missing, as are all that follow"),
    "first gone": (lambda entries: entries.pop(0), 0, "is missing: the file goes on with entry 1"),
    "last gone": (lambda entries: entries.pop(), 8, "is missing, as are all that follow"),
}


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_as_it_was_written_is_whole(file_format: str) -> None:
    a_month()
    report = verified(exported(file_format))
    assert (report.whole, report.verified, report.retired) == (True, 9, 0)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("way", WAYS)
def test_the_first_bad_entry_is_named(file_format: str, way: str) -> None:
    change, position, what = WAYS[way]
    a_month()
    path = exported(file_format)
    rewritten(path, change)
    problem = verified(path).problem
    assert problem is not None
    assert (problem.position, what in str(problem)) == (position, True), str(problem)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_cut_off_anywhere_is_not_whole(file_format: str) -> None:
    a_month()
    path = exported(file_format)
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        assert not still_whole(path), length


@pytest.mark.parametrize("file_format", BESIDE)
def test_a_proof_cut_off_anywhere_is_not_whole(file_format: str) -> None:
    a_month()
    path = exported(file_format)
    data = proof_of(path).read_bytes()
    for length in range(0, len(data), 53):
        proof_of(path).write_bytes(data[:length])
        assert not still_whole(path), length


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_changed_byte_anywhere_is_found(file_format: str) -> None:
    a_month(3)
    path = exported(file_format)
    for one in {path, proof_of(path)}:
        data = one.read_bytes()
        for at in range(0, len(data), 41):
            one.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert not still_whole(path), at
        one.write_bytes(data)
    assert still_whole(path)


def still_whole(path: Path) -> bool:
    try:
        return verified(path).whole
    except offline.Invalid:  # it is not even recognised as an export
        return False


@pytest.mark.parametrize("more", [b"\n", b"{}\n", b"x"])
@pytest.mark.parametrize("file_format", FORMATS)
def test_nothing_stands_after_the_end(file_format: str, more: bytes) -> None:
    a_month(2)
    path = exported(file_format)
    for one in {path, proof_of(path)}:
        data = one.read_bytes()
        one.write_bytes(data + more)
        assert not verified(path).whole
        one.write_bytes(data)


def test_the_hashes_may_not_be_changed_along_with_an_entry() -> None:
    a_month()
    path = exported("ndjson")
    rewritten(path, edit)
    proof = proof_of(path)
    lines = proof.read_bytes().splitlines(keepends=True)
    hashes = bytearray(base64.b64decode(json.loads(lines[-2])))
    forged = offline.leaf_hash(path.read_bytes().splitlines()[3])
    hashes[3 * 32 : 4 * 32] = forged
    lines[-2] = orjson.dumps(base64.b64encode(bytes(hashes)).decode()) + b"\n"
    proof.write_bytes(b"".join(lines))
    assert "the hashes of the proof were changed" in str(verified(path).problem)


def test_checkpoints_between_narrow_down_where_the_hashes_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.exporting.proof.APART", 3)
    a_month()
    path = exported("ndjson")
    lines = proof_of(path).read_bytes().splitlines(keepends=True)
    hashes = bytearray(base64.b64decode(json.loads(lines[-2])))
    hashes[4 * 32] ^= 1
    lines[-2] = orjson.dumps(base64.b64encode(bytes(hashes)).decode()) + b"\n"
    proof_of(path).write_bytes(b"".join(lines))
    problem = verified(path).problem
    assert problem is not None
    assert (problem.position, "before entry 6" in str(problem)) == (3, True)


def signed_by_another(path: Path, forger: Signer) -> None:
    """Every signed note of the proof, signed anew by somebody else in the name of the log."""
    data = json.loads(path.read_text())
    notes = [data["export"], data["before"], *data["checkpoints"]]
    text = path.read_text()
    for note in filter(None, notes):
        old, new = (
            json.dumps(one, ensure_ascii=False) for one in (note, forger.sign(note.partition("\n\n")[0] + "\n"))
        )
        text = text.replace(old, new)
    path.write_text(text)


def test_another_key_proves_nothing() -> None:
    a_month()
    path = exported("csv")
    signed_by_another(proof_of(path), Signer.generate(Tree.objects.get().origin))
    assert "none of the keys signed this" in str(verified(path).problem)


def test_an_older_export_does_not_pass_for_one_of_later_days() -> None:
    a_month()
    old = exported()
    text = old.read_text()
    old.write_text(text.replace("2024-01-31", "2024-03-31"))
    assert "none of the keys signed this" in str(verified(old).problem)
    old.write_text(text.replace('"endDate":"2024-01-31"', '"endDate":"2024-03-31"'))
    assert "does not say what the signed statement says" in str(verified(old).problem)


def test_an_older_file_does_not_fit_a_newer_proof() -> None:
    a_month()
    old = exported("csv")
    happened("2024-03-01T08:00:00")
    happened("2024-04-01T08:00:00")
    new = exported("csv", end=date(2024, 3, 31))
    shutil.copy(old, new)
    problem = verified(new).problem
    assert problem is not None
    assert (problem.position, "is missing" in str(problem)) == (9, True)


def test_the_proof_of_another_format_is_refused() -> None:
    a_month()
    csv, json_file = exported("csv"), exported("json")
    assert not verified(json_file, proof_of(csv)).whole
    assert not verified(csv, proof_of(exported("cef"))).whole


@pytest.mark.parametrize("proof_format", BESIDE)
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_proof_of_another_export_is_called_so(file_format: str, proof_format: str) -> None:
    a_month()
    happened("2024-03-01T08:00:00")
    happened("2024-04-01T08:00:00")
    path = exported(file_format)
    other = proof_of(exported(proof_format, start=date(2024, 3, 1), end=date(2024, 3, 31)))
    assert f"2024-03-01 to 2024-03-31 as {proof_format})" in str(verified(path, other).problem)
    assert verified(path).whole


def test_a_file_whose_first_entry_alone_was_changed_is_not_called_another() -> None:
    a_month()
    path = exported("ndjson")
    rewritten(path, lambda entries: entries.__setitem__(0, entries[0].replace(b"12:00:00", b"12:00:30")))
    problem = verified(path).problem
    assert problem is not None
    assert (problem.position, "is not what was sealed" in str(problem)) == (0, True)


def retire(first: int, last: int, signer: Signer | None = None) -> None:
    """As retention does it: a signed statement, and the rows gone."""
    tree = Tree.objects.get()
    text = RetirementText(tree.origin, first, last, clock.now())
    Retirement.objects.create(first=first, last=last, note=(signer or signer_for(tree)).sign(str(text)))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE position BETWEEN %s AND %s", [first, last])


@pytest.mark.parametrize("file_format", FORMATS)
def test_retired_entries_are_absent_and_accounted_for(file_format: str) -> None:
    a_month()
    retire(2, 4)
    report = verified(exported(file_format))
    assert (report.whole, report.verified, report.retired) == (True, 6, 3)


def test_what_is_gone_without_a_signed_statement_is_missing() -> None:
    a_month()
    retire(2, 4, Signer.generate(Tree.objects.get().origin))
    assert "retired entries does not count" in str(verified(exported()).problem)
    Retirement.objects.all().delete()
    problem = verified(exported()).problem
    assert problem is not None
    assert (problem.position, "goes on with entry 5" in str(problem)) == (2, True)


@pytest.mark.parametrize("file_format", BESIDE)
def test_what_was_retired_later_may_not_be_dropped_from_an_export(file_format: str) -> None:
    a_month()
    path = exported(file_format)
    rewritten(path, lambda entries: entries.__delitem__(slice(2, 5)))
    with time_machine.travel(clock.now() + timedelta(days=1)):
        retire(2, 4)
    note = json.dumps(Retirement.objects.get().note, ensure_ascii=False)
    proof = proof_of(path)
    proof.write_text(proof.read_text().replace('"retired":[\n', f'"retired":[\n{note}\n'))
    problem = verified(path).problem
    assert problem is not None
    assert (problem.position, "goes on with entry 5" in str(problem)) == (2, True)


def test_an_export_that_begins_within_its_days_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    a_month()
    monkeypatch.setattr(writing, "covering", lambda *_: Coverage(3, 9))
    problem = verified(exported()).problem
    assert "begins with what was sealed after 2024-01-15T12:00:02.000Z, and the first day is 2024-01-01" in str(problem)


def test_a_signature_that_is_no_text_of_ours_proves_nothing() -> None:
    a_month(1)
    path = exported("csv")
    note = json.loads(proof_of(path).read_text())["export"]
    text = proof_of(path).read_text()
    for odd in (note[:-2] + "é\n", note[:-2] + "\N{FULLWIDTH DIGIT ONE}\n"):
        proof_of(path).write_text(text.replace(member("export", note), member("export", odd)))
        assert "none of the keys signed this" in str(verified(path).problem)


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_of_a_database_that_was_tampered_with_says_so(file_format: str) -> None:
    a_month()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET description = 'nothing' WHERE position = 5")
    problem = verified(exported(file_format)).problem
    assert problem is not None
    assert (problem.position, problem.event != "") == (5, True)


def test_more_than_a_tile_from_the_middle_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK", 100)
    for number in range(300):
        happened("2024-01-15T12:00:00" if number > 40 else "2023-12-15T12:00:00", sealed=number == 40)
    a_month(280, together=True)
    report = verified(exported("ndjson"))
    assert (report.whole, report.verified) == (True, 540)
    assert report.statement is not None
    assert (report.statement.first, report.statement.end) == (41, 581)


def verify_command(*arguments: object) -> None:
    call_command("audit", "verify", *map(str, arguments))


@pytest.mark.parametrize("form", ["text", "file", "pem"])
@pytest.mark.parametrize("file_format", ["json", "csv"])
def test_the_command_takes_the_key_in_each_form(
    file_format: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_month()
    path = exported(file_format)
    held = tmp_path / "key"
    held.write_text(verifiers(Tree.objects.get())[0].pem if form == "pem" else f"{key()}\n")
    verify_command(path, "--public-key", key() if form == "text" else held)
    said = capsys.readouterr().out
    assert said.startswith("whole: 9 entries: all that the log temps-audit_")
    assert "sealed from its beginning to 2024-02-01T08:00:00.000Z" in said


def test_the_command_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    a_month()
    path, public = exported(), key()
    with django_assert_num_queries(0):
        verify_command(path, "--public-key", public)


def test_the_command_names_the_first_bad_entry_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    a_month()
    path = exported("cef")
    rewritten(path, edit)
    with pytest.raises(SystemExit) as stopped:
        verify_command(path, "--public-key", key(), "--json")
    said = json.loads(capsys.readouterr().out)
    assert (stopped.value.code, said["whole"], said["problem"]["position"]) == (1, False, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}"], "--public-key"),
        (["{file}", "--public-key", "nonsense"], "verifier key"),
        (["{file}", "--public-key", "nokey.txt"], "there is no file nokey.txt"),
        (["{file}", "--public-key", "a+b+c"], "this is not a verifier key"),
        (["{file}", "--public-key", "{key}", "--checkpoint", "x"], "its own"),
        (["{file}", "--public-key", "{key}", "--proof", "/nowhere"], "cannot read nowhere"),
        (["/nowhere", "--public-key", "{key}"], "cannot read nowhere"),
        (["/", "--public-key", "{key}"], "cannot read"),
        (["--proof", "x"], "name its file"),
    ],
)
def test_the_command_says_what_it_lacks(arguments: list[str], message: str) -> None:
    a_month(1)
    path, public = exported(), key()
    with pytest.raises(CommandError, match=message):
        verify_command(*(one.format(file=path, key=public) for one in arguments))


def test_a_file_without_its_proof_is_told_which_is_missing() -> None:
    a_month(1)
    path = exported("csv")
    proof_of(path).unlink()
    with pytest.raises(CommandError, match=r"\.csv\.proof\.json beside it"):
        verify_command(path, "--public-key", key())
