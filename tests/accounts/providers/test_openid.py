"""OpenID Connect against a real provider."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.test import Client

from accounts.models import User
from accounts.providers.models import IdentityProvider
from rbac.models import Grant
from tests.accounts.browser_sessions.conftest import FIREFOX
from tests.accounts.events import entries
from tests.accounts.providers import made
from tests.accounts.providers.flow import HERE, begin, is_signed_in, link
from tests.accounts.providers.peer import consent, openid_provider
from tests.accounts.test_sign_in import CODE, ENROL, send_code
from tests.world import World, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]
FROM = ("Firefox on Linux", "198.51.100.7", "198.51.100.7")


def go(client: Client, **form: str) -> str:
    """Press the button; the address at the provider."""
    return str(client.post(f"{HERE}/corp/login/", form)["Location"])


def come_back(client: Client, subject: str, **form: str) -> tuple[int, str]:
    answer = client.get(consent(go(client, **form), subject))
    return answer.status_code, answer.headers.get("Location", answer.content.decode())


@pytest.fixture
def corp(world: World, issuer: str) -> IdentityProvider:
    return made.makes_accounts(world, issuer)


def test_whoever_is_linked_signs_in(client: Client, world: World, corp: IdentityProvider) -> None:
    link(world.member, corp, "linked")
    assert come_back(client, "linked", next="/projects/project/") == (302, "/projects/project/")
    assert is_signed_in(client)
    entry = entries("USER_SIGN_IN")[0]
    assert (entry["userEmail"], entry["metadata"]["way"]) == (world.member.email, "oauth")
    assert SocialAccount.objects.get().extra_data == {"email": "linked@corp.example", "name": "Linked"}


@pytest.mark.promise("A-11")
def test_the_list_of_sessions_and_the_log_say_from_where(world: World, corp: IdentityProvider) -> None:
    """Though allauth puts another session store in the place of the request's, on the way there and back."""
    link(world.member, corp, "linked")
    client = Client(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="198.51.100.7")
    come_back(client, "linked")
    (session,) = client.get("/api/v1/sessions/").json()
    assert (session["device"], session["address"], session["signed_in_from"]) == FROM
    (entry,) = entries("USER_SIGN_IN")
    assert (entry["ipAddress"], entry["userAgent"]) == ("198.51.100.7", FIREFOX)
    assert entry["metadata"]["credentialId"] == session["id"]


@pytest.mark.promise("A-05")
def test_the_second_factor_is_asked_after_it(client: Client, world: World, corp: IdentityProvider) -> None:
    link(world.admin, corp, "linked")
    enrol(world.admin)
    assert come_back(client, "linked") == (302, CODE)
    assert not is_signed_in(client)
    send_code(client, world.admin)
    assert is_signed_in(client)


@pytest.mark.promise("A-05")
def test_an_administrator_without_one_enrols_it(client: Client, world: World, corp: IdentityProvider) -> None:
    link(world.admin, corp, "linked")
    assert come_back(client, "linked") == (302, ENROL)
    assert not is_signed_in(client)


def test_a_new_person_gets_an_account_without_any_role(client: Client, corp: IdentityProvider) -> None:
    assert come_back(client, "fresh") == (302, "/")
    user = User.objects.get(email="fresh@corp.example")
    assert (user.name, user.has_usable_password(), Grant.objects.filter(user=user).exists()) == ("Fresh", False, False)
    assert [entry["userId"] for entry in entries("USER_CREATE")[:1]] == ["accounts.providers"]
    again = Client()
    assert come_back(again, "fresh") == (302, "/")
    assert is_signed_in(again)


def test_no_token_is_kept(client: Client, corp: IdentityProvider) -> None:
    come_back(client, "fresh")
    assert not SocialToken.objects.exists()
    assert not SocialApp.objects.exists()
    assert "token" not in str([*client.session.items(), SocialAccount.objects.get().extra_data]).lower()


def test_an_address_that_is_not_verified_makes_no_account(client: Client, corp: IdentityProvider) -> None:
    status, page = come_back(client, "unverified")
    assert (status, "Your address is not verified" in page) == (403, True)
    assert not User.objects.filter(email__contains="corp.example").exists()


def test_an_address_of_somebody_here_links_nothing(client: Client, world: World, issuer: str) -> None:
    made.makes_accounts(world, issuer, domains=["example.com"])
    status, page = come_back(client, "impostor")
    assert (status, "No account is linked" in page) == (403, True)
    assert not SocialAccount.objects.exists()
    assert not is_signed_in(client)


def test_another_nonce_than_ours_is_refused(client: Client, world: World, corp: IdentityProvider) -> None:
    link(world.member, corp, "linked")
    parts = urlsplit(go(client))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | {"nonce": "of-another-sign-in"}
    answer = client.get(consent(parts._replace(query=urlencode(query)).geturl(), "linked"))
    assert (answer.status_code, is_signed_in(client)) == (403, False)
    assert entries("USER_SIGN_IN")[0]["metadata"]["detail"] == "the nonce of the ID token is not ours"


def test_an_expired_token_is_refused(client: Client, world: World) -> None:
    with openid_provider("-e", "-3600") as issuer:
        link(world.member, made.provider(world, issuer), "linked")
        assert come_back(client, "linked")[0] == 403
    assert "ExpiredSignatureError" in entries("USER_SIGN_IN")[0]["metadata"]["detail"]


def test_a_code_works_once(client: Client, world: World, corp: IdentityProvider) -> None:
    link(world.member, corp, "linked")
    address = consent(go(client), "linked")
    assert client.get(address).status_code == 302
    other = Client()
    state = begin(other)["state"]
    code = parse_qs(urlsplit(address).query)["code"][0]
    assert other.get(f"{HERE}/corp/callback/", {"code": code, "state": state}).status_code == 403
    assert not is_signed_in(other)


def test_who_turns_back_there_is_told_so(client: Client, corp: IdentityProvider) -> None:
    answer = client.get(consent(go(client), "linked", action="deny") + f"&state={_state(client)}")
    assert (answer.status_code, b"You did not sign in" in answer.content) == (403, True)


def _state(client: Client) -> str:
    """The mock leaves the state out of a denial, against RFC 6749 section 4.1.2.1."""
    return str(next(iter(client.session["socialaccount_states"])))


def test_a_provider_that_is_down_is_a_page_and_no_error(client: Client, world: World) -> None:
    with openid_provider() as issuer:
        made.provider(world, issuer)
        state = begin(client)["state"]
    answer = client.get(f"{HERE}/corp/callback/", {"code": "x", "state": state})
    assert (answer.status_code, b"Corp does not answer" in answer.content) == (503, True)
