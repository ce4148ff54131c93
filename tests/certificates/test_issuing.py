"""A real ACME issuer looks for its proofs on a real server of ours."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.db import connection

from audit.reading import visible_events
from certificates import issuing, tasks
from certificates.acme import Conversation
from certificates.issuing import IssuanceFailed, NotDue, issue
from certificates.models import AcmeAccount, Certificate, Challenge, Domain, Status
from certificates.services import add_domain, continue_pending, delete_domain, enqueue_due_renewals, request_certificate
from secrets_vault.sealing import open_sealed
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, SealError
from tests import pebble as peer
from tests.certificates import made
from tests.pebble import Pebble
from tests.world import World

NAME = "shop.example.com"
WRONG = "wrong.example.com"
HOUR = timedelta(hours=1)
Sent = list[tuple[str, tuple[Any, ...]]]

pytestmark = pytest.mark.xdist_group("pebble")


@pytest.fixture
def domain(issuer: Pebble, world: World) -> Domain:
    return add_domain(NAME, project=world.project, actor=world.operator)


@pytest.fixture
def wrong_server(live_server: Any) -> Iterator[str]:
    """An address where, on the port that the issuer asks, somebody else's server answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"welcome to nginx")

        def log_message(self, *_arguments: Any) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.3", urlsplit(live_server.url).port or 80), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "127.0.0.3"
        server.shutdown()
        thread.join()


def due(domain: Domain) -> None:
    """Let the time come for whatever ``domain`` waits for."""
    Domain.objects.filter(pk=domain.pk, next_attempt_at__isnull=False).update(next_attempt_at=clock.now())
    Certificate.objects.filter(domain=domain).update(renew_at=clock.now())


@pytest.mark.promise("C-01")
def test_a_domain_gets_its_certificate(domain: Domain, world: World) -> None:
    assert domain.status is Status.PENDING
    certificate = issue(domain, actor=world.operator)
    domain.refresh_from_db()
    assert (domain.current_certificate, domain.status) == (certificate, Status.VALID)
    assert certificate.names == [NAME]
    assert "Pebble" in certificate.issuer
    assert certificate.chain.count("BEGIN CERTIFICATE") == 2
    assert not Challenge.objects.exists()


@pytest.mark.promise("C-01")
def test_a_certificate_holds_several_names(issuer: Pebble, world: World) -> None:
    names = ["many.example.com", "www.many.example.com", "xn--bcher-kva.example.com"]
    domain = add_domain(names[0], aliases=names[1:], actor=world.operator)
    assert sorted(issue(domain, actor=world.operator).names) == sorted(names)
    assert domain.names == names


@pytest.mark.promise("C-03")
def test_a_renewal_replaces_the_certificate_when_it_is_due(domain: Domain, world: World, sent: Sent) -> None:
    first = issue(domain, actor=world.operator)
    assert (enqueue_due_renewals(), continue_pending()) == (0, 0)
    due(domain)
    sent.clear()
    tasks.renew_due()
    assert sent == [("certificates.issue", (domain.public_id,))]
    tasks.issue(domain.public_id)
    domain.refresh_from_db()
    assert domain.current_certificate is not None
    assert domain.current_certificate.version == 2
    assert domain.current_certificate.serial != first.serial


@pytest.mark.promise("C-03")
def test_a_wrong_answer_is_told_recorded_and_put_off(issuer: Pebble, world: World, wrong_server: str) -> None:
    domain = add_domain(WRONG, project=world.project, actor=world.operator)
    issuer.point(WRONG, wrong_server)
    with pytest.raises(IssuanceFailed, match=r"wrong\.example\.com.*\(unauthorized\) - port 80 of every name"):
        issue(domain, actor=world.operator)
    domain.refresh_from_db()
    assert (domain.status, domain.failures) == (Status.FAILING, 1)
    assert domain.next_attempt_at is not None
    assert domain.next_attempt_at > clock.now() + timedelta(seconds=30)
    assert not Challenge.objects.exists()
    event = visible_events(world.operator).filter(operation="CERTIFICATE_ISSUE", result="failure").get()
    assert event.metadata["problem"] == "urn:ietf:params:acme:error:unauthorized"


@pytest.mark.promise("C-03")
def test_a_failed_renewal_takes_nothing_away_and_is_tried_again(issuer: Pebble, world: World) -> None:
    domain = add_domain("moved.example.com", project=world.project, actor=world.operator)
    first = issue(domain, actor=world.operator)
    issuer.point(domain.name, "127.0.0.9")  # where nobody listens
    due(domain)
    tasks.issue(domain.public_id)
    domain.refresh_from_db()
    assert (domain.current_certificate, domain.failures) == (first, 1)
    assert "(connection)" in domain.last_error
    assert continue_pending() == 0
    issuer.point(domain.name, "127.0.0.1")
    due(domain)
    assert continue_pending() == 1
    tasks.issue(domain.public_id)
    domain.refresh_from_db()
    assert domain.current_certificate != first
    assert (domain.failures, domain.last_error, domain.next_attempt_at) == (0, "", None)


def test_refused_nonces_are_replaced(issuer: Pebble, world: World, live_server: Any, settings: Any) -> None:
    with peer.pebble(urlsplit(live_server.url).port or 80, refuse_nonces=30) as moody:
        settings.ACME_DIRECTORY_URL, settings.ACME_CA_BUNDLE = moody.directory_url, moody.ca_bundle
        domain = add_domain("nonce.example.com", actor=world.operator)
        assert issue(domain, actor=world.operator).names == ["nonce.example.com"]


@pytest.mark.promise("C-01")
def test_an_issuer_that_wants_an_external_account_gets_it(
    issuer: Pebble, world: World, live_server: Any, settings: Any
) -> None:
    with peer.pebble(urlsplit(live_server.url).port or 80, external_account=True) as strict:
        settings.ACME_DIRECTORY_URL, settings.ACME_CA_BUNDLE = strict.directory_url, strict.ca_bundle
        domain = add_domain("bound.example.com", actor=world.operator)
        with pytest.raises(IssuanceFailed, match="set ACME_EAB_KID"):
            issue(domain, actor=world.operator)
        due(domain)
        settings.ACME_EAB_KID, settings.ACME_EAB_HMAC_KEY = peer.EAB_KID, peer.EAB_HMAC_KEY
        assert issue(domain, actor=world.operator).names == ["bound.example.com"]


def test_one_account_serves_every_domain_and_is_made_anew_when_the_issuer_forgot_it(
    domain: Domain, world: World
) -> None:
    issue(domain, actor=world.operator)
    account = AcmeAccount.objects.get()
    AcmeAccount.objects.update(uri=account.uri + "0")
    assert issue(add_domain("b.example.com", actor=world.operator), actor=world.operator)
    assert AcmeAccount.objects.get().uri == account.uri


def test_the_network_is_used_outside_transactions(domain: Domain, world: World) -> None:
    seen: list[bool] = []
    issue(domain, actor=world.operator, progress=lambda _step: seen.append(connection.in_atomic_block))
    assert seen == [False, False, False]


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [("ACME_CA_BUNDLE", "", "is not trusted"), ("ACME_DIRECTORY_URL", "https://127.0.0.1:9/dir", "does not answer")],
)
def test_an_issuer_that_cannot_be_reached(
    domain: Domain, world: World, settings: Any, setting: str, value: str, reason: str
) -> None:
    setattr(settings, setting, value)
    with pytest.raises(IssuanceFailed, match=reason):
        issue(domain, actor=world.operator)


def test_what_the_issuer_sends_is_not_believed(
    domain: Domain, world: World, monkeypatch: pytest.MonkeyPatch, root: made.Made
) -> None:
    other = made.server(NAME, issuer=root).pem + root.pem
    monkeypatch.setattr(Conversation, "finish", lambda *_arguments: other)
    with pytest.raises(IssuanceFailed, match="cannot be used: the private key belongs to another certificate"):
        issue(domain, actor=world.operator)
    assert not Certificate.objects.exists()


def test_one_attempt_at_a_time(domain: Domain, world: World) -> None:
    refusals: list[str] = []

    def try_as_well(_step: str) -> None:
        with pytest.raises(NotDue) as error:
            issue(domain, actor=world.operator)
        refusals.append(error.value.message)

    issue(domain, actor=world.operator, progress=try_as_well)
    assert refusals == [f"an attempt for {NAME} is under way; look again in a minute"] * 3
    assert Certificate.objects.count() == 1


@pytest.mark.postgresql
def test_of_workers_that_start_at_the_same_moment_one_goes_on(domain: Domain, world: World) -> None:
    def reserve(_number: int) -> str:
        try:
            return issuing._reserve(domain, issuing.issuer_of_settings(), actor=Actor.operator()).id
        except NotDue:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(list(filter(None, pool.map(reserve, range(4))))) == 1
    domain.refresh_from_db()
    assert domain.failures == 1


def test_a_worker_that_dies_leaves_a_failure_and_a_later_try(domain: Domain, world: World) -> None:
    issuing._reserve(domain, issuing.issuer_of_settings(), actor=world.operator)
    domain.refresh_from_db()
    assert domain.failures == 1
    assert domain.next_attempt_at is not None
    assert domain.next_attempt_at >= clock.now() + issuing.LEASE / 2
    assert continue_pending() == 0
    Domain.objects.update(attempt_until=clock.now(), next_attempt_at=clock.now())
    assert continue_pending() == 1


def test_an_interrupted_attempt_does_not_keep_others_out(domain: Domain, world: World) -> None:
    def interrupt(_step: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        issue(domain, actor=world.operator, progress=interrupt)
    domain.refresh_from_db()
    assert (domain.attempt_until, domain.last_error) == (None, "the attempt broke off (KeyboardInterrupt)")


def test_a_domain_deleted_meanwhile_gets_nothing(domain: Domain, world: World) -> None:
    def delete(step: str) -> None:
        if step.startswith("checking"):
            delete_domain(domain, actor=world.operator)

    with pytest.raises(IssuanceFailed, match="deleted in the meantime"):
        issue(domain, actor=world.operator, progress=delete)
    assert not Certificate.objects.exists()


def test_messages_that_come_twice_or_too_late_do_nothing(domain: Domain, world: World) -> None:
    tasks.issue(domain.public_id)
    tasks.issue(domain.public_id)
    tasks.issue("dom_gone")
    assert Certificate.objects.count() == 1


@pytest.mark.promise("C-03")
def test_people_cannot_spend_what_the_issuer_allows(domain: Domain, world: World) -> None:
    certificate = issue(domain, actor=world.operator)
    for version in range(2, 5):
        certificate.pk, certificate.version, certificate.public_id = None, version, f"crt_{version}"
        certificate.save(force_insert=True)
    with pytest.raises(Conflict, match="4 certificates within a week"):
        request_certificate(domain, actor=world.operator)


def test_after_a_failure_people_wait_for_minutes_and_not_for_hours(domain: Domain, world: World) -> None:
    later = clock.now() + 8 * HOUR
    Domain.objects.update(last_error="no route", failures=4, attempted_at=clock.now(), next_attempt_at=later)
    with pytest.raises(NotDue, match=r"failed \(no route\)"):
        request_certificate(domain, actor=world.operator)
    Domain.objects.update(attempted_at=clock.now() - HOUR)
    due_at = request_certificate(domain, actor=world.operator).next_attempt_at
    assert due_at is not None
    assert due_at <= clock.now()


@pytest.mark.promise("C-06")
def test_the_private_key_stands_nowhere_in_plain_text(
    domain: Domain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    certificate = issue(domain, actor=world.operator)
    context, project = certificate.key_context, domain.project_id
    pem = open_sealed(certificate.private_key, project_pk=project, context=context)
    held, logged = b"".join(every_value()), caplog.text.encode()
    assert certificate.serial.encode() in held
    assert b"Storing nonce" in logged
    for form in forms_of(pem):
        assert form not in held
        assert form not in logged


@pytest.mark.promise("C-06")
def test_a_sealed_key_opens_in_its_own_row_alone(domain: Domain, world: World) -> None:
    certificate = issue(domain, actor=world.operator)
    other = Certificate(version=2)
    with pytest.raises(SealError):
        open_sealed(certificate.private_key, project_pk=domain.project_id, context=other.key_context)


def forms_of(pem: bytes) -> list[bytes]:
    """The secret number of a private key as bytes, in hexadecimal, in base64, and the lines of the PEM that hold it."""
    key = load_pem_private_key(pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    secret = key.private_numbers().private_value.to_bytes(32)
    assert b"PRIVATE KEY" in pem.splitlines()[0]
    return [b"PRIVATE KEY", secret, secret.hex().encode(), base64.b64encode(secret)[:40], *pem.splitlines()[1:3]]


def every_value() -> Iterator[bytes]:
    """The content of every column of every table."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            for row in cursor.fetchall():
                yield from (bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in row)
