"""Domains and their certificates: what people do with them. Getting one from the issuer is ``certificates.issuing``."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http.request import validate_host

from audit.actions import Action
from audit.services import record
from certificates import schedule
from certificates.inspect import inspect
from certificates.issuing import NotDue, issuer_of_settings, store, summary
from certificates.models import Certificate, Challenge, Domain, DomainName, Source, Tls
from certificates.names import clean_name, clean_names
from projects.models import Project
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, Invalid, NotFound
from temps.lib.queue import after_commit

BATCH = 100
"""Domains that one run of a periodic task hands out; the next run finds the rest."""


def domain_by_name(name: str, *, actor: Actor, permission: Permission = Permission.DOMAINS_READ) -> Domain:
    """The domain, if ``actor`` holds ``permission`` for it. Raises :class:`NotFound` when not: invisible is absent."""
    try:
        cleaned = clean_name(name)
    except Invalid:
        cleaned = ""
    domain = Domain.objects.visible_to(actor, permission).filter(name=cleaned).first()
    if domain is None:
        raise NotFound(f"there is no domain '{name}'")
    return domain


@transaction.atomic
def add_domain(
    name: str,
    *,
    actor: Actor,
    tls: str = Tls.AUTO,
    aliases: Iterable[str] = (),
    project: Project | None = None,
    background: bool = True,
) -> Domain:
    """Take a domain in, for ``project`` or (None) for the platform. An automatic one gets its certificate next.

    ``background`` leaves that to a worker; a command that calls :func:`certificates.issuing.issue` itself says False.
    """
    require(actor, Permission.DOMAINS_CREATE, project)
    mode = _known_mode(tls)
    names = clean_names(name, aliases)
    _refuse_names_of_the_console(names, project)
    if mode is Tls.AUTO:
        require(actor, Permission.CERTIFICATES_WRITE, project)
        issuer_of_settings()
    domain = Domain(name=names[0], project=project, tls=mode)
    domain.next_attempt_at = clock.now() if mode is Tls.AUTO else None
    taken = DomainName.objects.filter(name__in=names).order_by("name").values_list("name", flat=True)
    if taken:
        raise _taken(taken[0])
    try:
        domain.save()
        DomainName.objects.bulk_create(DomainName(domain=domain, name=one) for one in names)
    except IntegrityError:  # somebody else was faster
        raise _taken(names[0]) from None
    record(
        actor,
        Action.DOMAIN_CREATE,
        domain,
        f"added the domain {domain}",
        project=str(project or ""),
        metadata={"names": names[:20], "tls": mode.value},
    )
    if mode is Tls.AUTO and background:
        after_commit("certificates.issue", domain.public_id)
    return domain


@transaction.atomic
def delete_domain(domain: Domain, *, actor: Actor) -> None:
    """Let a domain go, with its certificates and their keys. Its history in the audit log stays."""
    require(actor, Permission.DOMAINS_DELETE, domain.project)
    domain.delete()
    record(actor, Action.DOMAIN_DELETE, domain, f"deleted the domain {domain}", project=str(domain.project or ""))


@transaction.atomic
def set_tls(domain: Domain, tls: str, *, actor: Actor) -> Domain:
    """Say where the certificates come from: *auto* (the issuer) or *manual* (uploads).

    The current certificate stays until its successor is there. An uploaded one gets its automatic successor at once.
    """
    domain = _locked(domain)
    require(actor, Permission.DOMAINS_UPDATE, domain.project)
    mode = _known_mode(tls)
    before = domain.tls
    if before == mode:
        return domain
    if mode is Tls.AUTO:
        require(actor, Permission.CERTIFICATES_WRITE, domain.project)
        issuer_of_settings()
    _switch(domain, mode)
    record(
        actor,
        Action.DOMAIN_UPDATE,
        domain,
        f"set the certificates of {domain} to {mode.value}",
        project=str(domain.project or ""),
        metadata={"tls": {"before": before, "after": mode.value}},
    )
    if mode is Tls.AUTO:
        after_commit("certificates.issue", domain.public_id)
    return domain


@transaction.atomic
def request_certificate(domain: Domain, *, actor: Actor, background: bool = True) -> Domain:
    """Ask for a new certificate now, whether or not one is due; ``background`` as in :func:`add_domain`.

    Raises :class:`Conflict` for a domain with uploads, while an attempt is under way, and where one attempt more could
    spend what the issuer allows.
    """
    domain = _locked(domain)
    require(actor, Permission.CERTIFICATES_WRITE, domain.project)
    _refuse_request(domain)
    domain.next_attempt_at = clock.now()
    domain.save(update_fields=["next_attempt_at"])
    record(
        actor,
        Action.CERTIFICATE_REQUEST,
        domain,
        f"asked for a new certificate for {domain}",
        project=str(domain.project or ""),
    )
    if background:
        after_commit("certificates.issue", domain.public_id)
    return domain


@transaction.atomic
def upload_certificate(
    domain: Domain, *, certificate: str, private_key: str | bytes, chain: str = "", actor: Actor
) -> Certificate:
    """Put an uploaded certificate in place, if it passes every check of :mod:`certificates.inspect`.

    The domain becomes manual: Temps does not replace by itself what somebody chose.
    """
    domain = _locked(domain)
    require(actor, Permission.CERTIFICATES_WRITE, domain.project)
    inspected = inspect(certificate, private_key, chain, names=domain.names)
    current = domain.current_certificate
    if current is not None and current.fingerprint == inspected.fingerprint:
        raise Conflict(f"this is the certificate that {domain} has already", field="certificate")
    stored = store(domain, inspected, Source.UPLOAD)
    _switch(domain, Tls.MANUAL)
    record(
        actor,
        Action.CERTIFICATE_UPLOAD,
        domain,
        f"uploaded a certificate for {domain} by {stored.issuer}, valid until {clock.iso(stored.not_after)}",
        project=str(domain.project or ""),
        metadata=summary(stored),
    )
    return stored


def enqueue_due_renewals() -> int:
    """Hand the renewals that are due to workers; how many there were. Changes nothing: the attempts do."""
    return _enqueue(Domain.objects.to_renew(clock.now()).values_list("public_id", flat=True))


def continue_pending() -> int:
    """Hand out attempts that are owed: after a failure, or because a message was lost. Sweeps what dead ones left."""
    Challenge.objects.filter(expires_at__lte=clock.now()).delete()
    return _enqueue(Domain.objects.owed(clock.now()).values_list("public_id", flat=True))


def _enqueue(domains: Iterable[str]) -> int:
    chosen = list(domains[:BATCH])  # type: ignore[index]
    for public_id in chosen:
        after_commit("certificates.issue", public_id)
    return len(chosen)


def _locked(domain: Domain) -> Domain:
    """The row as it is now, held until the transaction ends."""
    locked = Domain.objects.select_for_update().filter(pk=domain.pk).first()
    if locked is None:
        raise NotFound(f"there is no domain '{domain}'")
    return locked


def _known_mode(tls: str) -> Tls:
    try:
        return Tls(tls)
    except ValueError:
        raise Invalid(f"unknown mode '{tls}': tls is {' or '.join(Tls.values)}", field="tls") from None


def _switch(domain: Domain, mode: Tls) -> None:
    """Set the mode and start afresh. An attempt under way finds that it stands here no more, and changes nothing."""
    domain.tls = mode
    domain.failures, domain.last_error = 0, ""
    domain.attempt, domain.attempt_until = "", None
    domain.next_attempt_at = clock.now() if mode is Tls.AUTO else None
    domain.save(update_fields=["tls", "failures", "last_error", "attempt", "attempt_until", "next_attempt_at"])


def _taken(name: str) -> Conflict:
    """Says nothing of whose: the name may stand in a project that the actor does not see."""
    return Conflict(f"the name {name} is in use already", field="domain")


def _refuse_names_of_the_console(names: list[str], project: Project | None) -> None:
    """The console answers the challenges of every name that leads to it: no project may be certified as the console."""
    own = [host for host in settings.ALLOWED_HOSTS if host != "*"]  # ".example.com" means every name below it too
    for name in names:
        if project is not None and validate_host(name, own):
            raise Invalid(f"{name} is the name of this console, so it cannot belong to a project", field="domain")


def _refuse_request(domain: Domain) -> None:
    moment = clock.now()
    if domain.tls != Tls.AUTO:
        raise Conflict(
            f"the certificates of {domain} are uploaded: upload the next one, or hand the domain to the issuer "
            f"(temps domain set-tls --domain {domain} --tls auto)"
        )
    if domain.attempt_until is not None and domain.attempt_until > moment:
        raise NotDue(f"an attempt for {domain} is under way; look again in a minute")
    if domain.last_error and domain.next_attempt_at and domain.attempted_at:
        earliest = min(domain.next_attempt_at, domain.attempted_at + schedule.HELD_BACK)
        if earliest > moment:
            raise NotDue(
                f"the last attempt for {domain} failed ({domain.last_error}); issuers count failures, so the next one "
                f"can start at {earliest:%H:%M:%S} UTC"
            )
    made = domain.certificates.filter(source=Source.ACME, created_at__gt=moment - schedule.WEEK)
    if made.count() >= schedule.MADE_A_WEEK:
        raise Conflict(
            f"{domain} got {schedule.MADE_A_WEEK} certificates within a week; issuers refuse more, and the last one "
            "they would give is kept for the next renewal"
        )
