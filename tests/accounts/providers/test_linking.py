"""Accounts elsewhere that people link and unlink."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.group_roles.services import set_group_role
from accounts.models import User
from accounts.providers.linking import link_account, unlink_account
from accounts.providers.models import IdentityProvider
from accounts.providers.proof import Proven
from accounts.providers.services import delete_provider, set_enabled
from rbac.models import Grant
from rbac.step_up import RECENT, StepUpRequired
from temps.lib import clock
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, NotFound
from tests.accounts.events import entries
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import Elsewhere
from tests.accounts.providers.flow import LINKED, back, carried, is_signed_in, link, sign_in
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]

ONE = Proven("subject-1", "one@corp.example", True, "One")


def go_linking(client: Client, there: Elsewhere) -> Any:
    state = carried(client.post(f"{LINKED}corp/link/"), there)["state"]
    return back(client, state)


def page(client: Client) -> str:
    return str(client.get(LINKED).content.decode())


def test_an_account_is_linked_and_signs_in_from_then_on(
    signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    client = signed_in(world.owner)
    assert "Not linked." in page(client)
    assert go_linking(client, there)["Location"] == LINKED
    assert "subject-1@corp.example" in page(client)
    assert entries("ACCOUNT_LINK")[0]["userEmail"] == world.owner.email
    other = Client()
    sign_in(other, there)
    assert other.get("/accounts/login/code/").status_code == 200


def test_unlinked_it_leads_nowhere(signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    link(world.owner, corp)
    client = signed_in(world.owner)
    client.post(f"{LINKED}corp/unlink/")
    assert "Not linked." in page(client)
    assert entries("ACCOUNT_UNLINK")[0]["userEmail"] == world.owner.email
    assert sign_in(Client(), there).status_code == 403


@pytest.mark.promise("A-06")
@pytest.mark.parametrize("verb", ["link", "unlink"])
def test_it_asks_again_who_is_there(signed_in: Any, world: World, corp: IdentityProvider, verb: str) -> None:
    link(world.owner, corp)
    client = signed_in(world.owner)
    with time_machine.travel(clock.now() + RECENT, tick=False):
        assert client.post(f"{LINKED}corp/{verb}/")["Location"].startswith("/accounts/confirm/")
    assert SocialAccount.objects.count() == 1


@pytest.mark.promise("A-06")
def test_nor_does_it_link_what_comes_back_too_late(
    signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    with pytest.raises(StepUpRequired), time_machine.travel(clock.now() + RECENT, tick=False):
        link_account(world.owner, corp, ONE, actor=_stale(world.owner))
    assert not SocialAccount.objects.exists()


def _stale(user: User) -> Any:
    with time_machine.travel(clock.now() - RECENT, tick=False):
        return acting(user)


def test_what_is_somebody_else_s_is_not_taken(
    signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, corp)
    client = signed_in(world.owner)
    go_linking(client, there)
    assert "is linked with another account here" in page(client)
    assert SocialAccount.objects.get().user == world.member


def test_one_account_at_each_provider(signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    client = signed_in(world.owner)
    go_linking(client, there)
    go_linking(client, there)  # the same again is no error
    go_linking(client, there.proves("subject-2"))
    assert "another account at Corp is linked already" in page(client).replace("Another", "another")
    assert SocialAccount.objects.get().uid == "subject-1"


@pytest.mark.parametrize("kind", [CredentialKind.API_KEY, CredentialKind.JWT, CredentialKind.LOCAL])
def test_no_program_links_or_unlinks(world: World, corp: IdentityProvider, kind: CredentialKind) -> None:
    actor = acting(world.owner, Credential(kind))
    with pytest.raises(Denied):
        link_account(world.owner, corp, ONE, actor=actor)
    with pytest.raises(Denied):
        unlink_account(world.owner, "corp", actor=actor)


def test_nobody_links_for_somebody_else(world: World, corp: IdentityProvider) -> None:
    link(world.owner, corp, "of-the-owner")
    with pytest.raises(Denied):
        link_account(world.member, corp, ONE, actor=acting(world.admin))
    with pytest.raises(Denied):
        unlink_account(world.owner, "corp", actor=acting(world.admin))


def test_the_only_way_in_stays(world: World, corp: IdentityProvider, there: Elsewhere) -> None:
    link(world.owner, corp)
    world.owner.set_unusable_password()
    world.owner.save()
    with pytest.raises(Conflict, match="only way in"):
        unlink_account(world.owner, "corp", actor=acting(world.owner))
    other = made.provider(world, there.url, "other")
    link(world.owner, other)
    set_enabled(other, False, actor=world.operator)
    with pytest.raises(Conflict, match="only way in"):
        unlink_account(world.owner, "corp", actor=acting(world.owner))
    set_enabled(other, True, actor=world.operator)
    unlink_account(world.owner, "corp", actor=acting(world.owner))
    assert SocialAccount.objects.get().provider == other.public_id


@pytest.mark.parametrize("slug", ["corp", "nothing-such"])
def test_what_is_not_linked_is_not_unlinked(world: World, corp: IdentityProvider, slug: str) -> None:
    with pytest.raises(NotFound):
        unlink_account(world.owner, slug, actor=acting(world.owner))


@pytest.mark.promise("A-16")
@pytest.mark.parametrize("how", ["unlinked", "removed"])
def test_roles_of_its_groups_go_with_the_link(client: Client, world: World, there: Elsewhere, how: str) -> None:
    corp = made.provider(world, there.url, groups_claim="groups")
    link(world.nobody, corp)
    set_group_role("provider:corp", "platform", "developer", actor=world.operator)
    sign_in(client, there.proves("subject-1", groups=["platform"]))
    grants = Grant.objects.filter(user=world.nobody)
    assert [grant.role for grant in grants] == ["developer"]
    if how == "unlinked":
        unlink_account(world.nobody, "corp", actor=acting(world.nobody))
    else:
        delete_provider(corp, actor=world.operator)
    assert not grants.all().exists()
    assert not SocialAccount.objects.exists()


def test_a_provider_that_is_off_leads_nowhere_and_keeps_its_links(
    client: Client, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    link(world.member, corp)
    set_enabled(corp, False, actor=world.operator)
    assert client.post("/accounts/providers/corp/login/").status_code == 404
    assert client.get("/accounts/providers/corp/callback/").status_code == 404
    assert "Sign in with Corp" not in client.get("/accounts/login/").content.decode()
    set_enabled(corp, True, actor=world.operator)
    sign_in(client, there)
    assert is_signed_in(client)


def test_linking_that_fails_says_that_one_is_still_signed_in(
    signed_in: Any, world: World, corp: IdentityProvider, there: Elsewhere
) -> None:
    client = signed_in(world.owner)
    state = carried(client.post(f"{LINKED}corp/link/"), there)["state"]
    there.nonce = "another"
    for answer in (back(client, state), back(client, "nothing")):
        said = answer.content.decode()
        assert "<title>Not linked" in said
        assert "you are still signed in" in said.lower()
    assert "Not linked." in page(client)
