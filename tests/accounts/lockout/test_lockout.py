"""Guessing at passwords: what waits, who is locked out, and who never is."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from typing import Any

import altcha
import pytest
import time_machine
from django.test import Client

from accounts.lockout import captcha, counting
from accounts.lockout.models import Lockout, SignInNetwork
from accounts.lockout.services import MOST_NETWORKS, lockout_of, remember_network, unlock
from accounts.models import User
from temps.lib import clock
from temps.lib.errors import Denied, NotFound
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-12")]

LOGIN, TOKEN = "/accounts/login/", "/api/v1/auth/token"
WRONG = "not the password at all"


@pytest.fixture(autouse=True)
def _still(still_clock: None) -> None:
    """Waiting is by the clock, which stands."""


def ask(email: str, password: str = WRONG, *, source: str = "192.0.2.1") -> Any:
    """One sign-in over the API, which has no CAPTCHA."""
    body = {"email": email, "password": password}
    return Client(REMOTE_ADDR=source).post(TOKEN, body, content_type="application/json")


def from_everywhere(email: str, tries: int) -> list[int]:
    """Wrong passwords, each from a network of its own."""
    return [ask(email, source=f"198.51.{number // 250}.{number % 250}").status_code for number in range(tries)]


def test_each_try_from_one_network_waits_longer_than_the_one_before(world: World) -> None:
    waits = []
    with time_machine.travel(clock.now(), tick=False) as traveller:
        for _ in range(20):
            answer = ask(world.owner.email)
            if answer.status_code == 429:
                waits.append(int(answer["Retry-After"]))
                traveller.shift(timedelta(seconds=waits[-1]))
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert waits[-1] >= 16


def test_trying_while_one_waits_makes_it_no_longer(world: World) -> None:
    for _ in range(counting.HERE.free):
        ask(world.owner.email)
    assert {int(ask(world.owner.email)["Retry-After"]) for _ in range(20)} == {1}


def test_a_success_takes_the_failures_before_it_back(world: World) -> None:
    for _ in range(3):
        for _ in range(counting.HERE.free - 1):
            assert ask(world.owner.email).status_code == 401
        assert ask(world.owner.email, PASSWORD).status_code == 200


@pytest.mark.parametrize("email", ["owner@example.com", "stranger@example.com"])
def test_guessing_from_everywhere_locks_new_networks_out(world: World, email: str) -> None:
    """An address that is nobody's is answered alike."""
    codes = from_everywhere(email, counting.LOCKED_AFTER + 1)
    assert codes == [401] * counting.LOCKED_AFTER + [429]
    answer = ask(email, PASSWORD, source="203.0.113.9")
    assert (answer.status_code, answer["Retry-After"]) == (429, str(counting.LOCKED_FOR[0]))


def test_asking_and_asking_from_one_place_locks_nobody_out(world: World) -> None:
    """What has to wait counts nothing against the account."""
    codes = [ask(world.owner.email).status_code for _ in range(counting.LOCKED_AFTER + 10)]
    assert codes.count(401) < counting.LOCKED_AFTER
    assert ask(world.owner.email, PASSWORD, source="203.0.113.9").status_code == 200


def test_the_owner_gets_in_from_where_they_were_before(world: World) -> None:
    assert ask(world.owner.email, PASSWORD, source="203.0.113.5").status_code == 200
    from_everywhere(world.owner.email, counting.LOCKED_AFTER + 1)
    assert ask(world.owner.email, PASSWORD, source="203.0.113.9").status_code == 429
    assert ask(world.owner.email, PASSWORD, source="203.0.113.5").status_code == 200


def test_what_the_owner_does_there_gives_strangers_no_more_tries(world: World) -> None:
    assert ask(world.owner.email, PASSWORD, source="203.0.113.5").status_code == 200
    from_everywhere(world.owner.email, counting.LOCKED_AFTER)
    for _ in range(3):
        assert ask(world.owner.email, PASSWORD, source="203.0.113.5").status_code == 200
    assert ask(world.owner.email, source="203.0.113.9").status_code == 429


def test_a_session_that_is_open_is_not_touched(world: World) -> None:
    client = Client(REMOTE_ADDR="203.0.113.5")
    client.post(LOGIN, {"login": world.owner.email, "password": PASSWORD})
    from_everywhere(world.owner.email, counting.LOCKED_AFTER + 1)
    assert client.get("/api/v1/users/me/").status_code == 200


def test_a_lockout_passes_and_the_next_is_longer(world: World) -> None:
    email = world.owner.email
    from_everywhere(email, counting.LOCKED_AFTER + 1)
    with time_machine.travel(clock.now() + timedelta(seconds=counting.LOCKED_FOR[0] + 1), tick=False):
        assert ask(email, source="203.0.113.9").status_code == 401
        from_everywhere(email, counting.LOCKED_AFTER + 1)
        assert ask(email, source="203.0.113.9")["Retry-After"] == str(counting.LOCKED_FOR[1])


def test_it_is_recorded_and_the_owner_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[tuple[str, tuple[Any, ...]]] = []
    monkeypatch.setattr("temps.celery.app.send_task", lambda name, args, **_: sent.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        from_everywhere(world.owner.email, counting.LOCKED_AFTER + 1)
    (event,) = entries("USER_LOCK")
    assert (event["resourceId"], event["metadata"]["minutes"]) == (world.owner.public_id, 15)
    assert [args[:2] for name, args in sent if name == "mail.tell"] == [(world.owner.email, "locked")]


def test_an_administrator_unlocks(world: World) -> None:
    from_everywhere(world.owner.email, counting.LOCKED_AFTER + 1)
    assert lockout_of(world.owner) is not None
    unlock(User.objects.get(pk=world.owner.pk), actor=acting(world.admin))
    assert ask(world.owner.email, PASSWORD, source="203.0.113.9").status_code == 200
    assert entries("USER_UNLOCK")[0]["userEmail"] == world.admin.email
    with pytest.raises(NotFound):
        unlock(world.owner, actor=acting(world.admin))


def test_nobody_else_unlocks(world: World) -> None:
    Lockout.objects.create(user=world.owner, until=clock.now() + timedelta(hours=1), attempts=51)
    with pytest.raises(Denied):
        unlock(world.owner, actor=acting(world.owner))


def test_one_address_cannot_try_many_accounts(world: World) -> None:
    codes = [ask(f"person{number}@example.com").status_code for number in range(counting.NETWORK.free + 5)]
    assert codes[: counting.NETWORK.free] == [401] * counting.NETWORK.free
    assert 429 in codes[counting.NETWORK.free :]


def test_addresses_of_one_ipv6_subscriber_count_as_one(world: World) -> None:
    codes = [ask(world.owner.email, source=f"2001:db8::{number:x}").status_code for number in range(1, 9)]
    assert 429 in codes


def test_a_password_that_is_right_counts_nothing_against_the_second_factor(world: World) -> None:
    """And the other way round: wrong codes make the device wait, and no password."""
    for _ in range(counting.HERE.free + 3):
        assert ask(world.member.email, PASSWORD).status_code == 200


def test_no_more_networks_are_kept_than_one_person_uses(world: World) -> None:
    for number in range(MOST_NETWORKS + 5):
        remember_network(world.owner, f"198.51.100.{number}/32")
    assert SignInNetwork.objects.filter(user=world.owner).count() == MOST_NETWORKS


def test_without_the_cache_each_process_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr("accounts.lockout.counting.cache.get", away)
    counting._own.clear()
    codes = [ask(world.owner.email).status_code for _ in range(counting.HERE.free + 2)]
    assert codes[-1] == 429


def solved(challenge: str) -> str:
    """What the page's script sends for this challenge."""
    made = altcha.Challenge.from_dict(json.loads(challenge))
    solution = altcha.solve_challenge(made)
    return altcha.Payload(made, solution).to_base64()


def sign_in(password: str, **more: str) -> Any:
    return Client().post(LOGIN, {"login": "owner@example.com", "password": password, **more})


def test_the_page_asks_for_a_captcha_after_failures(world: World) -> None:
    for _ in range(counting.CAPTCHA_HERE):
        assert "do not belong together" in sign_in("wrong").content.decode()
    refused = sign_in(PASSWORD)
    assert refused.status_code == 200
    assert "data-challenge" in refused.content.decode()
    assert sign_in(PASSWORD, captcha=solved(captcha.new_challenge())).status_code == 302


def test_the_page_says_how_long_to_wait(world: World) -> None:
    answers = [sign_in("wrong", captcha=solved(captcha.new_challenge())) for _ in range(counting.HERE.free + 1)]
    assert [answer.status_code for answer in answers] == [200] * counting.HERE.free + [429]
    assert answers[-1]["Retry-After"] == "1"


def test_a_captcha_is_good_once(world: World) -> None:
    answer = solved(captcha.new_challenge())
    assert captcha.spend(answer)
    assert not captcha.spend(answer)


def test_a_captcha_expires(world: World) -> None:
    answer = solved(captcha.new_challenge())
    with time_machine.travel(clock.now() + captcha.LIFETIME + timedelta(seconds=1), tick=False):
        assert not captcha.spend(answer)


@pytest.mark.parametrize("answer", ["", "x", "e30=", "bnVsbA==", "A" * 5000, "eyJjaGFsbGVuZ2UiOiB7fX0="])
def test_what_is_no_answer_is_refused(answer: str) -> None:
    assert not captcha.spend(answer)


def test_a_challenge_that_somebody_made_easier_is_refused(world: World) -> None:
    cheap = altcha.create_challenge(captcha.ALGORITHM, 1, key_prefix="", hmac_secret=b"not ours")
    assert not captcha.spend(solved(json.dumps(cheap.to_dict())))


def test_a_try_that_lacks_the_captcha_says_so(world: World) -> None:
    for _ in range(counting.CAPTCHA_HERE):
        sign_in("wrong")
    page = sign_in(PASSWORD).content.decode()
    assert 'role="alert"><p>Because of failed sign-ins your browser had to do a short calculation.' in page
    assert 'value="owner@example.com"' in page
    assert "autofocus" in page.partition('name="password"')[2].partition(">")[0]


def test_where_it_may_be_needed_the_captcha_comes_with_the_page(world: World) -> None:
    assert "data-challenge" not in Client().get(LOGIN).content.decode()
    for _ in range(counting.CAPTCHA_HERE):
        sign_in("wrong")
    page = Client().get(LOGIN).content.decode()
    challenge = html.unescape(page.partition('data-challenge="')[2].partition('"')[0])
    assert "Because of failed sign-ins" not in page
    assert sign_in(PASSWORD, captcha=solved(challenge)).status_code == 302
