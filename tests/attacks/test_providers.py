"""Around signing in elsewhere: whoever stands between, has a browser, or an account at some provider."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.models import User, UserKind
from accounts.providers.models import IdentityProvider
from accounts.providers.services import delete_provider
from accounts.services import set_active
from temps.lib import clock
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import CLIENT, Elsewhere
from tests.accounts.providers.flow import HERE, LINKED, back, begin, carried, is_signed_in, link, refused, sign_in
from tests.accounts.test_sign_in import CODE
from tests.world import World, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]


# The state, and the browser that it belongs to


@pytest.mark.parametrize("state", ["", "0123456789abcdef", "a" * 5000])
def test_an_answer_that_nobody_asked_for(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, state: str
) -> None:
    link(world.member, corp)
    refused(back(client, state), client, "expired", 400)
    assert there.asked == []


def test_an_answer_for_another_browser_signs_nobody_in(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, corp)
    of_the_attacker = begin(Client(), "corp", there)["state"]
    begin(client, "corp")
    refused(back(client, of_the_attacker), client, "expired", 400)


def test_a_state_is_spent_by_its_first_use(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.admin, corp)
    enrol(world.admin)
    state = begin(client, "corp", there)["state"]
    assert back(client, state)["Location"] == CODE
    refused(back(client, state), client, "expired", 400)


def test_a_state_lasts_ten_minutes(client: Client, world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    link(world.member, corp)
    state = begin(client, "corp", there)["state"]
    with time_machine.travel(clock.now().timestamp() + 601, tick=False):
        refused(back(client, state), client, "expired", 400)


def test_the_answer_of_one_provider_is_nothing_to_another(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, made.provider(world, there.url, "honest"))
    state = begin(client, "corp", there)["state"]
    refused(back(client, state, "honest"), client, "expired", 400)


@pytest.mark.parametrize("iss", ["https://honest.example", ""])
def test_an_answer_that_names_another_issuer_is_a_mix_up(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, iss: str
) -> None:
    link(world.member, corp)
    there.replies["/.well-known/openid-configuration"]["authorization_response_iss_parameter_supported"] = True
    state = begin(client, "corp", there)["state"]
    refused(back(client, state, iss=iss), client, "unproven")
    assert not [asked for asked in there.asked if asked.path == "/token"]


def test_the_same_subject_of_another_provider_is_somebody_else(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, made.provider(world, there.url, "honest"))
    refused(sign_in(client, there), client, "no account")


def test_a_provider_that_was_removed_leaves_nothing_to_its_name(client: Client, world: World, there: Elsewhere) -> None:
    first = made.provider(world, there.url)
    link(world.member, first)
    delete_provider(first, actor=world.operator)
    made.provider(world, there.url)
    refused(sign_in(client, there), client, "no account")


# What the request for authorization says, and who has a say in it


def test_pkce_nonce_and_state_are_fresh_and_fit(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    one, other = begin(client, "corp"), begin(client, "corp", there)
    assert not {one[name] for name in ("state", "nonce", "code_challenge")} & set(other.values())
    back(client, other["state"])
    verifier = there.asked_for("/token").form["code_verifier"]
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert (other["code_challenge"], other["code_challenge_method"]) == (hashed, "S256")
    assert verifier not in str(other)


def test_the_query_has_no_say(client: Client, world: World, corp: IdentityProvider) -> None:
    query = (
        "scope=admin&auth_params=redirect_uri%3Dhttps://evil.example%26nonce%3Dx&process=connect&next=//evil.example"
    )
    asked = carried(client.post(f"{HERE}/corp/login/?{query}"))
    assert asked["redirect_uri"] == f"http://testserver{HERE}/corp/callback/"
    assert (asked["client_id"], asked["nonce"] != "x") == (CLIENT, True)
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}


def test_a_sign_in_begins_with_a_press_of_a_button(world: World, corp: IdentityProvider) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(f"{HERE}/corp/login/").status_code == 405
    assert client.post(f"{HERE}/corp/login/").status_code == 403
    assert client.post(f"{LINKED}corp/link/").status_code in (302, 403)


def test_no_host_but_ours_is_sent_along(client: Client, world: World, corp: IdentityProvider) -> None:
    assert client.post(f"{HERE}/corp/login/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.promise("O-10")
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_no_sign_in_leads_off_the_site(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, target: str
) -> None:
    link(world.member, corp)
    assert sign_in(client, there, next=target)["Location"] == "/"


# Who gets in


@pytest.mark.promise("A-05")
@pytest.mark.parametrize("amr", [["mfa"], ["hwk", "mfa", "otp"]])
def test_a_second_factor_that_the_provider_claims_is_not_ours(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere, amr: list[str]
) -> None:
    link(world.admin, corp)
    enrol(world.admin)
    assert sign_in(client, there.proves("subject-1", amr=amr, acr="phr"))["Location"] == CODE
    assert not is_signed_in(client)


def test_a_disabled_account_answers_like_none(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    nobody = sign_in(Client(), there.proves("subject-2"))
    link(world.member, corp)
    set_active(world.member, False, actor=world.operator)
    disabled = sign_in(client, there.proves("subject-1"))
    assert (disabled.status_code, disabled.content) == (nobody.status_code, nobody.content)
    refused(disabled, client, "no account")


def test_a_service_signs_in_nowhere(client: Client, world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    User.objects.filter(pk=world.member.pk).update(kind=UserKind.SERVICE)
    link(world.member, corp)
    refused(sign_in(client, there), client, "no account")


@pytest.mark.parametrize("verified", [True, False])
def test_the_address_of_an_administrator_opens_nothing(
    client: Client, world: World, there: Elsewhere, verified: bool
) -> None:
    made.makes_accounts(world, there.url, domains=["example.com"])
    there.proves("thief", email="ADMIN@example.com", email_verified=verified)
    refused(sign_in(client, there), client, "no account" if verified else "unverified")
    assert not SocialAccount.objects.exists()


@pytest.mark.promise("O-10")
def test_a_planted_session_does_not_stand_behind_the_sign_in(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, corp)
    state = begin(client, "corp", there)["state"]
    planted = str(client.session.session_key)
    back(client, state)
    assert is_signed_in(client)
    thief = Client()
    thief.cookies["temps_session"] = planted
    assert not is_signed_in(thief)


def test_a_session_stays_who_it_is(client: Client, world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    link(world.member, corp)
    state = begin(client, "corp", there)["state"]
    client.force_login(world.viewer)  # in another tab
    assert back(client, state)["Location"] == "/"
    assert client.get("/api/v1/users/me/").json()["email"] == world.viewer.email


def test_whoever_is_signed_in_is_not_linked_with_an_attacker_s_account(
    signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    attacker = Client()
    of_the_attacker = begin(attacker, "corp", there)["state"]
    client = signed_in(world.owner)
    assert back(client, of_the_attacker).status_code == 400
    assert not SocialAccount.objects.exists()


def test_a_link_that_one_began_is_not_finished_by_the_next(
    signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    client = signed_in(world.owner)
    state = carried(client.post(f"{LINKED}corp/link/"), there)["state"]
    states = client.session["socialaccount_states"]
    signed_in(world.member)
    session = client.session
    session["socialaccount_states"] = states
    session.save()
    assert back(client, state).status_code == 400
    assert not SocialAccount.objects.exists()


@pytest.mark.usefixtures("still_clock")
def test_nobody_has_us_knock_at_a_provider_for_ever(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    answers = [client.post(f"{HERE}/corp/login/").status_code for _attempt in range(31)]
    assert answers == [302] * 30 + [429]
    assert [client.get(f"{HERE}/corp/callback/").status_code for _attempt in range(31)][-1] == 429
