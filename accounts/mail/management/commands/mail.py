"""``temps mail``: the server that mail goes out through."""

from __future__ import annotations

import contextlib
import getpass
import logging
import sys
from collections.abc import Iterator
from typing import Annotated

from django.conf import settings
from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from accounts.mail import backend, services
from accounts.mail.condition import trouble
from accounts.mail.models import Security
from accounts.mail.providers import fields_of
from accounts.mail.services import Given
from temps.lib import clock
from temps.lib.cli import show_json
from temps.lib.errors import Invalid, Unavailable


def _secret() -> str:
    """One line of standard input; asked for, unseen, at a terminal."""
    secret = getpass.getpass("Secret: ") if sys.stdin.isatty() else sys.stdin.readline(8192).rstrip("\r\n")
    if not secret:
        raise Invalid("there is no secret on standard input", field="secret")
    return secret


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """What came of a test is the answer of the command. The log is standard error here, and would say it before."""
    log = logging.getLogger(backend.__name__)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


class Command(TempsCommand):
    help = "Mail: the server that messages go out through."

    @command()
    def status(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Say which server is set."""
        server = services.mail_server(actor=acting(as_user))
        row: dict[str, object] = {"source": "temps" if server else "environment" if settings.EMAIL_HOST else None}
        if server is not None:
            row |= {name: getattr(server, name) for name in ("provider", "from_email", *fields_of(server.provider))}
            row |= {"has_secret": server.sealed_secret is not None, "updated_at": clock.iso(server.updated_at)}
            row |= {"failed_at": clock.iso(server.failed_at) if server.failed_at else None}
            row |= {"last_error": server.last_error or None}
        if as_json:
            show_json(row)
        elif server is not None:
            print(f"mail goes out through {server}, from {server.from_email}")
            if why := trouble():
                print(why)
        elif settings.EMAIL_HOST:
            print("mail goes out through the server of the environment (EMAIL_HOST)")
        else:
            print("no mail server is set: temps mail set --provider smtp --host mail.example.com --from EMAIL")

    @command("set")
    def set_server(
        self,
        from_email: Annotated[str, Option("--from", metavar="EMAIL", help="The address that messages come from.")],
        provider: Annotated[
            str, Option("--provider", help="smtp, amazon_ses, brevo, mailersend, mailgun, postmark, resend, sparkpost.")
        ] = "smtp",
        host: Annotated[str, Option("--host", help="Of an SMTP server.")] = "",
        port: Annotated[int, Option("--port", min=1, max=65535, help="Of an SMTP server.")] = 587,
        security: Annotated[str, Option("--security", help="starttls, tls or none.")] = Security.STARTTLS.value,
        username: Annotated[str, Option("--username", help="Of SMTP and Amazon SES.")] = "",
        domain: Annotated[str, Option("--domain", help="Of Mailgun.")] = "",
        region: Annotated[str, Option("--region", help="Of Amazon SES and Mailgun.")] = "",
        api_url: Annotated[str, Option("--api-url", help="Where the provider's API is, if moved.")] = "",
        secret_stdin: Annotated[
            bool, Option("--secret-stdin", help="Read the password or key from standard input; asks on a terminal.")
        ] = False,
        as_user: AsUser = "",
    ) -> None:
        """Send through this server from now on. Without --secret-stdin the secret stays as it is."""
        given: Given = {"host": host, "port": port, "security": security, "username": username}
        given |= {"domain": domain, "region": region, "api_url": api_url}
        secret = _secret() if secret_stdin else ""
        server = services.set_mail_server(provider, from_email, secret=secret, actor=acting(as_user), **given)
        print(f"mail goes out through {server}, from {server.from_email}")
        print("try it: temps mail test --to you@example.com", file=sys.stderr)

    @command()
    def test(
        self, to: Annotated[str, Option("--to", metavar="EMAIL", help="Who gets it.")], as_user: AsUser = ""
    ) -> None:
        """Send a test message and say what came of it."""
        with _unlogged():
            tried = services.send_test(to, actor=acting(as_user))
        if not tried.delivered:
            raise Unavailable(tried.answer)
        print(tried.answer)

    @command()
    def remove(self, as_user: AsUser = "") -> None:
        """Forget the server and its secret."""
        services.remove_mail_server(actor=acting(as_user))
        print("removed the mail server")
