"""One attempt to get a certificate from the issuer, in three steps.

1. *Reserve* the domain in a transaction: one attempt at a time, and the worst is written down beforehand (one more
   failure, the next try later), so that a worker which dies leaves nothing to repair.
2. *Talk* to the issuer with no transaction open, publishing what proves the names and withdrawing it again.
3. *Settle* in a transaction: the certificate becomes the current one, or the failure is recorded and the old one stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from acme.crypto_util import make_csr
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.db import transaction

from audit.actions import Action, Result
from audit.services import record
from certificates import schedule
from certificates.acme import TOTAL_SECONDS, Conversation, Issuer, Proof, Refused, check_issuer
from certificates.inspect import Inspected, inspect
from certificates.models import AcmeAccount, Certificate, Challenge, Domain, Source, Tls
from rbac.permissions import Permission
from rbac.services import require
from secrets_vault.sealing import open_sealed, seal, verify_keyring
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import printable
from temps.lib.errors import Conflict, Invalid, NotFound, TempsError

LEASE = timedelta(seconds=2 * TOTAL_SECONDS)
"""How long an attempt keeps others out: well beyond the end that the conversation sets itself."""

REACH = "port 80 of every name must lead to this server"

Progress = Callable[[str], None]


class IssuanceFailed(TempsError):
    """The issuer gave no certificate. It is recorded, and the next try is set; what was valid stays in place."""

    code = "issuance_failed"
    status = 502


class NotDue(Conflict):
    """Somebody else is at it, or it is not time yet: nothing was attempted."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A reservation: what step 2 needs to know, without the database."""

    id: str
    domain_pk: int
    names: list[str]
    action: Action
    account_pk: int
    account_uri: str
    account_key: bytes = field(repr=False)


def issue(domain: Domain, *, actor: Actor, progress: Progress = lambda _step: None) -> Certificate:
    """Get a certificate for ``domain`` now. Takes seconds, at most ``TOTAL_SECONDS``.

    Raises :class:`NotDue` when nothing was attempted and :class:`IssuanceFailed` when the attempt failed. Never call it
    inside a transaction: the issuer could not see what is published, and the database would wait for the issuer.
    """
    issuer = issuer_of_settings()
    attempt = _reserve(domain, issuer, actor=actor)
    try:
        inspected = _converse(attempt, issuer, progress)
        return _succeed(attempt, inspected, actor=actor)
    except Refused as refused:
        raise _fail(attempt, refused, actor=actor) from refused
    except BaseException as error:  # an interrupted command too: let the next one start without waiting for the lease
        _fail(attempt, Refused(f"the attempt broke off ({type(error).__name__})"), actor=actor)
        raise


def issuer_of_settings() -> Issuer:
    """The issuer that the settings name. Raises :class:`~temps.lib.errors.Unavailable` when they make no sense."""
    return check_issuer(
        Issuer(
            settings.ACME_DIRECTORY_URL,
            ca_bundle=settings.ACME_CA_BUNDLE,
            eab_kid=settings.ACME_EAB_KID,
            eab_hmac_key=settings.ACME_EAB_HMAC_KEY,
        )
    )


# Step 1


@transaction.atomic
def _reserve(domain: Domain, issuer: Issuer, *, actor: Actor) -> Attempt:
    locked = Domain.objects.select_for_update().filter(pk=domain.pk).first()
    if locked is None:
        raise NotFound(f"there is no domain '{domain}'")
    require(actor, Permission.CERTIFICATES_WRITE, locked.project)
    moment = clock.now()
    _refuse_unless_due(locked)
    verify_keyring()  # a certificate whose key cannot be sealed would be asked for in vain
    account = _account(issuer)
    locked.attempt = secrets.token_hex(16)
    locked.attempted_at = moment
    locked.attempt_until = moment + LEASE
    locked.failures += 1
    locked.next_attempt_at = moment + max(LEASE, schedule.retry_after(locked.failures))
    locked.save(update_fields=["attempt", "attempted_at", "attempt_until", "failures", "next_attempt_at"])
    return Attempt(
        id=locked.attempt,
        domain_pk=locked.pk,
        names=locked.names,
        action=Action.CERTIFICATE_RENEW if locked.current_certificate_id else Action.CERTIFICATE_ISSUE,
        account_pk=account.pk,
        account_uri=account.uri,
        account_key=open_sealed(account.key, project_pk=None, context=account.key_context),
    )


def _refuse_unless_due(domain: Domain) -> None:
    moment = clock.now()
    if domain.tls != Tls.AUTO:
        raise Conflict(f"the certificates of {domain} are uploaded (tls: manual), so no issuer is asked for one")
    if domain.attempt_until is not None and domain.attempt_until > moment:
        raise NotDue(f"an attempt for {domain} is under way; look again in a minute")
    due = domain.next_attempt_at
    if due is None and domain.current_certificate is not None:
        due = domain.current_certificate.renew_at
    if due is None or due > moment:
        raise NotDue(f"nothing is to be done for {domain} now")


def _account(issuer: Issuer) -> AcmeAccount:
    """Our account with this issuer, its key made on first use. Registering it is part of the conversation."""
    identity = {"directory_url": issuer.directory_url, "external_account": issuer.eab_kid}
    account = AcmeAccount.objects.filter(**identity).first()
    if account is None:
        account = AcmeAccount(**identity)
        account.key = seal(_new_key(), project_pk=None, context=account.key_context)
        account, _made = AcmeAccount.objects.get_or_create(
            **identity, defaults={"public_id": account.public_id, "key": account.key}
        )
    return account


def _new_key() -> bytes:
    """A private key on P-256, PKCS #8 in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


# Step 2


def _converse(attempt: Attempt, issuer: Issuer, progress: Progress) -> Inspected:
    """The whole conversation. What the issuer sends is believed only after the checks that an upload has to pass."""
    key = _new_key()
    progress(f"asking {issuer.directory_url}")
    conversation = Conversation(
        issuer,
        attempt.account_key,
        attempt.account_uri,
        remember=lambda uri: _remember_account(attempt.account_pk, uri),
    )
    order = conversation.order(make_csr(key, attempt.names))
    proofs = conversation.proofs(order)
    _publish(attempt, proofs)
    try:
        progress(f"proving {', '.join(proof.name for proof in proofs) or 'nothing: the names were checked lately'}")
        chain = conversation.finish(order, proofs)
    finally:
        Challenge.objects.filter(attempt=attempt.id).delete()
    progress("checking the certificate")
    try:
        return inspect(chain, key, names=attempt.names)
    except Invalid as wrong:
        raise Refused(f"the issuer sent a certificate that cannot be used: {wrong.message}") from wrong


def _remember_account(pk: int, uri: str) -> None:
    AcmeAccount.objects.filter(pk=pk).update(uri=uri)


@transaction.atomic
def _publish(attempt: Attempt, proofs: list[Proof]) -> None:
    """Make the proofs answerable. A token left by an attempt that died gives way: the issuer may hand it out again."""
    Challenge.objects.filter(token__in=[proof.token for proof in proofs]).delete()
    Challenge.objects.bulk_create(
        Challenge(
            domain_id=attempt.domain_pk,
            attempt=attempt.id,
            token=proof.token,
            key_authorization=proof.key_authorization,
            expires_at=clock.now() + LEASE,
        )
        for proof in proofs
    )


# Step 3


@transaction.atomic
def _succeed(attempt: Attempt, inspected: Inspected, *, actor: Actor) -> Certificate:
    domain = Domain.objects.select_for_update().filter(pk=attempt.domain_pk).first()
    if domain is None or domain.attempt != attempt.id:
        raise Refused("the domain was changed or deleted in the meantime")
    certificate = store(domain, inspected, Source.ACME)
    domain.failures = 0
    domain.last_error = ""
    domain.next_attempt_at = None
    domain.attempt, domain.attempt_until = "", None
    domain.save(update_fields=["failures", "last_error", "next_attempt_at", "attempt", "attempt_until"])
    record(
        actor,
        attempt.action,
        domain,
        f"got a certificate for {domain} from {certificate.issuer}, valid until {clock.iso(certificate.not_after)}",
        project=str(domain.project or ""),
        metadata=summary(certificate),
    )
    return certificate


def store(domain: Domain, inspected: Inspected, source: Source) -> Certificate:
    """Keep a checked certificate as the next version of the locked ``domain`` and make it the current one."""
    latest = domain.certificates.order_by("-version").values_list("version", flat=True).first() or 0
    certificate = Certificate(
        domain=domain,
        version=latest + 1,
        source=source,
        serial=inspected.serial,
        fingerprint=inspected.fingerprint,
        names=inspected.names,
        issuer=inspected.issuer,
        key_type=inspected.key_type,
        not_before=inspected.not_before,
        not_after=inspected.not_after,
        renew_at=schedule.renewal_time(inspected.not_before, inspected.not_after),
        chain=inspected.chain,
    )
    certificate.private_key = seal(inspected.private_key, project_pk=domain.project_id, context=certificate.key_context)
    certificate.save()
    domain.current_certificate = certificate
    domain.save(update_fields=["current_certificate"])
    return certificate


def summary(certificate: Certificate) -> dict[str, object]:
    """What the audit log keeps of a certificate: all of it is public."""
    return {
        "version": certificate.version,
        "serial": certificate.serial,
        "fingerprint": certificate.fingerprint,
        "names": certificate.names[:20],
        "issuer": certificate.issuer,
        "notAfter": clock.iso(certificate.not_after),
    }


@transaction.atomic
def _fail(attempt: Attempt, refused: Refused, *, actor: Actor) -> IssuanceFailed:
    """Record the failure and set the next try. The current certificate is not touched."""
    detail = printable(refused.detail)[:400]
    domain = Domain.objects.select_for_update().filter(pk=attempt.domain_pk).first()
    record(
        actor,
        attempt.action,
        domain or ("domain", attempt.names[0]),
        f"got no certificate for {attempt.names[0]}: {detail}",
        project=str(domain.project or "") if domain else "",
        metadata={"problem": printable(refused.problem)[:200], "detail": detail},
        result=Result.FAILURE,
    )
    message = f"no certificate for {attempt.names[0]}: {detail}"
    if domain is None or domain.attempt != attempt.id:
        return IssuanceFailed(message)
    domain.last_error = detail
    domain.next_attempt_at = clock.now() + max(schedule.retry_after(domain.failures), refused.wait)
    domain.attempt, domain.attempt_until = "", None
    domain.save(update_fields=["last_error", "next_attempt_at", "attempt", "attempt_until"])
    if refused.problem.endswith((":connection", ":dns", ":unauthorized", ":incorrectResponse")):
        message += f" - {REACH}"
    return IssuanceFailed(f"{message}; the next try is at {domain.next_attempt_at:%Y-%m-%d %H:%M} UTC")
