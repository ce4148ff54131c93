from __future__ import annotations

import pytest

from certificates.names import clean_name, clean_names, covers
from temps.lib.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("shop.example.com", "shop.example.com"),
        (" Shop.Example.COM. ", "shop.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("ab--cd.example.com", "ab--cd.example.com"),
        ("3com.example", "3com.example"),
    ],
)
def test_a_name_has_one_form(typed: str, name: str) -> None:
    assert clean_name(typed) == name


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "missing"),
        ("*.example.com", "wildcard"),
        ("192.0.2.1", "address"),
        ("[2001:db8::1]", "address"),
        ("https://example.com/", "more than a domain name"),
        ("example.com:443", "more than a domain name"),
        ("a@example.com", "more than a domain name"),
        ("localhost", "two labels"),
        ("-a.example.com", "not a domain name"),
        ("a..example.com", "not a domain name"),
        ("under_score.example.com", "not a domain name"),
        ("a\n.example.com", "not a domain name"),
        ("a" * 64 + ".example.com", "not a domain name"),
        ("a." * 126 + "example", "not a domain name"),
        ("xn--\u00fc.example.com", "not a domain name"),
        ("example.123", "ends in a number"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(typed: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as error:
        clean_name(typed)
    assert "\n" not in error.value.message


def test_the_names_of_a_certificate_are_ordered_distinct_and_bounded() -> None:
    assert clean_names("b.example.com", ["a.example.com", "B.example.com"]) == ["b.example.com", "a.example.com"]
    with pytest.raises(Invalid, match="at most 100"):
        clean_names("example.com", [f"n{number}.example.com" for number in range(100)])


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("shop.example.com", "shop.example.com", True),
        ("*.example.com", "shop.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.com", "example.com", False),
        ("s*.example.com", "shop.example.com", False),
        ("shop.*.com", "shop.example.com", False),
        ("*", "example", False),
    ],
)
def test_a_wildcard_stands_for_one_whole_label(pattern: str, name: str, expected: bool) -> None:
    assert covers(pattern, name) is expected
