from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temps.lib.crypto import (
    HEADER,
    Key,
    Keyring,
    bind,
    key_id_of,
    load_keyring,
    open_sealed,
    seal,
    write_keyring,
)
from temps.lib.errors import KeyUnavailable, SealError

KEY_ID = b"12345678"
HERE = bind("variable", "var_1", "value", 1)


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_opens_again(plaintext: bytes, associated: bytes) -> None:
    key = Key.generate()
    sealed = seal(key, KEY_ID, plaintext, associated)
    assert open_sealed(key, sealed, associated) == plaintext
    assert key_id_of(sealed) == KEY_ID


@settings(deadline=None)
@given(st.lists(st.text()), st.lists(st.text()))
def test_no_two_lists_of_parts_bind_alike(one: list[str], other: list[str]) -> None:
    assert (bind(*one) == bind(*other)) == (one == other)


def test_the_same_value_never_seals_to_the_same_bytes() -> None:
    key = Key.generate()
    assert len({seal(key, KEY_ID, b"secret", HERE) for _ in range(50)}) == 50


@pytest.mark.promise("S-01")
@pytest.mark.parametrize("position", range(1 + 8 + 12 + 6 + 16))
def test_a_value_changed_in_any_byte_does_not_open(position: int) -> None:
    key = Key.generate()
    sealed = bytearray(seal(key, KEY_ID, b"secret", HERE))
    sealed[position] ^= 1
    with pytest.raises(SealError):
        open_sealed(key, bytes(sealed), HERE)


@pytest.mark.parametrize("length", range(1 + 8 + 12 + 6 + 16))
def test_a_truncated_value_does_not_open(length: int) -> None:
    key = Key.generate()
    sealed = seal(key, KEY_ID, b"secret", HERE)
    with pytest.raises(SealError):
        open_sealed(key, sealed[:length], HERE)


@pytest.mark.promise("S-01")
def test_another_key_and_another_row_do_not_open_it() -> None:
    key = Key.generate()
    sealed = seal(key, KEY_ID, b"secret", HERE)
    with pytest.raises(SealError):
        open_sealed(Key.generate(), sealed, HERE)
    with pytest.raises(SealError):
        open_sealed(key, sealed, bind("variable", "var_2", "value", 1))


def test_a_wrapped_key_cannot_pass_for_a_sealed_value() -> None:
    ring = Keyring((Key.generate(),))
    wrapped = ring.wrap(Key.generate(), HERE)
    with pytest.raises(SealError):
        open_sealed(ring.primary, b"\x01" + KEY_ID + wrapped, HERE)


def test_a_key_has_32_bytes_and_an_id_8() -> None:
    with pytest.raises(SealError):
        Key(b"short")
    with pytest.raises(SealError):
        seal(Key.generate(), b"short", b"", b"")


def test_a_key_is_not_shown() -> None:
    key = Key.generate()
    shown = repr(key) + repr(Keyring((key,)))
    assert key.material.hex() not in shown
    assert repr(key.material) not in shown


@pytest.mark.promise("S-01")
def test_the_keyring_comes_back_from_its_file_which_is_private(tmp_path: Path) -> None:
    path, keys = tmp_path / "new" / "encryption_key", [Key.generate(), Key.generate()]
    write_keyring(path, keys, replace=False)
    assert load_keyring(path).keys == tuple(keys)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["encryption_key"]


def test_every_key_of_the_ring_unwraps_and_the_first_wraps() -> None:
    old, new, data_key = Key.generate(), Key.generate(), Key.generate()
    wrapped = Keyring((old,)).wrap(data_key, HERE)
    assert Keyring((new, old)).unwrap(wrapped, old.fingerprint, HERE) == data_key
    assert Keyring((new, old)).primary == new
    with pytest.raises(SealError):
        Keyring((new, old)).unwrap(wrapped, new.fingerprint, HERE)


@pytest.mark.promise("S-02")
def test_a_key_that_is_missing_is_named() -> None:
    lost = Key.generate()
    wrapped = Keyring((lost,)).wrap(Key.generate(), HERE)
    with pytest.raises(KeyUnavailable, match=lost.fingerprint):
        Keyring((Key.generate(),)).unwrap(wrapped, lost.fingerprint, HERE)


@pytest.mark.promise("S-02")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o611])
def test_a_keyring_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "encryption_key"
    write_keyring(path, [Key.generate()], replace=False)
    path.chmod(mode)
    with pytest.raises(KeyUnavailable, match="chmod 600"):
        load_keyring(path)


@pytest.mark.parametrize(
    "line",
    [
        "temps-key-1",
        "temps-key-1 !!!!",
        "temps-key-2 " + base64.b64encode(b"k" * 32).decode(),
        "temps-key-1 " + base64.b64encode(b"k" * 31).decode(),
        "temps-key-1 " + base64.b64encode(b"k" * 32).decode() + " more",
        base64.b64encode(b"k" * 32).decode(),
    ],
)
def test_a_damaged_line_is_named_and_not_shown(line: str) -> None:
    with pytest.raises(KeyUnavailable) as caught:
        Keyring.parse(HEADER + line + "\n")
    assert caught.value.message == "the keyring is damaged in line 2"


@pytest.mark.parametrize("content", [b"", b"# nothing\n\n", b"\xff\xfe"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "encryption_key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnavailable):
        load_keyring(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable):
        load_keyring(tmp_path)
    with pytest.raises(KeyUnavailable, match="there is no keyring"):
        load_keyring(tmp_path / "missing")


def test_of_many_that_make_the_keyring_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "encryption_key"

    def make(_number: int) -> bool:
        try:
            write_keyring(path, [Key.generate()], replace=False)
        except FileExistsError:
            return False
        return len(load_keyring(path).keys) == 1

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(make, range(16))) == [False] * 15 + [True]


def test_replacing_the_keyring_leaves_one_private_file(tmp_path: Path) -> None:
    path, new = tmp_path / "encryption_key", Key.generate()
    write_keyring(path, [Key.generate()], replace=False)
    write_keyring(path, [new], replace=True)
    assert load_keyring(path).primary == new
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["encryption_key"]
