from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temps.lib.files import create_private, secret_key_of


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert create_private(tmp_path / "new" / "file", b"content")
    assert stat.S_IMODE((tmp_path / "new" / "file").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_of_many_that_create_it_one_wins_and_none_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: create_private(path, b"%d" % n), range(40)))
    assert made.count(True) == 1
    assert path.read_bytes() == b"%d" % made.index(True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_secret_key_is_made_once(tmp_path: Path) -> None:
    assert secret_key_of(tmp_path) == secret_key_of(tmp_path)
    assert len(secret_key_of(tmp_path)) >= 64
