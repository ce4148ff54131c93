from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BCryptSHA256PasswordHasher,
    PBKDF2PasswordHasher,
    identify_hasher,
)

from accounts.models import User
from accounts.services import check_password_quality
from accounts.sign_in import user_with_password
from temps.lib.actor import Actor
from temps.lib.errors import Invalid
from tests.world import PASSWORD, World

pytestmark = pytest.mark.promise("A-01")


@pytest.mark.parametrize(
    ("password", "advice"),
    [
        ("vX9#kQ2!mR7", "add at least 1 more character."),
        ("tiny", "add at least 8 more characters."),
        ("q" * 129, "use at most 128 characters"),
        ("qwertyuiop1234", "easy to guess"),
        ("password1234", "too common"),
        ("aaaaaaaaaaaaaa", "easy to guess"),
    ],
)
def test_each_refusal_says_what_to_change(password: str, advice: str) -> None:
    with pytest.raises(Invalid, match=advice) as refusal:
        check_password_quality(password)
    assert refusal.value.field == "password"
    assert password not in refusal.value.message


@pytest.mark.parametrize("password", ["Lovelace.Ada99", "fresh.lovelace99", "lovelaceexample"])
def test_what_is_known_of_the_account_is_guessed_first(password: str) -> None:
    user = User(email="fresh.lovelace@example.com", name="Fresh Lovelace")
    with pytest.raises(Invalid, match=r"similar|easy to guess"):
        check_password_quality(password, user)


def test_twelve_and_a_hundred_and_twenty_eight_characters_are_accepted() -> None:
    check_password_quality("vX9#kQ2!mR7w")
    check_password_quality("vX9#kQ2!" * 16)
    check_password_quality(PASSWORD)


@pytest.mark.parametrize("hasher", [PBKDF2PasswordHasher, BCryptSHA256PasswordHasher])
def test_an_imported_hash_is_accepted_and_upgraded(
    world: World, hasher: type[PBKDF2PasswordHasher | BCryptSHA256PasswordHasher]
) -> None:
    made = hasher()
    world.member.password = made.encode(PASSWORD, made.salt())
    world.member.save()
    user = user_with_password(world.member.email, PASSWORD, actor=Actor.anonymous())
    assert user == world.member
    world.member.refresh_from_db()
    assert identify_hasher(world.member.password).algorithm == "argon2"
    assert world.member.check_password(PASSWORD)


def test_a_hash_with_other_parameters_is_upgraded_too(world: World, settings: Any) -> None:
    world.member.password = Argon2PasswordHasher().encode(PASSWORD, "a salt of many characters")  # eight lanes
    world.member.save()
    settings.PASSWORD_HASHERS = ["accounts.hashing.Argon2OneLane"]
    assert user_with_password(world.member.email, PASSWORD, actor=Actor.anonymous()) == world.member
    world.member.refresh_from_db()
    assert "$argon2id$v=19$m=102400,t=2,p=1$" in world.member.password


def test_one_fault_is_said_once() -> None:
    with pytest.raises(Invalid) as refused:
        check_password_quality("password1234")
    assert "too common" in refused.value.message
    assert "easy to guess" not in refused.value.message
