"""The API, the console and the commands, down to what they print."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from audit.reading import visible_events
from certificates.models import Certificate, Domain
from tests.certificates.made import Made, server
from tests.pebble import Pebble
from tests.world import World

NAME = "shop.example.com"
SignIn = Callable[[User], Client]


def body(leaf: Made, root: Made) -> dict[str, str]:
    return {"certificate": leaf.pem, "private_key": leaf.key_pem, "chain": root.pem}


# The API


def test_the_api_adds_lists_and_deletes(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.owner)
    wanted = {"name": NAME, "aliases": ["www.example.com"], "project": world.project.slug}
    made = client.post("/api/v1/domains/", wanted, content_type="application/json")
    assert (made.status_code, made.json()["status"], made.json()["certificate"]) == (201, "pending", None)
    assert client.get("/api/v1/domains/?project=shop").json()["results"] == [made.json()]
    assert client.get("/api/v1/domains/?project=other").json()["results"] == []
    assert client.get("/api/v1/domains/?project=%00").status_code == 400
    assert client.delete(f"/api/v1/domains/{NAME}/").status_code == 204
    assert client.get(f"/api/v1/domains/{NAME}/").status_code == 404


def test_a_domain_that_one_may_not_see_is_absent(manual: Domain, world: World, signed_in: SignIn) -> None:
    client = signed_in(world.outsider)
    here = f"/api/v1/domains/{NAME}/"
    answers = [client.get(here), client.delete(here), client.post(here + "renew/"), client.get(here + "certificates/")]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
    assert client.put(here + "certificate/", {}, content_type="application/json").status_code == 404
    taken = client.post("/api/v1/domains/", {"name": NAME, "project": "other"}, content_type="application/json")
    assert (taken.status_code, taken.json()["detail"]) == (409, f"the name {NAME} is in use already")


def test_the_api_asks_for_a_renewal(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.owner)
    client.post("/api/v1/domains/", {"name": NAME, "project": "shop"}, content_type="application/json")
    assert client.post(f"/api/v1/domains/{NAME}/renew/").status_code == 202
    changed = client.patch(f"/api/v1/domains/{NAME}/", {"tls": "manual"}, content_type="application/json")
    assert changed.json()["tls"] == "manual"
    assert client.post(f"/api/v1/domains/{NAME}/renew/").status_code == 409


@pytest.mark.promise("C-06")
def test_the_api_takes_a_key_and_never_gives_it_back(
    manual: Domain, root: Made, world: World, signed_in: SignIn
) -> None:
    client, leaf, here = signed_in(world.owner), server(NAME, issuer=root), f"/api/v1/domains/{NAME}/"
    stored = client.put(here + "certificate/", body(leaf, root), content_type="application/json")
    assert (stored.status_code, stored.json()["status"]) == (200, "valid")
    answers = [stored, client.get(here), client.get(here + "certificates/"), client.get("/api/v1/domains/")]
    assert all(answer.status_code == 200 and "PRIVATE KEY" not in answer.content.decode() for answer in answers)
    assert answers[2].json()["results"][0]["version"] == 1


@pytest.mark.promise("C-04")
def test_the_api_names_the_part_that_it_refuses(manual: Domain, root: Made, world: World, signed_in: SignIn) -> None:
    sent = body(server(NAME, issuer=root), root) | {"private_key": server(NAME).key_pem}
    answer = signed_in(world.owner).put(f"/api/v1/domains/{NAME}/certificate/", sent, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"private_key": ["the private key belongs to another certificate"]}


# The console


def test_the_console_adds_and_shows_a_domain(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.owner)
    form = {"name": NAME, "tls": "auto", "project": world.project.pk, "other_names": "www.example.com\nm.example.com"}
    assert client.post("/certificates/domain/add/", form).status_code == 302
    domain = Domain.objects.get()
    assert domain.names == [NAME, "www.example.com", "m.example.com"]
    page = client.get("/certificates/domain/").content.decode()
    assert NAME in page
    assert "pending" in page
    assert "www.example.com" in client.get(f"/certificates/domain/{domain.pk}/change/").content.decode()


def test_the_console_shows_why_a_name_is_refused(world: World, signed_in: SignIn) -> None:
    form = {"name": "*.example.com", "tls": "auto", "project": world.project.pk, "other_names": ""}
    page = signed_in(world.owner).post("/certificates/domain/add/", form)
    assert page.status_code == 200
    assert "is a wildcard" in page.content.decode()


def test_the_console_asks_for_renewals_by_post(world: World, signed_in: SignIn, sent: list[Any]) -> None:
    client = signed_in(world.owner)
    form = {"name": NAME, "tls": "auto", "project": world.project.pk, "other_names": ""}
    client.post("/certificates/domain/add/", form)
    chosen = {"action": "renew", "_selected_action": [Domain.objects.get().pk]}
    page = client.post("/certificates/domain/", chosen, follow=True).content.decode()
    assert f"A worker gets a new certificate for {NAME}" in page


@pytest.mark.promise("C-04")
def test_the_console_takes_an_upload(manual: Domain, root: Made, world: World, signed_in: SignIn) -> None:
    client, leaf = signed_in(world.owner), server(NAME, issuer=root)
    refused = client.post("/certificates/certificate/add/", files(manual, leaf, server(NAME), root))
    assert "the private key belongs to another certificate" in refused.content.decode()
    assert client.post("/certificates/certificate/add/", files(manual, leaf, leaf, root)).status_code == 302
    certificate = Certificate.objects.get()
    pages = [
        client.get("/certificates/certificate/"),
        client.get(f"/certificates/certificate/{certificate.pk}/change/"),
    ]
    assert all(page.status_code == 200 and "PRIVATE KEY" not in page.content.decode() for page in pages)
    assert certificate.serial in pages[1].content.decode()


def files(domain: Domain, leaf: Made, key: Made, root: Made) -> dict[str, Any]:
    texts = {"certificate_file": leaf.pem, "key_file": key.key_pem, "chain_file": root.pem}
    opened = {name: io.BytesIO(text.encode()) for name, text in texts.items()}
    for name, file in opened.items():
        file.name = f"{name}.pem"  # type: ignore[attr-defined]
    return {"domain": domain.pk, **opened}


def test_the_console_keeps_others_out(manual: Domain, world: World, signed_in: SignIn) -> None:
    client = signed_in(world.outsider)
    assert NAME not in client.get("/certificates/domain/").content.decode()
    assert client.get(f"/certificates/domain/{manual.pk}/change/").status_code == 302
    assert NAME not in client.get("/certificates/certificate/add/").content.decode()
    client = signed_in(world.viewer)
    assert client.get("/certificates/certificate/add/").status_code == 403
    page = client.post("/certificates/domain/", {"action": "renew", "_selected_action": [manual.pk]}, follow=True)
    assert "Get a new certificate now" not in page.content.decode()
    assert not visible_events(world.operator).filter(operation="CERTIFICATE_REQUEST").exists()


# The commands


def temps(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    call_command("domain", *arguments)
    return capsys.readouterr().out


@pytest.mark.xdist_group("pebble")
@pytest.mark.promise("C-01", "C-03")
def test_the_commands_get_show_and_renew_a_certificate(
    issuer: Pebble, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    said = temps("add", "--domain", NAME, "--tls", "auto", "--alias", "www.shop.example.com", capsys=capsys)
    assert "issued by Pebble" in said
    status = json.loads(temps("cert-status", "--domain", NAME, "--json", capsys=capsys))
    assert (status["status"], status["certificate"]["version"]) == ("valid", 1)
    assert "issued by Pebble" in temps("renew-cert", "--domain", NAME, capsys=capsys)
    assert "Version:      2" in temps("cert-status", "--domain", NAME, capsys=capsys)
    assert [row["certificate"]["days_left"] > 0 for row in json.loads(temps("list", "--json", capsys=capsys))] == [True]


@pytest.mark.promise("C-04")
def test_the_command_uploads_files(
    manual: Domain, root: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaf = server(NAME, issuer=root)
    paths = {"--cert": leaf.pem, "--key": leaf.key_pem, "--chain": root.pem}
    arguments = ["upload-cert", "--domain", NAME]
    for option, text in paths.items():
        (tmp_path / f"{option}.pem").write_text(text)
        arguments += [option, str(tmp_path / f"{option}.pem")]
    call_command("domain", *arguments)
    said = capsys.readouterr()
    assert "version 1 for shop.example.com by Test Root" in said.out
    assert "others on this machine can read" in said.err
    assert "PRIVATE KEY" not in said.out + said.err


def test_a_file_that_cannot_be_read_is_named(manual: Domain, tmp_path: Path) -> None:
    der = tmp_path / "cert.der"
    der.write_bytes(b"\x30\x82\xff")
    for path, reason in ((tmp_path / "none.pem", "No such file"), (der, "is not PEM text")):
        with pytest.raises(CommandError, match=reason):
            call_command("domain", "upload-cert", "--domain", NAME, "--cert", str(path), "--key", str(path))


def test_a_deletion_is_confirmed(manual: Domain, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match=f"say --confirm {NAME}"):
        call_command("domain", "delete", "--domain", NAME, "--confirm", "yes")
    assert temps("delete", "--domain", NAME, "--confirm", NAME, capsys=capsys) == f"deleted {NAME}\n"
