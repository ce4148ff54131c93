"""The texts that people agree to, and the stage of the sign-in that asks."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.privacy.models import Consent, Notice
from accounts.privacy.notices import agree, owed_by, publish_notice, withdraw_notice
from temps.lib.errors import Conflict, Denied, Invalid
from tests.accounts.events import entries
from tests.world import PASSWORD, World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-14")]

LOGIN, CONSENT, ME = "/accounts/login/", "/accounts/login/consent/", "/api/v1/users/me/"


def publish(world: World, version: str = "1", name: str = "privacy") -> Notice:
    return publish_notice(name, version, "Privacy notice", "We keep your address.", actor=world.operator)


def sign_in(world: World) -> tuple[Client, Any]:
    client = Client()
    return client, client.post(LOGIN, {"login": world.owner.email, "password": PASSWORD})


def test_nobody_is_asked_while_nothing_is_published(world: World) -> None:
    assert sign_in(world)[1]["Location"] == "/"


def test_one_agrees_before_one_is_in(world: World) -> None:
    notice = publish(world)
    client, answer = sign_in(world)
    assert answer["Location"] == CONSENT
    assert client.get(ME).status_code == 401
    assert "We keep your address." in client.get(CONSENT).content.decode()
    assert client.post(CONSENT, {"notice": notice.public_id})["Location"] == "/"
    assert client.get(ME).status_code == 200
    (event,) = entries("CONSENT_GIVE")
    assert (event["userEmail"], event["metadata"]["version"]) == (world.owner.email, "1")
    assert sign_in(world)[1]["Location"] == "/"


def test_a_new_version_is_asked_for_and_the_old_one_no_more(world: World) -> None:
    first = publish(world)
    agree(world.owner, [first.public_id], actor=acting(world.owner))
    second = publish(world, "2")
    assert [owed.pk for owed in owed_by(world.owner)] == [second.pk]
    assert [owed.pk for owed in owed_by(world.member)] == [second.pk]


def test_agreeing_to_nothing_or_to_part_is_not_enough(world: World) -> None:
    publish(world)
    terms = publish(world, name="terms")
    client, _answer = sign_in(world)
    assert client.post(CONSENT).status_code == 200
    assert client.post(CONSENT, {"notice": terms.public_id}).status_code == 200
    assert client.get(ME).status_code == 401


def test_nobody_agrees_to_what_they_did_not_see(world: World) -> None:
    old = publish(world)
    client, _answer = sign_in(world)
    publish(world, "2")
    answer = client.post(CONSENT, {"notice": old.public_id})
    assert "was changed meanwhile" in answer.content.decode()
    assert not Consent.objects.exists()


def test_a_withdrawn_text_is_not_asked_for_and_stays_on_record(world: World) -> None:
    notice = publish(world)
    agree(world.owner, [notice.public_id], actor=acting(world.owner))
    withdraw_notice(notice, actor=world.operator)
    assert owed_by(world.member) == []
    assert Consent.objects.get().notice == notice


def test_people_agree_for_themselves_alone(world: World) -> None:
    notice = publish(world)
    with pytest.raises(Denied):
        agree(world.owner, [notice.public_id], actor=acting(world.admin))


def test_without_a_sign_in_there_is_no_page(world: World, client: Client) -> None:
    publish(world)
    assert client.get(CONSENT)["Location"] == LOGIN
    assert client.post(CONSENT)["Location"] == LOGIN


def test_the_api_sends_one_to_the_browser(world: World) -> None:
    publish(world)
    given = {"email": world.owner.email, "password": PASSWORD}
    answer = Client().post("/api/v1/auth/token", given, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "consent_required")


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": "no name!"}),
        ("version", {"version": ""}),
        ("title", {"title": "x" * 121}),
        ("text", {"text": " "}),
    ],
)
def test_what_is_published_is_complete(world: World, field: str, changes: dict[str, str]) -> None:
    given = {"name": "privacy", "version": "1", "title": "Privacy", "text": "Text."} | changes
    with pytest.raises(Invalid) as refused:
        publish_notice(**given, actor=world.operator)
    assert refused.value.field == field


def test_a_version_is_published_once(world: World) -> None:
    publish(world)
    with pytest.raises(Conflict):
        publish(world)
