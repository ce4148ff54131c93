"""Notices, archives and erasure in the console."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from accounts.privacy.models import Notice
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-14")]

SignIn = Callable[[User], Client]
NOTICES = "/accounts_privacy/notice/"


def test_a_notice_is_published_and_withdrawn(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.admin)
    given = {"name": "privacy", "version": "1", "title": "Privacy notice", "text": "We keep your address."}
    assert client.post(f"{NOTICES}add/", given)["Location"] == NOTICES
    notice = Notice.objects.get()
    assert "Privacy notice" in client.get(NOTICES).content.decode()
    client.post(f"{NOTICES}{notice.pk}/delete/", {"post": "yes"})
    notice.refresh_from_db()
    assert notice.withdrawn_at is not None


def test_a_person_is_erased_on_their_page(world: World, signed_in: SignIn) -> None:
    client, page = signed_in(world.admin), f"/accounts/user/{world.viewer.pk}/delete/"
    assert "There is no way back" in client.get(page).content.decode()
    assert client.post(page, {"post": "yes"})["Location"] == "/accounts/user/"
    assert not User.objects.filter(pk=world.viewer.pk).exists()


def test_the_last_owner_is_not_and_the_page_says_why(world: World, signed_in: SignIn) -> None:
    answer = signed_in(world.admin).post(f"/accounts/user/{world.owner.pk}/delete/", {"post": "yes"}, follow=True)
    assert "owner" in answer.content.decode()
    assert User.objects.filter(pk=world.owner.pk).exists()


def test_people_are_not_erased_by_the_dozen(world: World, signed_in: SignIn) -> None:
    assert "delete_selected" not in signed_in(world.admin).get("/accounts/user/").content.decode()


def test_one_downloads_one_s_own_archive(world: World, signed_in: SignIn) -> None:
    answer = signed_in(world.owner).post("/accounts/archive/")
    assert (answer.status_code, answer.json()["id"]) == (200, world.owner.public_id)
    assert "attachment" in answer["Content-Disposition"]
    assert Client().post("/accounts/archive/")["Location"] == "/accounts/login/"


def test_the_form_says_what_goes_where(world: World, signed_in: SignIn) -> None:
    page = signed_in(world.admin).get("/accounts_privacy/notice/add/").content.decode()
    for said in ("Which text this is a version of", "Each is published once", "an empty line begins a new paragraph"):
        assert said in page
