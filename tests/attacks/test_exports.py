"""Exports, and links to them, in the hands of someone who should not have them; and of whoever can write to the
database, and to nothing else of the machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.signing import TimestampSigner
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import set_active
from audit.actions import Action
from audit.exporting import links
from audit.exporting.exports import KEEP, continue_exports, file_of, open_export, request_export, run_export
from audit.models import Event, Export
from rbac.models import Grant
from temps.lib import clock, ids
from temps.lib.actor import Actor, Credential, CredentialKind
from temps.lib.errors import Unavailable
from tests.world import World, acting

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-06")]
Api = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """Files of exports end up in a directory of the test's own."""


def made(user: User, file_format: str = "csv") -> Export:
    today = datetime.now(UTC).date()
    asked = request_export(today, today, actor=acting(user), file_format=file_format)
    done = run_export(asked.public_id, actor=Actor.system("audit.export"))
    assert done is not None
    return done


def shown(api: Api, user: User, export: Export, credential: Credential | None = None) -> dict[str, Any]:
    found: dict[str, Any] = api(user, credential).get(f"/api/v1/audit/exports/{export.public_id}/").json()
    return found


def fetched(link: str, client: Client | None = None) -> Any:
    parts = urlsplit(link)
    return (client or Client()).get(f"{parts.path}?{parts.query}")


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_a_link_gives_each_file_without_a_session(world: World, api: Api) -> None:
    told = shown(api, world.admin, made(world.admin))
    file, proof = fetched(told["download"]), fetched(told["proof"])
    assert body(file).startswith(b'"timestamp","userId"')
    assert body(proof).startswith(b'{"format":"temps-audit-proof/2"')
    assert (file["Content-Type"], proof["Content-Type"], file["Cache-Control"]) == (
        "text/csv",
        "application/json",
        "no-store",
    )


def test_its_use_is_recorded_as_the_requester_s_and_without_the_token(world: World, api: Api) -> None:
    export = made(world.admin)
    link = shown(api, world.admin, export)["download"]
    fetched(link)
    event = Event.objects.get(operation=Action.AUDIT_DOWNLOAD)
    assert (event.user_email, event.resource_id) == (world.admin.email, export.public_id)
    assert (event.metadata["credential"], event.ip_address) == ("link", "127.0.0.1")
    assert token_of(link) not in str(event.as_entry())


def test_the_token_never_reaches_a_log(world: World, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    link = shown(api, world.admin, made(world.admin))["download"]
    with caplog.at_level(logging.DEBUG):
        fetched(link)
        fetched(link + "x")
    assert token_of(link) not in caplog.text


def test_a_link_has_ten_minutes(world: World, api: Api) -> None:
    link = shown(api, world.admin, made(world.admin))["download"]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=9, seconds=50)):
        assert fetched(link).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=10)):
        assert fetched(link).status_code == 404


def forged(token: str, how: str, other: str) -> str:
    signer = TimestampSigner(salt=links.SALT)
    return {
        "cut": token[:-1],
        "changed": token[:5] + ("A" if token[5] != "A" else "B") + token[6:],
        "empty": "",
        "long": token * 50,
        "nonsense": "::::",
        "not base64": signer.sign("\xff\xfe"),
        "no list": signer.sign_object({"a": 1}),
        "another secret": TimestampSigner(key="k" * 50, salt=links.SALT).sign_object(["a", "file", "b"]),
        "another purpose": TimestampSigner(salt="other").sign_object(signer.unsign_object(token)),
        "another file": signer.sign_object([*signer.unsign_object(token)[:1], "../keys", "x"]),
        "another export": other,
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        *("cut", "changed", "empty", "long", "nonsense", "not base64", "no list", "another secret", "another purpose"),
        *("another file", "another export"),
    ],
)
def test_a_token_that_is_not_the_link_s_leads_nowhere(world: World, api: Api, how: str) -> None:
    first, second = made(world.admin), made(world.admin)
    other = token_of(shown(api, world.admin, second)["download"])
    token = forged(token_of(shown(api, world.admin, first)["download"]), how, other)
    answer = Client().get(f"/api/v1/audit/exports/{first.public_id}/file/", {"token": token})
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "this link leads nowhere: it is not whole, or has had its time",
    )
    assert not Event.objects.filter(operation=Action.AUDIT_DOWNLOAD).exists()


def test_a_session_does_not_replace_the_token(world: World, signed_in: Callable[[User], Client]) -> None:
    export = made(world.admin)
    assert signed_in(world.admin).get(f"/api/v1/audit/exports/{export.public_id}/file/").status_code == 404


def disabled(world: World) -> None:
    Grant.objects.filter(user=world.developer).update(role="admin")  # the last administrator cannot be disabled
    set_active(world.admin, False, actor=world.operator)


def demoted(world: World) -> None:
    Grant.objects.filter(user=world.admin).update(role="viewer")


@pytest.mark.parametrize("since", [disabled, demoted])
def test_a_link_is_worth_what_its_requester_may_do_now(world: World, api: Api, since: Callable[[World], None]) -> None:
    link = shown(api, world.admin, made(world.admin))["download"]
    since(world)
    assert fetched(link).status_code == 403
    assert not Event.objects.filter(operation=Action.AUDIT_DOWNLOAD).exists()
    assert Event.objects.filter(operation=Action.PERMISSION_CHECK, user_email=world.admin.email).exists()


def test_a_link_dies_with_the_account(world: World, api: Api) -> None:
    export = made(world.admin)
    token = TimestampSigner(salt=links.SALT).sign_object([export.public_id, "file", "usr_gone"])
    assert Client().get(f"/api/v1/audit/exports/{export.public_id}/file/", {"token": token}).status_code == 404


def test_a_key_that_may_not_read_the_log_is_lent_nothing_by_a_link(world: World, api: Api) -> None:
    export = made(world.admin)
    narrow = Credential(CredentialKind.API_KEY, id="key_1", scopes=frozenset({"audit:export"}))
    told = shown(api, world.admin, export, narrow)
    assert (told["state"], told["download"], told["proof"]) == ("done", None, None)


def test_json_has_one_link_since_it_holds_its_proof(world: World, api: Api) -> None:
    export = made(world.admin, "json")
    told = shown(api, world.admin, export)
    assert (told["proof"], told["download"] is None) == (None, False)
    where = f"/api/v1/audit/exports/{export.public_id}/download/"
    assert api(world.admin).get(where, {"part": "proof"}).status_code == 404
    assert api(world.admin).get(where, {"part": "../keys"}).status_code == 400


SOMEWHERE = ids.new("exp")
NOT_OURS = {
    "a directory": ("../precious/", ""),
    "the file itself": ("../precious", ""),
    "an absolute path": ("/etc/passwd", "json"),
    "by the format": (SOMEWHERE, "/../x/"),
    "no format of ours": (SOMEWHERE, "xml"),
    "a line more": ("exp_aaaaaaaaaaaaaaaaaaaa\n", "json"),
    "another object": (ids.new("evt"), "json"),
    "nothing": ("", "json"),
}


def put_in(public_id: str, file_format: str, state: str, requester: str = "operator") -> Export:
    """A row as somebody writes it who has nothing but the database."""
    old = clock.now() - KEEP - timedelta(days=1)
    return Export.objects.create(
        public_id=public_id,
        format=file_format,
        state=state,
        requested_by=requester,
        start_date=date(2024, 1, 1),
        end_date=date(2024, 1, 1),
        created_at=old,
        finished_at=old,
    )


def files_in(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def kept(data_dir: Path) -> dict[Path, bytes]:
    """Files that are no exports, where rows of exports may point."""
    (data_dir / "exports").mkdir()
    for name in ("precious", "x"):
        (data_dir / name).write_text("as the keyring")
    return files_in(data_dir)


@pytest.mark.parametrize("state", ["done", "pending"])
@pytest.mark.parametrize("row", NOT_OURS)
def test_a_row_that_is_not_ours_removes_and_writes_no_file(
    row: str, state: str, data_dir: Path, kept: dict[Path, bytes]
) -> None:
    export = put_in(*NOT_OURS[row], state)
    continue_exports(actor=Actor.system("audit.export"))
    assert files_in(data_dir).items() >= kept.items()
    assert not list((data_dir / "exports").iterdir())
    assert Export.objects.get(pk=export.pk).state == {"done": "expired", "pending": "failed"}[state]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("row", NOT_OURS)
def test_a_row_that_is_not_ours_gives_no_file_to_read(row: str) -> None:
    public_id, file_format = NOT_OURS[row]
    put_in(public_id, file_format, "done")
    for proof in (False, True):
        with pytest.raises(Unavailable, match="no file"):
            open_export(public_id, actor=Actor.operator(), proof=proof)
    assert not Event.objects.filter(operation=Action.AUDIT_DOWNLOAD).exists()


@pytest.mark.usefixtures("kept")
def test_a_link_in_the_directory_of_exports_leads_nowhere_else(data_dir: Path) -> None:
    export = put_in(SOMEWHERE, "json", "done")
    (data_dir / "exports" / f"{SOMEWHERE}.json").symlink_to(data_dir / "precious")
    with pytest.raises(Unavailable, match="no file"):
        file_of(export)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("row", NOT_OURS)
def test_a_row_that_is_not_ours_does_not_hide_the_others(
    world: World, api: Api, signed_in: Callable[[User], Client], row: str
) -> None:
    forged, mine = put_in(*NOT_OURS[row], "done", world.admin.public_id), made(world.admin)
    shown = {one["id"]: one["download"] for one in api(world.admin).get("/api/v1/audit/exports/").json()["results"]}
    assert shown[forged.public_id] is None
    assert shown[mine.public_id] is not None
    console = signed_in(world.admin)
    assert mine.public_id in console.get(reverse("admin:audit_export_changelist")).content.decode()
    page = console.get(reverse("admin:audit_export_change", args=[forged.pk])).content.decode()
    assert "did not write this row" in page


def test_an_export_that_was_written_elsewhere_offers_no_link(api: Any, world: World, tmp_path: Path) -> None:
    export = made(world.admin)
    file_of(export).rename(tmp_path / "elsewhere")
    told = shown(api, world.admin, export)
    assert (told["state"], told["download"], told["proof"]) == ("done", None, None)
