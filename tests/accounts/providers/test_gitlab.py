"""GitLab: what is asked of it, and how its answers are taken."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.group_roles.services import set_group_role
from accounts.models import User
from rbac.models import Grant
from tests.accounts.providers import made
from tests.accounts.providers.elsewhere import Elsewhere
from tests.accounts.providers.flow import begin, is_signed_in, link, sign_in
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-03")]


@pytest.fixture
def there(there: Elsewhere) -> Elsewhere:
    return there.speaks_gitlab()


def test_the_number_of_the_account_is_who_it_is(client: Client, world: World, there: Elsewhere) -> None:
    link(world.member, made.provider(world, there.url, "gitlab", "gitlab"), "42")
    assert begin(client, "gitlab")["scope"] == "read_user"
    assert sign_in(client, there, "gitlab").status_code == 302
    assert is_signed_in(client)


def test_the_token_stands_in_no_address(client: Client, world: World, there: Elsewhere) -> None:
    made.provider(world, there.url, "gitlab", "gitlab")
    sign_in(client, there, "gitlab")
    asked = there.asked_for("/api/v4/user")
    assert (asked.headers["authorization"], asked.query) == ("Bearer glpat_1", {})


@pytest.mark.parametrize("confirmed", [None, "", False])
def test_an_address_that_was_not_confirmed_makes_no_account(
    client: Client, world: World, there: Elsewhere, confirmed: Any
) -> None:
    made.makes_accounts(world, there.url, slug="gitlab", kind="gitlab")
    assert sign_in(client, there.speaks_gitlab(confirmed_at=confirmed), "gitlab").status_code == 403
    assert not User.objects.filter(email="dev@corp.example").exists()


@pytest.mark.promise("A-16")
def test_groups_become_roles_and_a_group_left_is_a_role_lost(client: Client, world: World, there: Elsewhere) -> None:
    made.makes_accounts(world, there.url, slug="gitlab", kind="gitlab", groups_claim="groups")
    set_group_role("provider:gitlab", "corp/platform", "developer", actor=world.operator)
    assert set(begin(client, "gitlab")["scope"].split()) == {"read_user", "openid"}
    sign_in(client, there, "gitlab")
    grants = Grant.objects.filter(user__email="dev@corp.example")
    assert [grant.role for grant in grants] == ["developer"]
    there.replies["/oauth/userinfo"] = {"sub": "42"}
    sign_in(Client(), there, "gitlab")
    assert not grants.all().exists()


@pytest.mark.promise("A-16")
@pytest.mark.parametrize(
    "said", [{"sub": "43", "groups": ["corp"]}, {"groups": ["corp"]}, {"sub": "42", "groups": "corp"}, ["corp"]]
)
def test_groups_of_somebody_else_or_none_at_all_are_refused(
    client: Client, world: World, there: Elsewhere, said: Any
) -> None:
    link(world.member, made.provider(world, there.url, "gitlab", "gitlab", groups_claim="groups"), "42")
    there.replies["/oauth/userinfo"] = said
    assert sign_in(client, there, "gitlab").status_code == 403
    assert not is_signed_in(client)
