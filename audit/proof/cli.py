"""What ``temps audit verify`` and its neighbours print."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit.proof.checking import verify_log
from audit.proof.hashing import PROCESSES
from audit.proof.keys import verifiers
from audit.proof.models import Tree
from audit.proof.notes import CheckpointText
from audit.proof.proofs import newest_checkpoint
from audit.proof.verdict import Verdict
from temps.lib import clock
from temps.lib.cli import printable, show_json
from temps.lib.errors import Invalid, NotFound
from temps.lib.signing import Verifier


def read_keys(text: str, name: str = "") -> list[Verifier]:
    """The keys of ``--public-key``: a verifier key, or a file with some, one a line, or with one in PEM form.

    A PEM key has no name; ``name`` is the log whose signatures it checks. Raises :class:`Invalid`.
    """
    path = Path(text).expanduser()
    try:
        content = path.read_text(encoding="utf-8") if path.is_file() else text
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"cannot read {path}", field="public_key") from None
    if "+" not in content and "-----BEGIN" not in content and not path.is_file():
        what = printable(text[:60])
        raise Invalid(f"there is no file {what}, and it is no verifier key (NAME+ID+BASE64) either", field="public_key")
    if "-----BEGIN" in content:
        return [Verifier.parse_pem(content, name)]
    keys = [Verifier.parse(line) for line in content.splitlines() if line.strip() and not line.startswith("#")]
    if not keys:
        raise Invalid("there is no key in it", field="public_key")
    return keys


def verify_database(public_key: str, checkpoint_files: list[Path], *, as_json: bool) -> None:
    """Hold the log against its checkpoints, print the verdict, and exit with status 1 unless it is whole."""
    tree = Tree.objects.filter(pk=1).first()
    keys = read_keys(public_key, tree.origin if tree else "") if public_key else verifiers(tree) if tree else []
    kept = {path: _read(path) for path in checkpoint_files}
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal or as_json)
    task = bar.add_task("verify", total=None)

    def progress(done: int, total: int) -> None:
        bar.start()  # with its thread, and so after the processes
        bar.update(task, completed=done, total=total)

    try:
        verdict = verify_log(keys, kept=[*kept.values()], progress=progress, processes=PROCESSES)
    finally:
        bar.stop()
    if as_json:
        show_json(_as_data(verdict))
    else:
        _tell(verdict)
        _tell_of_kept(verdict, kept, keys)
    if tree is not None and verdict.size > tree.size and not as_json:
        print("if the database was put back from a backup: temps audit recover lets the log go on from there")
    if not verdict.whole:
        sys.exit(1)


def _tell_of_kept(verdict: Verdict, kept: dict[Path, str], keys: list[Verifier]) -> None:
    for path, note in kept.items() if verdict.whole else ():
        signed = CheckpointText.opened(note, keys)
        print(f"{path} fits: it was signed at {clock.iso(signed.time)}, over the first {_entries(signed.size)}")


def _tell(verdict: Verdict) -> None:
    for problem in verdict.problems:
        print(f"BAD: {problem}")
    signed = clock.iso(verdict.signed_at) if verdict.signed_at else ""
    if verdict.whole and not verdict.size:
        print("nothing has been sealed yet")
    elif verdict.whole:
        retired = f"; {_entries(verdict.retired)} retired by policy" if verdict.retired else ""
        print(f"whole: {_entries(verdict.verified)} as sealed{retired}; newest checkpoint of {signed}")
    elif signed:
        print(f"before that, {_entries(verdict.verified)} as sealed; the last checkpoint that fits is of {signed}")
    if verdict.redacted:
        when = f", the last on {clock.iso(verdict.redacted_at)}" if verdict.redacted_at else ""
        print(f"redacted for erased persons: {_entries(verdict.redacted)}; what they say now was signed{when}")
    if verdict.unsealed:
        print(f"not sealed yet: {_entries(verdict.unsealed)}")


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _as_data(verdict: Verdict) -> dict[str, object]:
    return {
        "whole": verdict.whole,
        "origin": verdict.origin,
        "size": verdict.size,
        "verified": verdict.verified,
        "redacted": verdict.redacted,
        "redactedAt": clock.iso(verdict.redacted_at) if verdict.redacted_at else None,
        "retired": verdict.retired,
        "unsealed": verdict.unsealed,
        "checkpoints": verdict.checkpoints,
        "signedAt": clock.iso(verdict.signed_at) if verdict.signed_at else None,
        "problems": [
            {"position": problem.position, "eventId": problem.event or None, "what": str(problem)}
            for problem in verdict.problems
        ],
    }


def show_checkpoint(*, as_json: bool) -> None:
    """The newest checkpoint on standard output, as it is to be kept."""
    checkpoint = newest_checkpoint()
    if as_json:
        show_json({"size": checkpoint.size, "createdAt": clock.iso(checkpoint.created_at), "note": checkpoint.note})
    else:
        print(checkpoint.note, end="")


def show_keys(*, pem: bool, as_json: bool) -> None:
    """The public keys, newest first. Raises :class:`NotFound` before anything was sealed."""
    tree = Tree.objects.filter(pk=1).first()
    keys = verifiers(tree) if tree else []
    if not keys:
        raise NotFound("there is no key yet: the first entry that is sealed makes it")
    if as_json:
        show_json([{"id": key.id.hex(), "verifierKey": str(key), "pem": key.pem} for key in keys])
        return
    for key in keys:
        print(key.pem if pem else key, end="" if pem else "\n")


def _read(path: Path) -> str:
    try:
        note = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"cannot read {path}", field="checkpoint") from None
    if not note:
        raise Invalid(f"{path} is empty: there is no checkpoint in it", field="checkpoint")
    return note
