from __future__ import annotations

import pytest

from audit.redaction.person import Person, through, without_address

pytestmark = pytest.mark.promise("A-14")
PERSON = Person("usr_x", {"olivia@example.com", "o.old@example.org"}, {"Olivia  Person", "Olly", "Bo", "Owner", "days"})
ADDRESS = "usr_x@erased.invalid"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("olivia@example.com", ADDRESS),
        ("mailto:OLIVIA@Example.COM.", f"mailto:{ADDRESS}."),
        ("<olivia@example.com>, o.old@example.org", f"<{ADDRESS}>, {ADDRESS}"),
        ("?to=olivia%40example.com&x", f"?to={ADDRESS}&x"),
        ("cut off: olivia@exam…", f"cut off: {ADDRESS}…"),
        ("cut off: olivia@exa", f"cut off: {ADDRESS}"),
        ("cut off: olivia@exa … 3 more times", f"cut off: {ADDRESS} … 3 more times"),
        ("OLIVIA\tperson and olly's", "usr_x and usr_x's"),
        ("olivia@example.com.au", "olivia@example.com.au"),
        ("notolivia@example.com", "notolivia@example.com"),
        ("not.olivia@example.com", "not.olivia@example.com"),
        ("olivia@example.org", "olivia@example.org"),
        ("Olivia Personal, Jolly, Bo, the owner for 3 days", "Olivia Personal, Jolly, Bo, the owner for 3 days"),
        ("", ""),
    ],
)
def test_a_text_is_rid_of_a_person_and_of_nobody_else(text: str, left: str) -> None:
    assert PERSON.out_of(text) == left
    assert PERSON.out_of(left) == left


def test_names_of_keys_are_texts_too_and_nothing_is_lost() -> None:
    value = {"olivia@example.com": 1, "OLIVIA@example.com": {"days": [None, True, 1.5, "olly"]}}
    assert through(value, PERSON.out_of) == {ADDRESS: 1, f"{ADDRESS} (2)": {"days": [None, True, 1.5, "usr_x"]}}


@pytest.mark.parametrize(
    ("text", "found"), [("to olivia@example.com", True), ("Olivia person", False), ("olly", False)]
)
def test_only_an_address_is_beyond_doubt(text: str, found: bool) -> None:
    """Anybody may take a name, and somebody else's."""
    assert PERSON.is_in(text) is found


def test_what_is_not_theirs_is_rid_of_addresses_that_were_theirs_alone() -> None:
    person = Person("usr_x", {"olivia@example.com", "desk@example.com"}, {"Olivia Person"}, {"desk@example.com"})
    text = "olivia@example.com, desk@example.com, Olivia Person"
    assert person.address_out_of(text) == f"{ADDRESS}, desk@example.com, Olivia Person"
    assert person.out_of(text) == f"{ADDRESS}, {ADDRESS}, usr_x"
    assert not person.is_in("to desk@example.com")


def test_a_pseudonym_is_no_address_of_anybody() -> None:
    assert Person("usr_y", {ADDRESS}, set()).addresses == frozenset()


def test_somebody_without_a_name_is_found_by_their_address_alone() -> None:
    assert (
        Person("usr_y", {"a@example.com"}, {""}).out_of("a@example.com and others") == "usr_y@erased.invalid and others"
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("from 192.0.2.1.", "from [erased]."),
        ("192.0.2.10 and 1192.0.2.1 and 192.0.2.1.5", "192.0.2.10 and 1192.0.2.1 and 192.0.2.1.5"),
        ("192.0.2.1:443", "192.0.2.1:443"),
    ],
)
def test_a_network_address_goes_where_it_stands_as_a_whole(text: str, left: str) -> None:
    assert without_address(text, "192.0.2.1") == left
