from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.masking import MASK, STRING_LIMIT, masked, masked_text

SECRET = "hunter2-hunter2"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.promise("L-02")
@pytest.mark.parametrize(
    "name", ["password", "newPassword", "client_secret", "SECRET", "accessToken", "api_key", "private-key", "Cookie"]
)
def test_what_bears_the_name_of_a_secret_is_masked(name: str) -> None:
    assert masked({"outer": {name: SECRET}}) == {"outer": {name: MASK}}
    assert masked({name: [SECRET, {"value": SECRET}]}) == {name: MASK}


@pytest.mark.parametrize("name", ["key", "keys", "apiKeyId", "passwordChangedAt", "secret_name", "tokens", "encrypted"])
def test_names_ids_and_counts_stay_readable(name: str) -> None:
    assert masked({name: "API_URL"}) == {name: "API_URL"}


def test_whether_there_is_a_secret_may_be_told() -> None:
    assert masked({"secret": True, "token": None, "password": ""}) == {"secret": True, "token": None, "password": ""}


@pytest.mark.promise("L-02")
@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqG",
        "-----BEGIN EC PRIVATE KEY----- MHcCAQEEIB",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "Authorization: Bearer abcdef0123456789abcdef",
        "postgresql://app:hunter2@db/app",
        "curl tmp_0123456789_hunter2hunter2hunter2hunter2hunter2X",
        "whsec_aHVudGVyMg== of a webhook",
        "/hooks?token=hunter2hunter2&x=1",
        "CLIENT_SECRET=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(text: str) -> None:
    for found in (masked_text(f"failed: {text}"), masked({"detail": text})["detail"]):
        assert MASK in found
        assert not any(part in found for part in ("MIGH", "MHcC", "c2lnb", "abcdef01", "hunter2", "aHVud"))


@pytest.mark.parametrize(
    "text", ["tmp_0123456789_… of CI", "key=API_URL", "the token= of it", "secret_name and tokens"]
)
def test_what_names_a_secret_and_is_none_stays_readable(text: str) -> None:
    assert masked_text(text) == text


@given(JSON)
def test_whatever_comes_stays_json_of_the_same_shape_on_one_line(value: Any) -> None:
    def check(one: Any) -> None:
        if isinstance(one, str):
            assert one.isprintable()
            assert len(one) <= STRING_LIMIT
        elif isinstance(one, dict | list):
            for inner in [*one, *(one.values() if isinstance(one, dict) else ())]:
                check(inner)

    check(masked(value))
