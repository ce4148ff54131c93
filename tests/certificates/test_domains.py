"""Domains and uploads, through the services that every face calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.reading import visible_events
from certificates.models import Certificate, Domain, Source, Status, Tls
from certificates.services import (
    add_domain,
    delete_domain,
    domain_by_name,
    request_certificate,
    set_tls,
    upload_certificate,
)
from rbac.services import assign_role
from temps.lib import clock
from temps.lib.actor import Credential, CredentialKind
from temps.lib.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from tests.certificates.made import Made, server
from tests.world import World, acting

NAME = "shop.example.com"


def upload(domain: Domain, leaf: Made, root: Made, world: World) -> Certificate:
    return upload_certificate(
        domain, certificate=leaf.pem, private_key=leaf.key_pem, chain=root.pem, actor=acting(world.owner)
    )


def test_an_automatic_domain_is_handed_to_a_worker_once_it_is_there(
    world: World, sent: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        domain = add_domain(NAME, project=world.project, actor=acting(world.owner))
        assert sent == []
    assert sent == [("certificates.issue", (domain.public_id,))]


@pytest.mark.promise("R-05")
def test_only_who_may_can_add_and_see(world: World) -> None:
    for user in (world.member, world.viewer, world.outsider, world.nobody):
        with pytest.raises(Denied):
            add_domain(NAME, project=world.project, actor=acting(user))
    add_domain(NAME, project=world.project, actor=acting(world.owner))
    assert domain_by_name("Shop.Example.com", actor=acting(world.viewer)).name == NAME
    for user in (world.outsider, world.nobody):
        with pytest.raises(NotFound):
            domain_by_name(NAME, actor=acting(user))


def test_a_domain_of_the_platform_is_not_for_those_of_a_project(world: World) -> None:
    with pytest.raises(Denied):
        add_domain(NAME, actor=acting(world.owner))
    domain = add_domain(NAME, actor=acting(world.admin))
    assert not Domain.objects.visible_to(acting(world.owner)).exists()
    assert Domain.objects.visible_to(acting(world.platform_viewer)).get() == domain


def test_a_right_in_one_environment_does_not_reach_the_domains(world: World) -> None:
    add_domain(NAME, project=world.project, actor=world.operator)
    assign_role(world.nobody, "viewer", project=world.project, environment=world.production, actor=world.operator)
    assert not Domain.objects.visible_to(acting(world.nobody)).exists()


def test_asking_an_issuer_needs_the_right_to_write_certificates(world: World) -> None:
    key = Credential(CredentialKind.API_KEY, "key_1", frozenset({"domains:create", "domains:read"}))
    with pytest.raises(Denied, match="certificates:write"):
        add_domain(NAME, project=world.project, actor=acting(world.owner, key))
    assert add_domain(NAME, tls=Tls.MANUAL, project=world.project, actor=acting(world.owner, key)).pk


def test_a_name_belongs_to_one_domain_and_the_refusal_does_not_say_to_which(world: World) -> None:
    add_domain(NAME, aliases=["www.example.com"], project=world.project, actor=world.operator)
    for name, aliases in ((NAME, []), ("www.example.com", []), ("new.example.com", [NAME])):
        with pytest.raises(Conflict) as error:
            add_domain(name, aliases=aliases, project=world.other, actor=acting(world.outsider))
        assert error.value.message in (
            f"the name {NAME} is in use already",
            "the name www.example.com is in use already",
        )
    assert Domain.objects.count() == 1


def test_the_database_refuses_a_name_twice_as_well(world: World) -> None:
    domain = add_domain(NAME, project=world.project, actor=world.operator)
    with pytest.raises(IntegrityError), transaction.atomic():
        domain.all_names.create(name=NAME)
    with pytest.raises(IntegrityError), transaction.atomic():
        Domain.objects.create(name="Not A Name")


def test_a_project_cannot_have_the_name_of_the_console(world: World, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["temps.example.com"]
    with pytest.raises(Invalid, match="the name of this console"):
        add_domain(NAME, aliases=["temps.example.com"], project=world.project, actor=acting(world.owner))
    assert add_domain("temps.example.com", actor=world.operator).pk


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ACME_DIRECTORY_URL", "http://issuer.example.com/dir"),
        ("ACME_CA_BUNDLE", "/nowhere/root.pem"),
        ("ACME_EAB_KID", "kid-1"),
        ("ACME_EAB_HMAC_KEY", "key"),
    ],
)
def test_settings_that_make_no_sense_are_named_and_nothing_is_added(
    world: World, settings: Any, setting: str, value: str
) -> None:
    setattr(settings, setting, value)
    with pytest.raises(Unavailable, match=setting):
        add_domain(NAME, actor=world.operator)
    assert not Domain.objects.exists()


@pytest.mark.promise("C-04")
def test_an_upload_is_kept_as_a_version_and_becomes_the_current_one(manual: Domain, root: Made, world: World) -> None:
    assert manual.status is Status.MISSING
    first = upload(manual, server(NAME, issuer=root), root, world)
    second = upload(manual, server(NAME, issuer=root), root, world)
    manual.refresh_from_db()
    assert (first.version, second.version, second.source) == (1, 2, Source.UPLOAD)
    assert (manual.current_certificate, manual.status) == (second, Status.VALID)
    event = visible_events(world.operator).filter(operation="CERTIFICATE_UPLOAD").first()
    assert event is not None
    assert event.metadata["serial"] == second.serial


@pytest.mark.promise("C-04")
def test_a_refused_upload_changes_nothing(manual: Domain, root: Made, world: World) -> None:
    first = upload(manual, server(NAME, issuer=root), root, world)
    with pytest.raises(Invalid, match="does not cover"):
        upload(manual, server("other.example.com", issuer=root), root, world)
    manual.refresh_from_db()
    assert manual.current_certificate == first
    assert Certificate.objects.count() == 1


def test_the_same_certificate_twice_is_no_new_version(manual: Domain, root: Made, world: World) -> None:
    leaf = server(NAME, issuer=root)
    upload(manual, leaf, root, world)
    with pytest.raises(Conflict, match="has already"):
        upload(manual, leaf, root, world)


def test_only_who_may_write_certificates_uploads(manual: Domain, root: Made, world: World) -> None:
    leaf = server(NAME, issuer=root)
    for user in (world.member, world.viewer, world.outsider):
        with pytest.raises(Denied):
            upload_certificate(
                manual, certificate=leaf.pem, private_key=leaf.key_pem, chain=root.pem, actor=acting(user)
            )


def test_an_upload_makes_an_automatic_domain_manual_and_set_tls_hands_it_back(
    world: World, root: Made, data_dir: Any
) -> None:
    domain = add_domain(NAME, project=world.project, actor=world.operator)
    upload(domain, server(NAME, issuer=root), root, world)
    domain.refresh_from_db()
    assert (domain.tls, domain.next_attempt_at) == (Tls.MANUAL, None)
    with pytest.raises(Conflict, match="set-tls"):
        request_certificate(domain, actor=acting(world.owner))
    again = set_tls(domain, "auto", actor=acting(world.owner))
    assert again.next_attempt_at is not None
    assert again.current_certificate is not None


@pytest.mark.promise("C-10")
def test_the_status_tells_of_expiry(manual: Domain, root: Made, world: World) -> None:
    certificate = upload(manual, server(NAME, issuer=root, ends=timedelta(days=10, hours=1)), root, world)
    assert (certificate.days_left, certificate.domain.status) == (10, Status.VALID)
    certificate.renew_at = clock.now()
    assert certificate.domain.current_certificate == certificate
    assert certificate.domain.status is Status.EXPIRING
    certificate.not_after = clock.now() - timedelta(hours=1)
    assert (certificate.days_left, certificate.domain.status) == (-1, Status.EXPIRED)


def test_a_deleted_domain_leaves_its_history_and_frees_its_names(manual: Domain, root: Made, world: World) -> None:
    upload(manual, server(NAME, issuer=root), root, world)
    with pytest.raises(Denied):
        delete_domain(manual, actor=acting(world.developer))
    delete_domain(manual, actor=acting(world.owner))
    assert not Certificate.objects.exists()
    assert visible_events(world.operator).filter(operation="DOMAIN_DELETE").exists()
    assert add_domain(NAME, tls=Tls.MANUAL, project=world.other, actor=acting(world.outsider)).pk


def test_unknown_modes_are_refused(manual: Domain, world: World) -> None:
    with pytest.raises(Invalid, match="tls is auto or manual"):
        add_domain("b.example.com", tls="magic", actor=world.operator)
    with pytest.raises(Invalid, match="tls is auto or manual"):
        set_tls(manual, "magic", actor=world.operator)
