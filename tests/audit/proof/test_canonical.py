"""RFC 8785 by its published vectors, and the quick way against the reference library."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from audit.masking import masked
from audit.proof.canonical import canonical

pytestmark = [pytest.mark.promise("L-04"), pytest.mark.once]

# RFC 8785, sections 3.2.2 and 3.2.3, and appendix B.
TYPES: dict[str, Any] = {
    "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
    "literals": [None, True, False],
}
SORTED: dict[str, Any] = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
NUMBERS = [
    (0.0, "0"),
    (-0.0, "0"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740992.0, "9007199254740992"),
    (295147905179352830000.0, "295147905179352830000"),
    (9.999999999999997e22, "9.999999999999997e+22"),
    (1e23, "1e+23"),
    (1.0000000000000001e23, "1.0000000000000001e+23"),
    (999999999999999700000.0, "999999999999999700000"),
    (333333333.3333332, "333333333.3333332"),
    (0.000001, "0.000001"),
    (9.999999999999997e-7, "9.999999999999997e-7"),
]

entries = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53) + 1, 2**53 - 1) | some.text() | some.floats(-1e9, 1e9),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_the_published_example_of_types() -> None:
    assert canonical(TYPES) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_the_published_example_of_sorting() -> None:
    text = canonical(SORTED).decode()
    order = ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
    assert sorted(order, key=text.index) == order


@pytest.mark.parametrize(("number", "text"), NUMBERS)
def test_the_published_numbers(number: float, text: str) -> None:
    assert canonical({"": number}) == f'{{"":{text}}}'.encode()


@given(some.dictionaries(some.text(max_size=8), entries, max_size=6))
def test_the_quick_way_writes_what_the_reference_writes(entry: dict[str, Any]) -> None:
    try:
        expected = rfc8785.dumps(entry)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        with pytest.raises(ValueError, match="canonical form"):
            canonical(entry)
    else:
        assert canonical(entry) == expected


@given(
    some.dictionaries(
        some.text(max_size=8),
        entries | some.integers() | some.floats(allow_nan=False, allow_infinity=False),
        max_size=6,
    )
)
def test_whatever_may_be_recorded_has_a_canonical_form(metadata: dict[str, Any]) -> None:
    assert canonical(masked(metadata))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**60), object(), b"bytes", {1: "a"}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="canonical form"):
        canonical({"value": value})
