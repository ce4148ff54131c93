"""Passkeys by the service: rightly used, and as an attacker would."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from accounts.mfa.enrolling import LONGEST_NAME
from accounts.mfa.errors import PasskeyRefused
from accounts.mfa.models import Passkey
from accounts.mfa.passkeys import MOST, accept_passkey, creation_options, register_passkey, request_options
from accounts.mfa.relying_party import RelyingParty
from accounts.models import User
from accounts.services import set_active
from accounts.sessions import without_rights
from rbac.step_up import StepUpRequired
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound
from tests.accounts.events import entries
from tests.accounts.mfa.authenticator import HERE, UP, UV, Authenticator, add_passkey, enrol_passkey
from tests.world import World, acting, enrol

pytestmark = pytest.mark.promise("A-04")

CHALLENGE = secrets.token_bytes(32)
VISITOR = Actor.anonymous(address="192.0.2.77")


def register(user: User, response: str, name: str = "Laptop", actor: Actor | None = None) -> Passkey:
    return register_passkey(user, response, name, challenge=CHALLENGE, party=HERE, actor=actor or acting(user))


def use(
    device: Authenticator,
    user: User | None = None,
    challenge: bytes = CHALLENGE,
    party: RelyingParty = HERE,
    **how: Any,
) -> Passkey:
    return accept_passkey(device.get(CHALLENGE, **how), challenge=challenge, party=party, user=user, actor=VISITOR)


def reason() -> str:
    """Why the last one was refused, as the audit log has it."""
    entry = entries("USER_SIGN_IN")[0]
    assert entry["result"] == "failure"
    return str(entry["metadata"]["reason"])


def test_what_was_enrolled_is_accepted_and_its_use_is_kept(world: World) -> None:
    device, passkey = enrol_passkey(world.owner)
    assert (passkey.transports, passkey.last_used_at) == (["internal"], None)
    used = use(device)
    assert (used, used.user, used.sign_count) == (passkey, world.owner, 1)
    assert used.last_used_at is not None
    assert entries("MFA_ENABLE")[0]["metadata"]["passkey"] == passkey.public_id


def test_an_authenticator_that_does_not_count_is_accepted_again(world: World) -> None:
    device, _passkey = enrol_passkey(world.owner)
    device.counts = False
    assert use(device).sign_count == use(device).sign_count == 0


@pytest.mark.parametrize(
    "how",
    [
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://localhost:9"},
        {"rp_id": "evil.example"},
        {"flags": UP},
        {"flags": UV},
        {"kind": "webauthn.create"},
        {"handle": b"usr_of_somebody_else"},
        {"handle": b""},
    ],
    ids=str,
)
def test_an_answer_for_elsewhere_or_without_the_person_is_refused(world: World, how: dict[str, Any]) -> None:
    device, passkey = enrol_passkey(world.owner)
    with pytest.raises(PasskeyRefused):
        use(device, **how)
    passkey.refresh_from_db()
    assert passkey.last_used_at is None
    assert reason().startswith(("not valid", "made for another"))


def test_an_answer_to_another_challenge_is_refused(world: World) -> None:
    device, _passkey = enrol_passkey(world.owner)
    with pytest.raises(PasskeyRefused):
        use(device, challenge=secrets.token_bytes(32))


def test_somebody_else_s_passkey_is_refused_as_the_second_factor_of_this_account(world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    with pytest.raises(PasskeyRefused):
        use(device, user=world.owner)
    assert reason() == "somebody else's"


def test_another_key_under_the_same_name_is_refused(world: World) -> None:
    device, _passkey = enrol_passkey(world.owner)
    forger = Authenticator(credential_id=device.credential_id, user_handle=device.user_handle)
    with pytest.raises(PasskeyRefused):
        use(forger)


def test_a_counter_that_went_back_is_refused_and_told(world: World) -> None:
    device, passkey = enrol_passkey(world.owner)
    use(device)
    use(device)
    device.uses = 1  # a copy, made after the first use: it counts two now, as the passkey has
    with pytest.raises(PasskeyRefused):
        use(device)
    assert "copy" in reason()
    device.uses, device.counts = 0, False  # or a copy that does not count
    with pytest.raises(PasskeyRefused):
        use(device)
    passkey.refresh_from_db()
    assert passkey.sign_count == 2


def test_a_passkey_works_under_the_host_it_was_made_for_alone(world: World) -> None:
    device, _passkey = enrol_passkey(world.owner)
    device.party = RelyingParty("temps.example.com", "https://temps.example.com")
    with pytest.raises(PasskeyRefused):
        use(device, party=device.party)
    assert request_options(CHALLENGE, device.party, world.owner).get("allowCredentials", []) == []


def test_a_disabled_account_has_no_passkey(world: World) -> None:
    device, _passkey = enrol_passkey(world.member)
    set_active(world.member, False, actor=world.operator)
    with pytest.raises(PasskeyRefused):
        use(device)
    assert reason() == "disabled"


@pytest.mark.parametrize(
    "response",
    [
        *("", "null", "[]", "{}", '{"id": 1}', '{"id": "x"}', '{"id": "\\u0000"}', "[" * 30_000, "x" * 40_000),
        '{"id": "é", "rawId": {}, "response": [], "type": []}',
    ],
    ids=lambda text: text[:12],
)
def test_what_makes_no_sense_is_refused(world: World, response: str) -> None:
    with pytest.raises(PasskeyRefused):
        accept_passkey(response, challenge=CHALLENGE, party=HERE, actor=VISITOR)
    with pytest.raises(PasskeyRefused):
        register(world.owner, response)


@pytest.mark.parametrize("how", [{"origin": "http://evil.example"}, {"rp_id": "evil.example"}, {"flags": UP}], ids=str)
def test_a_passkey_made_elsewhere_or_without_the_person_is_not_enrolled(world: World, how: dict[str, Any]) -> None:
    with pytest.raises(PasskeyRefused):
        register(world.owner, Authenticator().create(CHALLENGE, world.owner, **how))
    assert not Passkey.objects.exists()


def test_one_passkey_belongs_to_one_account(world: World) -> None:
    device, _passkey = enrol_passkey(world.owner)
    for user in (world.owner, world.member):
        with pytest.raises(Conflict, match="enrolled already"):
            register(user, device.create(CHALLENGE, user))


def test_nobody_has_more_than_ten(world: World) -> None:
    for number in range(MOST):
        enrol_passkey(world.owner, f"Key {number}")
    with pytest.raises(Conflict, match="remove one first"):
        add_passkey(world.owner)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * (LONGEST_NAME + 1), "\0"])
def test_a_name_is_one_line(world: World, name: str) -> None:
    with pytest.raises(Invalid):
        enrol_passkey(world.owner, name)


def test_the_browser_is_asked_for_what_the_server_demands(world: World) -> None:
    passkey = add_passkey(world.owner)
    made = creation_options(world.owner, CHALLENGE, HERE)
    assert made["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert (made["rp"]["id"], made["attestation"]) == ("localhost", "none")
    assert [one["id"] for one in made["excludeCredentials"]] == [passkey.credential_id]
    assert world.owner.email not in str(made["user"]["id"])
    asked = request_options(CHALLENGE, HERE, world.owner)
    assert (asked["userVerification"], len(asked["allowCredentials"])) == ("required", 1)
    assert not request_options(CHALLENGE, HERE).get("allowCredentials")


def test_nobody_enrols_a_passkey_for_another(world: World) -> None:
    with pytest.raises(Denied):
        register(world.owner, Authenticator().create(CHALLENGE, world.owner), actor=acting(world.admin))


@pytest.mark.parametrize("kind", [CredentialKind.API_KEY, CredentialKind.JWT])
def test_no_program_enrols_one(world: World, kind: CredentialKind) -> None:
    with pytest.raises(Denied):
        register(
            world.owner, Authenticator().create(CHALLENGE, world.owner), actor=acting(world.owner, Credential(kind))
        )


def test_a_session_left_open_enrols_none(world: World) -> None:
    stale = acting(world.owner)
    object.__setattr__(stale, "confirmed_at", None)
    with pytest.raises(StepUpRequired):
        register(world.owner, Authenticator().create(CHALLENGE, world.owner), actor=stale)


@pytest.mark.promise("A-05")
@pytest.mark.parametrize("enrol_first", [enrol, add_passkey])
def test_between_password_and_factor_no_further_one_is_enrolled(world: World, enrol_first: Any) -> None:
    actor = without_rights(world.owner, VISITOR)
    response = Authenticator().create(CHALLENGE, world.owner)
    enrol_first(world.owner)
    with pytest.raises(NotFound):
        register(world.owner, response, actor=actor)
