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
    told = {"secret": True, "pem": False, "token": None, "password": "", "cookie": []}
    assert masked(told) == told


@pytest.mark.promise("L-02")
@pytest.mark.parametrize("value", [123456, 0, 0.5, -1])
def test_a_number_is_a_secret_too(value: float) -> None:
    assert masked({"otp": value, "otps": value}) == {"otp": MASK, "otps": value}


@pytest.mark.promise("L-02")
@pytest.mark.parametrize("secret", ["abc12", "x"])
def test_a_short_password_is_one_too(secret: str) -> None:
    assert masked_text(f"/sign-in?password={secret}&next=/") == f"/sign-in?password={MASK}&next=/"


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
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nMIGHAgEAMBMGByqG",
        "it sent Bearer\tabcdef0123456789abcdef",
        "Authorization: Token hunter2\r\nHost: a",
        'Proxy-Authorization: Digest username="app", response="hunter2"',
        "{'authorization': 'Negotiate hunter2', 'accept': '*/*'}",
        "prefix_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "postgresql://app:hun/hunter2@db/app",
        "postgresql://app:p@hunter2@db/app",
        "postgresql://app@server:hunter2@db/app",
        "https://app:443hunter2@db/app",
        "THE_PASSWORD_OF_THE_DATABASE_OF_THE_SHOP_PASSWORD=hunter2",
        'password="a hunter2" --verbose',
        "--token='a hunter2' --verbose",
        r"{\"run\": \"x --token=\"a hunter2\" y\"}",
        "x-api-key=hunter2",
        "private_key=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(text: str) -> None:
    for found in (masked_text(f"failed: {text}"), masked({"detail": text})["detail"]):
        assert MASK in found
        assert not any(part in found for part in ("MIGH", "MHcC", "c2lnb", "abcdef01", "hunter2", "aHVud"))


@pytest.mark.parametrize(
    "text",
    [
        *("tmp_0123456789_… of CI", "key=API_URL", "the token= of it", "secret_name and tokens", 'token="" is empty'),
        *("https://db:8080/@app?mail=a@example.com", "http://[::1]:8080/@app", "ssh://git@db/app", "http://db:80,a@b"),
        *("an authorization code", "authorization:", "a token was used twice", "-----BEGIN PUBLIC KEY----- MIGH"),
    ],
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
