from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from secrets_vault import reading
from secrets_vault.services import set_variable, unset_variable
from temps.lib.errors import KeyUnavailable
from tests.world import World

SHOP = "/api/v1/projects/shop/variables/"
BUNDLE = "/api/v1/projects/shop/bundle/"
SignIn = Callable[[User], Client]


@pytest.fixture
def owner(world: World, signed_in: SignIn) -> Client:
    return signed_in(world.owner)


def send(client: Client, method: str, url: str, data: Any = None) -> Any:
    return getattr(client, method)(url, data, content_type="application/json")


@pytest.mark.promise("S-05", "S-07")
def test_setting_a_variable_says_whether_it_is_new_and_never_shows_a_secret(world: World, owner: Client) -> None:
    first = send(owner, "post", f"{SHOP}?environment=production", {"key": "A", "value": "hunter2", "encrypted": True})
    assert first.status_code == 201
    assert {k: first.json()[k] for k in ("key", "value", "environment", "encrypted", "version", "changed_by")} == {
        "key": "A",
        "value": None,
        "environment": "production",
        "encrypted": True,
        "version": 1,
        "changed_by": "owner@example.com",
    }
    again = send(owner, "put", f"{SHOP}A/?environment=production", {"value": " hunter3\n", "reason": "rotation"})
    assert (again.status_code, again.json()["version"], again.json()["encrypted"]) == (200, 2, True)
    assert reading.resolve(world.project, world.production, actor=world.operator) == {"A": " hunter3\n"}


def test_the_list_is_what_holds_in_the_environment(world: World, owner: Client) -> None:
    set_variable(world.project, "A", "hunter2", encrypted=True, actor=world.operator)
    set_variable(world.project, "B", "base", actor=world.operator)
    set_variable(world.project, "B", "here", environment=world.production, actor=world.operator)
    answer = owner.get(SHOP, {"environment": "production"})
    assert [(row["key"], row["value"], row["environment"]) for row in answer.json()["results"]] == [
        ("B", "here", "production"),
        ("A", None, None),
    ]
    assert b"hunter2" not in answer.content


def test_the_list_is_read_page_by_page(world: World, owner: Client) -> None:
    for number in range(5):
        set_variable(world.project, f"K{number}", "1", actor=world.operator)
    url, keys = f"{SHOP}?limit=2", []
    while url:
        page = owner.get(url).json()
        keys += [row["key"] for row in page["results"]]
        url = page["next"]
    assert keys == ["K4", "K3", "K2", "K1", "K0"]


@pytest.mark.promise("S-06")
def test_a_variable_tells_its_history_without_secrets_also_when_it_is_gone(world: World, owner: Client) -> None:
    set_variable(world.project, "A", "hunter2", encrypted=True, actor=world.operator)
    assert owner.delete(f"{SHOP}A/").status_code == 204
    answer = owner.get(f"{SHOP}A/")
    body = answer.json()
    assert (body["is_set"], body["value"], [one["kind"] for one in body["versions"]]) == (
        False,
        None,
        ["unset", "secret"],
    )
    assert b"hunter2" not in answer.content
    assert owner.delete(f"{SHOP}A/").status_code == 404


@pytest.mark.promise("S-08")
def test_a_dotenv_text_is_imported_or_refused_as_a_whole(world: World, owner: Client) -> None:
    set_variable(world.project, "A", "0", actor=world.operator)
    bad = send(owner, "post", f"{SHOP}import/", {"text": "A=1\nhunter2"})
    assert (bad.status_code, bad.json()["detail"]) == (400, "line 2: this is not KEY=value")
    good = send(owner, "post", f"{SHOP}import/", {"text": "A=1\nB=' 2 '\n", "encrypted": True})
    assert good.json() == {"created": ["B"], "changed": ["A"]}
    assert reading.resolve(world.project, None, actor=world.operator) == {"A": "1", "B": " 2 "}


def test_a_variable_may_be_called_import(world: World, owner: Client) -> None:
    assert send(owner, "put", f"{SHOP}import/", {"value": "1"}).status_code == 201
    assert owner.get(f"{SHOP}import/").json()["value"] == "1"
    assert owner.delete(f"{SHOP}import/").status_code == 204


@pytest.mark.promise("S-07")
def test_a_secret_is_revealed_by_a_post_that_no_cache_keeps(world: World, owner: Client) -> None:
    set_variable(world.project, "A", "hunter2", encrypted=True, actor=world.operator)
    answer = send(owner, "post", f"{SHOP}A/reveal/?environment=production")
    assert answer.json() == {"key": "A", "value": "hunter2", "version": 1}
    assert answer["Cache-Control"] == "no-store"
    assert owner.get(f"{SHOP}A/reveal/").status_code == 405


@pytest.mark.promise("S-09")
def test_the_bundle_is_all_that_a_process_needs(world: World, owner: Client) -> None:
    set_variable(world.project, "A", "1", encrypted=True, actor=world.operator)
    answer = owner.get(BUNDLE, {"environment": "staging"})
    assert answer.json() == {"project": "shop", "environment": "staging", "variables": {"A": "1"}}
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"key": "A-B", "value": "hunter2"}, "key"),
        ({"key": "A"}, "value"),
        ({"key": "A", "value": "x" * 65_537}, "value"),
        ({"key": "A", "value": "é" * 65_000}, "value"),
        ({"key": "A", "value": "hunter2\0"}, "value"),
        ({"key": "A", "value": ["hunter2"]}, "value"),
        ({"key": "A", "value": "hunter2", "encrypted": "perhaps"}, "encrypted"),
        ({"key": "A", "value": "hunter2", "reason": "x" * 201}, "reason"),
    ],
)
def test_what_is_wrong_is_named_and_the_value_not_shown(
    world: World, owner: Client, data: dict[str, Any], field: str
) -> None:
    answer = send(owner, "post", SHOP, data)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert b"hunter2" not in answer.content
    assert reading.resolve(world.project, None, actor=world.operator) == {}


@pytest.mark.promise("R-03", "R-05")
@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("get", SHOP, {"owner", "member", "viewer", "developer", "platform_viewer"}),
        ("post", SHOP, {"owner", "developer"}),
        ("get", f"{SHOP}A/", {"owner", "member", "viewer", "developer", "platform_viewer"}),
        ("put", f"{SHOP}A/", {"owner", "developer"}),
        ("delete", f"{SHOP}A/", {"owner"}),
        ("post", f"{SHOP}A/reveal/", {"owner", "developer"}),
        ("post", f"{SHOP}import/", {"owner", "developer"}),
        ("get", BUNDLE, {"owner", "developer"}),
    ],
)
def test_each_route_opens_to_its_roles(
    world: World, signed_in: SignIn, method: str, url: str, allowed: set[str]
) -> None:
    set_variable(world.project, "A", "1", encrypted=True, actor=world.operator)
    body = {"key": "A", "value": "2", "text": "A=2"}
    for name in ("nobody", "outsider", "viewer", "platform_viewer", "member", "developer", "owner"):
        answer = send(signed_in(getattr(world, name)), method, url, body if method in ("post", "put") else None)
        expected = {200, 201, 204} if name in allowed else {404} if name == "outsider" else {403}
        assert answer.status_code in expected, name
    assert Client().get(url).status_code == 401


def test_an_environment_that_does_not_exist_is_not_found(world: World, owner: Client) -> None:
    for url in (SHOP, BUNDLE, f"{SHOP}A/"):
        assert owner.get(url, {"environment": "nope"}).status_code == 404


@pytest.mark.promise("S-02")
def test_a_missing_keyring_is_a_problem_that_names_no_file_of_the_machine(
    data_dir: Path, world: World, owner: Client
) -> None:
    set_variable(world.project, "A", "1", encrypted=True, actor=world.operator)
    (data_dir / "encryption_key").unlink()
    for answer in (owner.get(BUNDLE), send(owner, "put", f"{SHOP}A/", {"value": "2"})):
        assert (answer.status_code, answer.json()["code"]) == (503, "key_unavailable")
        assert "encryption key that this data needs is missing" in answer.json()["detail"]
        assert str(data_dir) not in answer.content.decode()
    with pytest.raises(KeyUnavailable):  # nothing can be recorded without the keyring, so nothing changes
        unset_variable(world.project, "A", actor=world.operator)


def test_the_schema_describes_every_route(world: World, owner: Client) -> None:
    from drf_spectacular.generators import SchemaGenerator

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    ours = {path.removeprefix("/api/v1/projects/{slug}"): set(paths[path]) for path in paths if "{slug}/" in path}
    assert ours["/variables/"] == {"get", "post"}
    assert ours["/variables/import/"] == {"post"}
    assert ours["/variables/{key}/"] == {"get", "put", "delete"}
    assert ours["/variables/{key}/reveal/"] == {"post"}
    assert ours["/bundle/"] == {"get"}
