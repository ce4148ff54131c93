from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.key_format import ALPHABET, PUBLIC_LENGTH, SECRET_LENGTH, PresentedKey, new_key, read_key

pytestmark = pytest.mark.promise("A-08")


def test_a_key_has_a_type_a_public_part_and_160_random_bits() -> None:
    key = new_key()
    kind, public, rest = key.token.split("_")
    assert (kind, public, rest[:SECRET_LENGTH]) == ("tmp", key.public, key.secret)
    assert 8 <= PUBLIC_LENGTH <= 12
    assert 62**SECRET_LENGTH >= 2**160
    assert len({new_key().token for _ in range(100)}) == 100


def test_what_was_made_is_read_again() -> None:
    key = new_key()
    assert read_key(key.token) == key
    assert key.secret not in repr(key)


@given(st.integers(0), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(position: int, character: str) -> None:
    token = PresentedKey("a" * PUBLIC_LENGTH, "b" * SECRET_LENGTH).token
    place = 4 + position % (len(token) - 4)
    mistyped = token[:place] + character + token[place + 1 :]
    assert (read_key(mistyped) is None) is (mistyped != token)


@given(st.integers(4, 48))
def test_two_characters_that_changed_places_are_noticed(place: int) -> None:
    token = new_key().token
    swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
    assert swapped == token or read_key(swapped) is None


@given(st.text(max_size=80))
def test_other_text_is_no_key(text: str) -> None:
    assert read_key(text) is None
