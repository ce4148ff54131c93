"""The net under logs and audit log: what it takes out is tested with ``audit.masking``, how long it takes is here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from temps.lib import secret_looks
from temps.lib.secret_looks import LOOKED_AT, MASK, UNDECIDED, without_secrets
from temps.logs import mask_secrets

pytestmark = pytest.mark.promise("L-02", "O-06")
HOSTILE = ["-eyJ", "-eyJaaaaaaaa", "eyJaaaaaaaa.", "://a:b", "://a:b/@", "-----BEGIN A ", "bearer ", 'token="\\', "a_="]
"""Each starts a pattern again and again."""
SHORT = 256
"""How far a repetition may go back."""
FORM = importlib.import_module("re._parser")
"""How ``re`` reads a pattern. It is no public module, and nothing public tells whether a pattern goes back."""


@pytest.mark.parametrize("part", HOSTILE)
def test_no_text_of_a_stranger_is_looked_at_for_long(part: str) -> None:
    text = part * (450_000 // len(part))
    for found in (without_secrets(text), str(mask_secrets(None, "", {"event": "request", "path": text})["path"])):
        assert len(found) <= LOOKED_AT
        assert found.endswith("…")


def going_back(tree: Any) -> Iterator[int]:
    """How often each repetition repeats that a failure further on makes the engine try again, shorter."""
    if isinstance(tree, FORM.SubPattern | list):
        for inner in tree:
            yield from going_back(inner)
    elif isinstance(tree, tuple) and tree[0] is not FORM.ATOMIC_GROUP:
        if tree[0] in (FORM.MAX_REPEAT, FORM.MIN_REPEAT):
            yield int(tree[1][1])
        for inner in tree:
            yield from going_back(inner)


@pytest.mark.parametrize("shape", [shape.pattern for _needed, shape in secret_looks._SHAPES])
def test_no_long_repetition_of_a_pattern_goes_back_over_what_it_took(shape: str) -> None:
    assert list(going_back(FORM.parse(r"(?:a+|b)*c"))) == [FORM.MAXREPEAT, FORM.MAXREPEAT]
    assert all(times <= SHORT for times in going_back(FORM.parse(shape)))


@pytest.mark.parametrize("before", ["x" * LOOKED_AT, f"password={'y' * 3900} " + "x" * LOOKED_AT])
def test_half_a_secret_at_the_end_of_what_is_looked_at_is_not_shown(before: str) -> None:
    for shown in range(len(" postgres://app:hunter2@")):
        found = without_secrets(before[: LOOKED_AT - shown] + " postgres://app:hunter2@db/app")
        assert "hu" not in found
        assert found.endswith("…")


def test_a_mask_at_the_end_of_what_is_looked_at_stays() -> None:
    assert without_secrets("sent -----BEGIN PRIVATE KEY-----" + "MIGH" * LOOKED_AT) == f"sent {MASK}…"


def test_what_is_as_long_as_is_looked_at_stays_whole() -> None:
    text = "words " * (LOOKED_AT // 6)
    assert without_secrets(text) == text
    assert without_secrets(text * 2) == (text * 2)[: LOOKED_AT - UNDECIDED] + "…"
