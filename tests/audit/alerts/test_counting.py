"""Spells of events: the window slides, every new match counts once, and nothing is swallowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.alerts.counting import Match, Spell, spells

pytestmark = pytest.mark.promise("L-09")
START = datetime(2024, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=60)


def at(second: float, *, weight: int = 1, is_new: bool = True) -> Match:
    return Match(START + timedelta(seconds=second), f"evt_{second}", weight, is_new)


def found(*matches: Match, threshold: int = 3, last: Spell | None = None) -> list[tuple[float, int]]:
    """When each spell began, in seconds, and what it counts."""
    rows = spells(matches, threshold=threshold, window=WINDOW, last=last)
    return [((spell.first_at - START).total_seconds(), spell.count) for spell in rows]


def test_fewer_than_the_threshold_within_the_window_are_nothing() -> None:
    assert found(at(0), at(1)) == []
    assert found(at(0), at(59), at(60)) == []  # the first has just left the window
    assert found(at(0), at(59), at(59.9)) == [(0, 3)]


def test_what_follows_within_the_window_belongs_to_the_spell() -> None:
    assert found(at(0), at(1), at(2), at(62), at(122)) == [(0, 5)]


def test_after_a_quiet_window_a_new_spell_needs_the_threshold_again() -> None:
    first = [at(0), at(1), at(2)]
    assert found(*first, at(63), at(64)) == [(0, 3)]
    assert found(*first, at(63), at(64), at(65)) == [(0, 3), (63, 3)]


def test_a_folded_event_weighs_as_much_as_it_stands_for() -> None:
    assert found(at(0), at(1, weight=40)) == [(0, 41)]


def test_old_matches_count_for_the_window_and_never_begin_a_spell_alone() -> None:
    old = [at(0, is_new=False), at(1, is_new=False), at(2, is_new=False)]
    assert found(*old) == []
    assert found(*old[:2], at(3)) == [(0, 3)]


def test_a_late_one_is_added_to_the_spell_it_falls_into_and_swallows_nothing() -> None:
    ended = Spell(START, START + timedelta(seconds=10), 5, ended=True)
    assert found(at(5), last=ended) == [(0, 6)]
    assert found(at(11), at(12), at(13), last=Spell(START, START + timedelta(seconds=10), 5, ended=True)) == [
        (0, 5),
        (11, 3),
    ]


@given(st.lists(st.integers(0, 600), min_size=1, max_size=60), st.integers(1, 5), st.lists(st.integers(1, 59)))
def test_looked_at_in_pieces_or_at_once_the_spells_are_the_same(
    seconds: list[int], threshold: int, cuts: list[int]
) -> None:
    times = sorted(seconds)
    whole = found(*map(at, times), threshold=threshold)
    kept: list[Spell] = []
    edges = sorted({0, len(times), *(cut for cut in cuts if cut < len(times))})
    for start, end in pairwise(edges):
        seen = [at(second, is_new=number >= start) for number, second in enumerate(times[:end])]
        last = kept.pop() if kept else None
        kept += spells(seen, threshold=threshold, window=WINDOW, last=last)
    assert [((spell.first_at - START).total_seconds(), spell.count) for spell in kept] == whole
