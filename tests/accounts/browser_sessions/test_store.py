"""What is kept of a session, and what its key opens when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.test import Client

from accounts.browser_sessions.models import BrowserSession, hashed
from accounts.browser_sessions.store import KEY_LENGTH, SessionStore
from accounts.housekeeping import clear_expired
from accounts.policy import change_policy
from audit.reading import visible_events
from tests.accounts.browser_sessions.conftest import FIREFOX, LOGIN, SignIn, is_in, key_of, row_of, with_key
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-11")]


def test_a_visitor_who_does_nothing_leaves_no_row(client: Client, world: World) -> None:
    for path in (LOGIN, "/", "/api/v1/"):
        client.get(path)
    assert not BrowserSession.objects.exists()
    assert "temps_session" not in client.cookies


def test_the_table_holds_a_hash_and_where_one_came_from(browser: SignIn, world: World) -> None:
    client = browser(world.member, REMOTE_ADDR="198.51.100.7")
    row = BrowserSession.objects.get()
    assert (len(key_of(client)), row.key_hash) == (KEY_LENGTH, hashed(key_of(client)))
    assert (row.user, row.address, row.user_agent) == (world.member, "198.51.100.7", FIREFOX)
    assert key_of(client) not in str(BrowserSession.objects.values())


def test_a_stolen_row_opens_nothing(browser: SignIn, world: World) -> None:
    browser(world.member)
    row = BrowserSession.objects.get()
    for stolen in (row.key_hash, row.public_id, row.key_hash[:KEY_LENGTH], row.data[:KEY_LENGTH]):
        assert not is_in(with_key(stolen))


def test_a_row_whose_data_another_row_gets_opens_nothing(browser: SignIn, world: World) -> None:
    mine, other = browser(world.viewer), browser(world.owner)
    BrowserSession.objects.filter(pk=row_of(mine).pk).update(data=row_of(other).data, user=world.owner)
    assert not is_in(mine)


def test_a_row_that_says_another_user_than_its_data_opens_nothing(browser: SignIn, world: World) -> None:
    client = browser(world.viewer)
    BrowserSession.objects.update(user=world.owner)
    assert not is_in(client)


@pytest.mark.parametrize("key", ["x" * KEY_LENGTH, "short", "", "ses_aaaaaaaaaaaaaaaaaaaa", "é" * KEY_LENGTH])
def test_a_key_that_somebody_chose_is_never_taken_over(world: World, key: str) -> None:
    store = SessionStore(key)
    store["kept"] = 1
    store.save()
    assert store.session_key != key
    assert len(store.session_key or "") == KEY_LENGTH


def test_another_key_for_the_same_session(world: World) -> None:
    store = SessionStore()
    store["kept"] = 1
    store.save()
    before, name = str(store.session_key), store.public_id
    store.cycle_key()
    assert SessionStore(before).get("kept") is None
    assert (SessionStore(store.session_key).get("kept"), SessionStore(store.session_key).public_id) == (1, name)
    assert BrowserSession.objects.count() == 1


def test_what_is_flushed_is_gone(browser: SignIn, world: World) -> None:
    client = browser(world.member)
    key = key_of(client)
    client.post("/accounts/logout/")
    assert not BrowserSession.objects.exists()
    assert not is_in(with_key(key))


def test_a_request_under_way_does_not_bring_an_ended_session_back(browser: SignIn, world: World) -> None:
    store = browser(world.member).session
    store["kept"] = 1
    BrowserSession.objects.all().delete()
    with pytest.raises(UpdateError):
        store.save()
    with pytest.raises(SessionInterrupted):
        store.cycle_key()
    assert not BrowserSession.objects.exists()


def test_two_clicks_on_sign_in_are_two_sessions_and_no_failure(client: Client, world: World) -> None:
    client.session.save()
    first, second = SessionStore(key_of(client)), SessionStore(key_of(client))
    first.load()
    second.load()
    first.cycle_key()
    second.cycle_key()
    assert len({first.session_key, second.session_key, key_of(client)}) == 3


def test_a_use_writes_no_stale_data_back(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    with later(minutes=5):
        slow, quick = SessionStore(key_of(client)), SessionStore(key_of(client))
        assert slow.get("kept") is None
        quick["kept"] = 1
        quick.save()
        slow.note_use()
        assert SessionStore(key_of(client)).get("kept") == 1


def test_a_use_is_written_once_a_minute(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    first = row_of(client).last_seen_at
    is_in(client)
    assert row_of(client).last_seen_at == first
    with later(minutes=2):
        client.get("/api/v1/users/me/", REMOTE_ADDR="203.0.113.9")
        row = row_of(client)
        assert (row.last_seen_at > first, row.last_address, row.address) == (True, "203.0.113.9", "127.0.0.1")


def test_an_unused_session_ends_and_a_used_one_goes_on(browser: SignIn, world: World, later: Any) -> None:
    client, idle = browser(world.member), browser(world.member)
    with later(minutes=100):
        assert is_in(client)
    with later(minutes=121):
        assert is_in(client)
        assert not is_in(idle)


def test_visits_as_nobody_do_not_put_off_the_end(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    with later(minutes=119):
        for path in ("/healthz", "/static/accounts/pages.css"):
            client.get(path)
        client.get("/api/v1/projects/", headers={"Authorization": "Bearer tmp_none"})
    with later(minutes=121):
        assert not is_in(client)


def test_a_session_without_the_factor_asked_of_it_is_not_kept_alive(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    change_policy({"require_mfa": "everyone"}, actor=world.operator)
    with later(minutes=119):
        assert not is_in(client)
    assert BrowserSession.objects.get().last_seen_at < row_of(client).expires_at
    with later(minutes=121):
        assert not SessionStore(key_of(client)).load()


def test_the_longest_time_ends_a_session_in_use(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    for hour in range(1, 12):
        with later(hours=hour):
            assert is_in(client)
    with later(hours=12, seconds=1):
        assert not is_in(with_key(key_of(client)))
        assert not BrowserSession.objects.exists()


def test_a_new_password_does_not_begin_the_time_anew(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    before = row_of(client)
    with later(hours=1):
        store = SessionStore(key_of(client))
        store.load()
        store.cycle_key()
        store.save()
        row = BrowserSession.objects.get()
    assert (row.signed_in_at, row.expires_at, row.public_id) == (
        before.signed_in_at,
        before.expires_at,
        before.public_id,
    )


def test_a_tighter_limit_holds_at_once_and_a_looser_one_for_the_next(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    change_policy({"session_hours": 1, "session_idle_minutes": 60}, actor=world.operator)
    with later(minutes=61):
        change_policy({"session_hours": 24, "session_idle_minutes": 600}, actor=world.operator)
        assert not is_in(client)


def test_a_looser_limit_does_not_lengthen_a_session(browser: SignIn, world: World, later: Any) -> None:
    client = browser(world.member)
    change_policy({"session_hours": 48, "session_idle_minutes": 1440}, actor=world.operator)
    with later(hours=12, minutes=1):
        assert not is_in(client)
        longer = browser(world.member)
    with later(hours=12 + 20):
        assert is_in(longer)


def test_the_cookie_lasts_as_long_as_the_session(browser: SignIn, world: World) -> None:
    change_policy({"session_hours": 100, "session_idle_minutes": 1440}, actor=world.operator)
    cookie = browser(world.member).cookies["temps_session"]
    assert (cookie["max-age"], cookie["httponly"], cookie["samesite"]) == (360_000, True, "Lax")


def test_what_is_over_goes(browser: SignIn, world: World, later: Any) -> None:
    browser(world.member)
    SessionStore().create()
    with later(minutes=61):
        clear_expired()
        assert [row.user for row in BrowserSession.objects.all()] == [world.member]
    with later(minutes=121):
        clear_expired()
        assert not BrowserSession.objects.exists()


def test_the_record_names_the_session_and_never_the_key(
    browser: SignIn, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    client = browser(world.member)
    key, name = key_of(client), row_of(client).public_id
    said = json.dumps([client.get(path).json() for path in ("/api/v1/sessions/", "/api/v1/users/me/")])
    client.post("/accounts/logout/")
    events = [event.as_entry() for event in visible_events(world.operator) if event.operation.startswith("USER_SIGN")]
    assert {event["metadata"]["credentialId"] for event in events} == {name}
    assert name in said
    assert key not in said + json.dumps(events, default=str) + caplog.text
