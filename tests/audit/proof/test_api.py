"""Proofs over HTTP, checked with nothing but the published key and the two RFCs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from rest_framework.test import APIClient

from audit.models import Checkpoint, Event
from audit.proof.merkle import verify_consistency, verify_inclusion
from audit.proof.notes import CheckpointText
from temps.lib.signing import Verifier
from tests.audit.proof.made import seal, write
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.promise("L-04")]
Api = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def log(data_dir: Path, world: World) -> None:
    for count in (3, 5):
        write(count)
        seal()


def published(api: Api) -> Verifier:
    answer = api().get("/api/v1/audit/key/")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    key = Verifier.parse(told["keys"][0]["verifier_key"])
    assert (key.name, key.id.hex()) == (told["origin"], told["keys"][0]["id"])
    assert Verifier.parse_pem(told["keys"][0]["pem"], told["origin"]) == key
    return key


def raw(text: str) -> bytes:
    return base64.b64decode(text)


def test_an_outsider_checks_that_an_entry_is_in_the_log(api: Api, world: World) -> None:
    event = Event.objects.get(position=4)
    proof = api(world.admin).get(f"/api/v1/audit/events/{event.public_id}/proof/").json()
    signed = CheckpointText.opened(proof["checkpoint"], [published(api)])
    leaf = sha256(b"\x00" + rfc8785.dumps(proof["entry"])).digest()
    assert leaf == raw(proof["leaf"])
    assert verify_inclusion(leaf, proof["position"], signed.size, [raw(step) for step in proof["path"]], signed.root)


def test_an_outsider_checks_that_the_log_only_grew(api: Api, world: World) -> None:
    admin, key = api(world.admin), published(api)
    notes = [one["note"] for one in admin.get("/api/v1/audit/checkpoints/").json()["results"]]
    newer, older = (CheckpointText.opened(note, [key]) for note in notes)
    proof = admin.get(f"/api/v1/audit/consistency/?first={older.size}&second={newer.size}").json()
    path = [raw(step) for step in proof["path"]]
    assert verify_consistency(older.size, newer.size, path, older.root, newer.root)
    assert not verify_consistency(older.size, newer.size, path, newer.root, older.root)


def test_an_entry_that_waits_has_no_proof_yet(api: Api, world: World) -> None:
    (event,) = write()
    answer = api(world.admin).get(f"/api/v1/audit/events/{event.public_id}/proof/")
    assert (answer.status_code, "not sealed yet" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    "query", ["", "first=1", "first=0&second=3", "first=5&second=3", "first=1&second=99999", "first=a&second=2"]
)
def test_sizes_that_cannot_be_proven_are_refused(api: Api, world: World, query: str) -> None:
    assert api(world.admin).get(f"/api/v1/audit/consistency/?{query}").status_code == 400


def test_a_proof_shows_nothing_that_one_may_not_see(api: Api, world: World) -> None:
    event = Event.objects.get(position=4)
    assert api(world.owner).get(f"/api/v1/audit/events/{event.public_id}/proof/").status_code == 404
    assert api(world.viewer).get("/api/v1/audit/checkpoints/").status_code == 403
    assert api().get("/api/v1/audit/checkpoints/").status_code == 401


def test_before_anything_is_sealed_there_is_no_key(api: Api, world: World) -> None:
    from audit.models import SigningKey, Tree

    for model in (Checkpoint, SigningKey, Tree):
        model.objects.all().delete()
    assert api().get("/api/v1/audit/key/").json() == {"origin": "", "keys": []}
