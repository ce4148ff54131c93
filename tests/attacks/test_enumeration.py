"""Whether an account exists is told to nobody: not by words, and not by status, headers or cookies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client

from accounts.directory.linking import link_account
from accounts.links.invitations import invite
from accounts.lockout import counting
from accounts.models import User, UserKind
from accounts.policy import change_policy
from accounts.services import set_active
from tests.accounts.mfa.authenticator import Authenticator, add_passkey, enrol_passkey
from tests.accounts.mfa.test_sign_in_pages import ALONE, challenge_of
from tests.world import World, acting, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-12"), pytest.mark.usefixtures("still_clock")]

UNKNOWN = "unknown@example.com"
WRONG = "not the password at all"
TOKEN = "/api/v1/auth/token"
Told = tuple[Any, ...]


@pytest.fixture(autouse=True)
def _uncounted(settings: Any) -> None:
    """Each answer tells how many more requests there may be."""
    settings.RATE_LIMIT_ENABLED = False


@pytest.fixture
def everybody(world: World, settings: Any) -> list[str]:
    """The address of one account of each kind, and one that is nobody's."""
    settings.EMAIL_HOST = "mail.example.com"
    change_policy({"sign_up": "open"}, actor=world.operator)
    enrol(world.admin)
    add_passkey(world.owner)
    set_active(world.viewer, False, actor=world.operator)
    User.objects.filter(pk=world.member.pk).update(kind=UserKind.SERVICE)
    User.objects.filter(pk=world.outsider.pk).update(password="!")
    invite("invited@example.com", role="viewer", base_url="https://x.example", actor=acting(world.admin))
    people = (world.nobody, world.admin, world.owner, world.viewer, world.member, world.outsider)
    return [*(user.email for user in people), "invited@example.com", UNKNOWN]


def by_page(email: str, source: str = "192.0.2.1") -> Any:
    return Client(REMOTE_ADDR=source).post("/accounts/login/", {"login": email, "password": WRONG})


def by_api(email: str, source: str = "192.0.2.1") -> Any:
    body = {"email": email, "password": WRONG, "otp": "123456"}
    return Client(REMOTE_ADDR=source).post(TOKEN, body, content_type="application/json")


def asking_for(page: str) -> Callable[..., Any]:
    def ask(email: str, source: str = "192.0.2.1") -> Any:
        client = Client(REMOTE_ADDR=source)
        answer: Any = client.post(f"/accounts/{page}/", {"email": email})
        assert answer.status_code == 302, answer.content
        answer.then = client.get(answer["Location"])
        return answer

    return ask


FACES: dict[str, Callable[..., Any]] = {
    "sign-in page": by_page,
    "API token": by_api,
    "magic link": asking_for("link"),
    "reset": asking_for("reset"),
    "sign-up": asking_for("sign-up"),
}


def told(answer: Any, email: str) -> Told:
    """All that an answer says, without what is another with each request, and without the address that was sent."""
    cookies = {name: {**morsel, "expires": ""} for name, morsel in answer.cookies.items()}
    headers = {name: value for name, value in answer.headers.items() if name not in ("X-Request-Id", "Expires")}
    text = answer.content.decode().replace(email or "\0", "…")
    random = r'value="\w{64}"|"requestId": ?"\w+"|\d{3} \d{3}|nonce-[\w+/=-]+|data-challenge="[^"]*"'
    headers["Content-Length"] = ""  # of the text, address included
    then = (told(answer.then, email),) if hasattr(answer, "then") else ()
    return answer.status_code, json.dumps(headers), json.dumps(cookies), re.sub(random, "…", text), *then


def asked_each(face: str, emails: Iterable[str]) -> set[Told]:
    """Each from a network of its own, which is told of its own failures."""
    return {told(FACES[face](email, f"198.51.100.{number}"), email) for number, email in enumerate(emails, 1)}


@pytest.mark.parametrize("face", FACES)
def test_every_address_hears_the_same(everybody: list[str], face: str) -> None:
    answers = asked_each(face, everybody)
    assert len(answers) == 1
    assert next(iter(answers))[0] in (200, 302, 401)


@pytest.mark.parametrize("face", ["sign-in page", "API token"])
def test_so_it_is_while_one_has_to_wait(everybody: list[str], face: str) -> None:
    """The growing delay, and before it the CAPTCHA of the page, come after as many tries for whoever it is."""
    answers = set()
    for number, email in enumerate((everybody[0], everybody[1], UNKNOWN)):
        tries = [FACES[face](email, f"203.0.113.{number + 1}") for _ in range(counting.HERE.free + 3)]
        answers.add(tuple(told(answer, email) for answer in tries))
    assert len(answers) == 1
    assert next(iter(answers))[-1][0] in (200, 429)


@pytest.mark.parametrize("face", ["sign-in page", "API token"])
def test_so_it_is_while_it_is_locked(everybody: list[str], face: str) -> None:
    answers = set()
    for email in (everybody[0], everybody[1], UNKNOWN):
        for number in range(counting.LOCKED_AFTER + 1):
            by_api(email, f"198.51.100.{number + 1}")
        counting.forget(counting.key_for("network", "192.0.2.1/32"))
        answers.add(told(FACES[face](email), email))
    ((status, *_rest),) = answers
    assert status == 429


@pytest.mark.promise("A-16")
@pytest.mark.parametrize("face", ["sign-in page", "API token"])
def test_so_it_is_with_a_directory(world: World, make: Any, server: Any, face: str) -> None:
    """Linked, known to the directory alone, an account of ours with its address, or nobody at all."""
    directory = make(create_accounts=False)
    for name in ("viewer", "alice", "owner"):
        server.add_person(name, "a phrase that only the directory knows")
    link_account(world.viewer, directory, world.viewer.email, actor=world.operator)
    emails = (world.viewer.email, "alice@example.com", world.owner.email, world.member.email, UNKNOWN)
    assert len(asked_each(face, emails)) == 1


@pytest.mark.promise("A-04")
def test_passkeys_are_asked_for_without_a_name(everybody: list[str], here: Client) -> None:
    """The options name no credential, whatever is sent along, so nobody learns whose a passkey is."""
    shown = set()
    for email in everybody:
        options = Client(HTTP_HOST="localhost").post(f"{ALONE}options/", {"login": email, "email": email}).json()
        assert options.pop("challenge")
        shown.add(json.dumps(options, sort_keys=True))
    (only,) = shown
    assert "allowCredentials" not in json.loads(only) or not json.loads(only)["allowCredentials"]


@pytest.mark.promise("A-04")
def test_a_passkey_of_nobody_and_one_that_does_not_fit_answer_alike(world: World, here: Client) -> None:
    known, (stolen, _passkey), (off, _other) = Authenticator(), enrol_passkey(world.owner), enrol_passkey(world.viewer)
    stolen.key = Authenticator().key
    set_active(world.viewer, False, actor=world.operator)
    answers = set()
    for device in (known, stolen, off):
        client = Client(HTTP_HOST="localhost")
        answer = client.post(ALONE, {"credential": device.get(challenge_of(client, ALONE))})
        answers.add(told(answer, ""))
    assert len(answers) == 1


@pytest.mark.promise("A-02")
def test_no_account_is_named_by_a_link_that_does_not_open(world: World, client: Client) -> None:
    """Made up, used, of an account that is gone: one page."""
    made = invite("fresh@example.com", role="viewer", base_url="", actor=acting(world.admin)).link
    form = {"name": "Fresh", "password": "sevenfold umbrella lantern 9", "again": "sevenfold umbrella lantern 9"}
    assert Client().post(made, form).status_code == 302
    paths = (made, f"/accounts/open/{'a' * 43}/", "/accounts/open/x/")
    assert len({told(Client().get(path), "") for path in paths}) == 1
    assert User.objects.filter(email="fresh@example.com").exists()
