"""What someone with a session tries in the console beyond the screens it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.models import User
from audit.reading import visible_events
from rbac.models import Grant
from rbac.services import assign_role
from secrets_vault.services import set_variable
from tests.world import World, acting

SignedIn = Callable[[User], Client]


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("lookup", ["password__startswith=argon2", "password__regex=.", "totp_devices__secret__gt=a"])
def test_no_list_answers_questions_about_password_hashes(signed_in: SignedIn, world: World, lookup: str) -> None:
    assert signed_in(world.admin).get(f"/accounts/user/?{lookup}").status_code == 400


@pytest.mark.promise("A-08")
def test_no_list_answers_questions_about_the_hashes_of_keys(signed_in: SignedIn, world: World) -> None:
    create_api_key("ci", owner=world.admin, actor=acting(world.admin))
    client = signed_in(world.developer)  # who may read everyone's keys
    assert client.get("/accounts/apikey/?secret_hash__startswith=$argon2").status_code == 400
    assert client.get("/accounts/apikey/?owner__password__startswith=argon2").status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        *("accounts/user/?kind__exact=person", "accounts/user/?is_active__exact=1", "rbac/grant/?role=owner"),
        *("secrets_vault/variable/?env=-&is_secret__exact=1", "audit/event/?user=operator&result=success"),
        *("audit/event/?project=shop", "certificates/domain/?tls__exact=auto", "firewall/iprule/?family__exact=4"),
    ],
)
def test_the_filters_that_are_shown_filter(signed_in: SignedIn, world: World, address: str) -> None:
    assert signed_in(world.admin).get(f"/{address}").status_code == 200


@pytest.mark.promise("R-05")
@pytest.mark.parametrize(
    "query", ["?_popup=1", "?_popup=1&_to_field=id", "?project__id__exact={other}", "?_facets=True"]
)
def test_no_list_shows_the_variables_of_another_project(signed_in: SignedIn, world: World, query: str) -> None:
    set_variable(world.other, "ELSEWHERE", "1", actor=world.operator)
    set_variable(world.project, "HERE", "1", actor=world.operator)
    page = signed_in(world.viewer).get("/secrets_vault/variable/" + query.format(other=world.other.pk)).content.decode()
    assert "ELSEWHERE" not in page
    assert ">other<" not in page.lower()


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_another_projects_objects_answer_as_if_they_did_not_exist(signed_in: SignedIn, world: World, page: str) -> None:
    theirs = set_variable(world.other, "ELSEWHERE", "1", actor=world.operator).version.variable
    client = signed_in(world.owner)
    for there, absent in (
        (f"/secrets_vault/variable/{theirs.pk}/{page}/", f"/secrets_vault/variable/999999/{page}/"),
        (f"/projects/project/{world.other.pk}/{page}/", f"/projects/project/999999/{page}/"),
    ):
        assert _seen(client.get(there)) == _seen(client.get(absent))


@pytest.mark.promise("R-05")
def test_the_shortcut_to_objects_tells_nothing_of_their_existence(signed_in: SignedIn, world: World) -> None:
    client, kind = signed_in(world.viewer), ContentType.objects.get_for_model(User).pk
    assert _seen(client.get(f"/r/{kind}/{world.admin.pk}/")) == _seen(client.get(f"/r/{kind}/999999/"))


@pytest.mark.promise("R-05")
@pytest.mark.parametrize(
    ("model", "field", "found"), [("rbac.grant", "project", b"shop"), ("secrets_vault.variable", "project", b"shop")]
)
def test_suggestions_name_what_one_sees_and_nothing_else(
    signed_in: SignedIn, world: World, model: str, field: str, found: bytes
) -> None:
    app, name = model.split(".")
    answer = signed_in(world.viewer).get(f"/autocomplete/?app_label={app}&model_name={name}&field_name={field}&term=")
    assert found in answer.content
    assert b"other" not in answer.content


@pytest.mark.promise("R-05")
def test_an_action_reaches_no_object_of_another_project(signed_in: SignedIn, world: World) -> None:
    theirs = set_variable(world.other, "ELSEWHERE", "1", actor=world.operator).version.variable
    form = {"action": "delete_selected", "_selected_action": [theirs.pk], "post": "yes"}
    signed_in(world.owner).post("/secrets_vault/variable/", form)
    theirs.refresh_from_db()
    assert theirs.version == 1


@pytest.mark.promise("R-07")
def test_the_last_owner_cannot_be_selected_away(signed_in: SignedIn, world: World) -> None:
    mine, members = (Grant.objects.get(user=user) for user in (world.owner, world.member))
    form = {"action": "delete_selected", "_selected_action": [members.pk, mine.pk], "post": "yes"}
    page = signed_in(world.owner).post("/rbac/grant/", form, follow=True)
    assert "is the last owner of shop" in page.content.decode()
    assert world.project.grants.count() == 3


@pytest.mark.promise("L-01")
def test_an_action_that_is_refused_is_recorded_as_a_refusal(signed_in: SignedIn, world: World) -> None:
    assign_role(world.owner, "viewer", project=world.other, actor=world.operator)
    theirs = set_variable(world.other, "ELSEWHERE", "1", actor=world.operator).version.variable
    form = {"action": "delete_selected", "_selected_action": [theirs.pk], "post": "yes"}
    assert signed_in(world.owner).post("/secrets_vault/variable/", form).status_code == 403
    assert visible_events(world.operator).filter(result="denied", project="other").count() == 1


@pytest.mark.promise("R-05")
@pytest.mark.parametrize("chosen", ["project", "environment"])
def test_a_form_takes_no_project_that_it_did_not_offer(signed_in: SignedIn, world: World, chosen: str) -> None:
    there = {"project": world.other.pk, "environment": world.other.environments.get(slug="production").pk}
    form = {"project": world.project.pk, "key": "A", "value": "1", "reason": "", chosen: there[chosen]}
    answer = signed_in(world.owner).post("/secrets_vault/variable/add/", form)
    assert answer.status_code == 200
    assert not world.other.variables.exists()


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("chosen", ["abc", "", "-1", "9" * 40, "\0"])
def test_a_selection_that_was_made_up_is_a_mistake_of_the_sender(
    signed_in: SignedIn, world: World, chosen: str
) -> None:
    form = {"action": "delete_selected", "_selected_action": [chosen], "post": "yes"}
    assert signed_in(world.owner).post("/rbac/grant/", form).status_code == 400


@pytest.mark.promise("O-10")
@pytest.mark.parametrize("page", ["abc", "99", "-1", "9" * 5000])
def test_a_page_of_a_search_that_was_made_up_is_not_found(signed_in: SignedIn, world: World, page: str) -> None:
    assert signed_in(world.owner).get(f"/search/?s=grants&page={page}").status_code == 404


def _seen(answer: Any) -> tuple[int, str, str, str]:
    """What tells answers apart, without the id of the request, the numbers of the address and tokens."""
    text = re.sub(r"[0-9a-f]{16}|csrfmiddlewaretoken\" value=\"\w+|[0-9]+", "", answer.content.decode())
    told = [re.sub(r"[0-9]+", "", str(one)) for one in get_messages(answer.wsgi_request)]
    return answer.status_code, answer.headers.get("Location", ""), "".join(told[-1:]), text
