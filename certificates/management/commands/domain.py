"""``temps domain``: names and their certificates."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from django_typer.management import command
from rich.console import Console
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at
from certificates.inspect import MAX_BYTES
from certificates.issuing import issue
from certificates.models import Certificate, Domain, Tls
from certificates.services import (
    add_domain,
    delete_domain,
    domain_by_name,
    request_certificate,
    set_tls,
    upload_certificate,
)
from projects.services import project_by_slug
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import printable, show_json, show_table
from temps.lib.errors import Invalid

Name = Annotated[str, Option("--domain", help="The domain, such as shop.example.com.")]
Mode = Annotated[str, Option("--tls", help="auto (an ACME issuer, Let's Encrypt by default) or manual (uploads).")]


def row_of(domain: Domain) -> dict[str, Any]:
    """A domain as ``--json`` prints it: the fields of the API."""
    certificate = domain.current_certificate
    return {
        "name": domain.name,
        "aliases": domain.aliases,
        "project": str(domain.project) if domain.project else None,
        "tls": domain.tls,
        "status": domain.status.value,
        "certificate": _certificate(certificate) if certificate else None,
        "failures": domain.failures,
        "last_error": domain.last_error,
        "next_attempt_at": clock.iso(domain.next_attempt_at) if domain.next_attempt_at else None,
        "created_at": clock.iso(domain.created_at),
    }


def _certificate(certificate: Certificate) -> dict[str, Any]:
    return {
        "version": certificate.version,
        "source": certificate.source,
        "serial": certificate.serial,
        "fingerprint": certificate.fingerprint,
        "names": certificate.names,
        "issuer": certificate.issuer,
        "key_type": certificate.key_type,
        "not_before": clock.iso(certificate.not_before),
        "not_after": clock.iso(certificate.not_after),
        "days_left": certificate.days_left,
        "renew_at": clock.iso(certificate.renew_at),
        "created_at": clock.iso(certificate.created_at),
    }


def _status_lines(domain: Domain) -> Iterator[tuple[str, object]]:
    """What people read of a domain, line by line."""
    yield "Domain", ", ".join(domain.names)
    yield "Project", domain.project or "none (the platform)"
    yield "TLS", domain.tls
    yield "Status", domain.status.value
    if certificate := domain.current_certificate:
        yield "Valid until", f"{at(certificate.not_after)} ({certificate.days_left} days left)"
        yield "Valid from", at(certificate.not_before)
        yield "Issuer", certificate.issuer
        yield "Names", ", ".join(certificate.names)
        yield "Key", certificate.key_type
        yield "Serial", certificate.serial
        yield "SHA-256", certificate.fingerprint
        yield "Version", f"{certificate.version} ({certificate.source})"
        if domain.tls == Tls.AUTO:
            yield "Renewal", at(certificate.renew_at)
    if domain.last_error:
        yield "Last error", domain.last_error
        yield "Failures", domain.failures
    if domain.next_attempt_at:
        yield "Next attempt", at(domain.next_attempt_at)


def _expiry(domain: Domain) -> tuple[str, str]:
    certificate = domain.current_certificate
    return (at(certificate.not_after), str(certificate.days_left)) if certificate else ("-", "-")


def _issue(domain: Domain, actor: Actor) -> Certificate:
    """Issue in the foreground, showing on a terminal what is going on."""
    console = Console(stderr=True, highlight=False)
    with console.status(f"{domain}: starting", spinner="dots") as status:
        return issue(domain, actor=actor, progress=lambda step: status.update(f"{domain}: {step}"))


def _read(path: Path, option: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{option} {path} is not PEM text (convert DER with: openssl x509 -inform der)") from None
    except OSError as error:
        raise Invalid(f"cannot read {option} {path} ({error.strerror})") from None


def _has_readers(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


class Command(TempsCommand):
    help = "Domains: get, renew and upload their certificates."

    @command()
    def add(
        self,
        domain: Name,
        tls: Mode = Tls.AUTO.value,
        aliases: Annotated[list[str], Option("--alias", help="Another name on the same certificate; repeatable.")] = [],  # noqa: B006
        project: Annotated[str, Option("--project", help="Whose domain it is; the platform's if left out.")] = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Add a domain. With --tls auto its certificate is issued now: port 80 of every name must lead to this server.

        Asking an issuer for a certificate accepts its terms of service.
        """
        actor = acting(as_user)
        owner = project_by_slug(project, actor=actor) if project else None
        made = add_domain(domain, tls=tls, aliases=aliases, project=owner, actor=actor, background=False)
        if made.tls == Tls.AUTO:
            if not as_json:
                print(f"added {made}; asking for its certificate")
            certificate = _issue(made, actor)
            made.refresh_from_db()
            message = f"issued by {certificate.issuer}, valid until {at(certificate.not_after)}"
        else:
            message = f"added {made}; now: temps domain upload-cert --domain {made} --cert FILE --key FILE --chain FILE"
        if as_json:
            show_json(row_of(made))
        else:
            print(message)

    @command("list")
    def list_domains(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The domains that you may see, with what is left of their certificates."""
        domains = Domain.objects.visible_to(acting(as_user)).with_details()
        if as_json:
            show_json([row_of(one) for one in domains])
            return
        show_table(
            ("DOMAIN", "PROJECT", "TLS", "STATUS", "EXPIRES", "DAYS LEFT"),
            ((one.name, one.project or "-", one.tls, one.status.value, *_expiry(one)) for one in domains),
            empty="no domains yet: temps domain add --domain shop.example.com --tls auto",
        )

    @command("cert-status")
    def cert_status(self, domain: Name, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """One domain's certificate: who issued it, how long it lasts, and what comes next."""
        found = domain_by_name(domain, actor=acting(as_user))
        if as_json:
            show_json(row_of(found))
            return
        for label, value in _status_lines(found):
            print(f"{label + ':':<13} {printable(value)}")

    @command("renew-cert")
    def renew_cert(self, domain: Name, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Get a new certificate now. The old one stays until the new one is there."""
        actor = acting(as_user)
        found = request_certificate(domain_by_name(domain, actor=actor), actor=actor, background=False)
        certificate = _issue(found, actor)
        if as_json:
            found.refresh_from_db()
            show_json(row_of(found))
        else:
            print(f"issued by {certificate.issuer}, valid until {at(certificate.not_after)}")

    @command("upload-cert")
    def upload_cert(
        self,
        domain: Name,
        cert: Annotated[Path, Option("--cert", help="The certificate, PEM; it may go on with its chain.")],
        key: Annotated[Path, Option("--key", help="Its private key, PEM, without passphrase.")],
        chain: Annotated[Path | None, Option("--chain", help="The certificates of its issuers, PEM.")] = None,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Put a certificate of your own in place, once it passes every check. The domain is manual from then on."""
        actor = acting(as_user)
        found = domain_by_name(domain, actor=actor)
        stored = upload_certificate(
            found,
            certificate=_read(cert, "--cert"),
            private_key=_read(key, "--key"),
            chain=_read(chain, "--chain") if chain else "",
            actor=actor,
        )
        if _has_readers(key):
            print(f"note: others on this machine can read {key}: chmod 600 {key}", file=sys.stderr)
        if as_json:
            show_json(row_of(stored.domain))
        else:
            print(f"version {stored.version} for {found} by {stored.issuer}, valid until {at(stored.not_after)}")

    @command("set-tls")
    def set_mode(self, domain: Name, tls: Mode, as_user: AsUser = "") -> None:
        """Say where the certificates come from. The current one stays until the next is there."""
        actor = acting(as_user)
        found = set_tls(domain_by_name(domain, actor=actor), tls, actor=actor)
        print(f"{found} is {found.tls}" + ("; a worker gets its certificate" if found.next_attempt_at else ""))

    @command()
    def delete(
        self,
        domain: Name,
        confirm: Annotated[str, Option("--confirm", help="The domain once more: its keys are gone for good.")],
        as_user: AsUser = "",
    ) -> None:
        """Let a domain go, with its certificates and their keys."""
        actor = acting(as_user)
        found = domain_by_name(domain, actor=actor)
        if confirm != found.name:
            raise Invalid(f"to delete it, say --confirm {found.name}")
        delete_domain(found, actor=actor)
        print(f"deleted {found.name}")
