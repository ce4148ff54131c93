"""``temps directory``: people whom an LDAP server knows."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from accounts.directory.given import CA_BUNDLE_LIMIT, Given
from accounts.directory.linking import Tried, link_account, try_directory, unlink_account
from accounts.directory.models import Directory
from accounts.directory.recheck import recheck_directory
from accounts.directory.services import create_directory, delete_directory, directory_by_name, require_keeper
from accounts.directory.sign_in import WORKER
from accounts.services import visible_user_by_email
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import printable, show_json, show_table
from temps.lib.errors import Invalid, Unavailable

Name = Annotated[str, Option("--name", help="What the directory is called.")]
Login = Annotated[str, Option("--login", help="What the person types to sign in.")]
Email = Annotated[str, Option("--email", metavar="EMAIL", help="The account that is here.")]


def _password() -> str:
    """The password of the bind DN: a line of standard input, or asked for, unseen, at a terminal."""
    if sys.stdin.isatty():
        return getpass.getpass("password of the bind DN: ")
    return sys.stdin.readline(4096).rstrip("\r\n")


def _file(name: str) -> str:
    try:
        with Path(name).expanduser().open(encoding="ascii") as file:
            return file.read(CA_BUNDLE_LIMIT + 1)
    except OSError as error:
        raise Invalid(f"cannot read {name}: {error.strerror}", field="ca_file") from None
    except UnicodeDecodeError:
        raise Invalid(f"{name} holds no certificates in PEM form", field="ca_file") from None


def _row(directory: Directory) -> dict[str, object]:
    return {
        "id": directory.public_id,
        "name": directory.name,
        "source": directory.source,
        "servers": directory.uris.split(),
        "security": directory.security,
        "enabled": directory.enabled,
        "create_accounts": directory.create_accounts,
        "accounts": directory.accounts.count(),
        "last_ok_at": clock.iso(directory.last_ok_at) if directory.last_ok_at else None,
        "last_error": directory.last_error if directory.is_failing else "",
    }


def _found(tried: Tried) -> dict[str, Any]:
    known = tried.known
    return {
        "problem": tried.problem,
        "dn": known.entry.dn if known else "",
        "name": known.entry.name if known else "",
        "mails": list(known.entry.mails) if known else [],
        "groups": list(known.groups) if known else [],
    }


class Command(TempsCommand):
    help = "Directories: people whom an LDAP server or Active Directory knows."

    @command("list")
    def list_directories(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The directories, and what is wrong with them."""
        rows = [_row(directory) for directory in Directory.objects.visible_to(acting(as_user))]
        if as_json:
            show_json(rows)
            return
        show_table(
            ("DIRECTORY", "SERVERS", "ENCRYPTION", "ENABLED", "ACCOUNTS", "LAST ERROR"),
            (
                (
                    *(row["name"], " ".join(row["servers"]), row["security"]),  # type: ignore[arg-type]
                    *("yes" if row["enabled"] else "no", row["accounts"], row["last_error"]),
                )
                for row in rows
            ),
            empty="no directories yet: temps directory add --name corp --uri ldaps://ldap.example.com "
            "--user-base ou=people,dc=example,dc=com",
        )

    @command()
    def add(
        self,
        name: Name,
        uri: Annotated[list[str], Option("--uri", help="ldaps://HOST; again for a second server.")],
        user_base: Annotated[str, Option("--user-base", metavar="DN", help="Beneath which people are.")],
        security: Annotated[str, Option("--security", help="tls, starttls, or none for localhost.")] = "tls",
        ca_file: Annotated[
            str, Option("--ca-file", help="PEM file of the authorities; the system's if left out.")
        ] = "",
        bind_dn: Annotated[
            str, Option("--bind-dn", metavar="DN", help="Who searches; asks for the password, or reads it from stdin.")
        ] = "",
        user_filter: Annotated[
            str, Option("--user-filter", help="%(user)s is the address typed, %(local)s what is before its @.")
        ] = "(mail=%(user)s)",
        id_attribute: Annotated[str, Option("--id-attribute", help="objectGUID in Active Directory.")] = "entryUUID",
        mail_attribute: Annotated[str, Option("--mail-attribute")] = "mail",
        name_attribute: Annotated[str, Option("--name-attribute")] = "cn",
        group_type: Annotated[str, Option("--group-type", help="member, memberof, or nested (AD).")] = "member",
        group_base: Annotated[str, Option("--group-base", metavar="DN", help="The user base if left out.")] = "",
        group_filter: Annotated[str, Option("--group-filter")] = "(objectClass=groupOfNames)",
        member_attribute: Annotated[str, Option("--member-attribute")] = "member",
        required_group: Annotated[str, Option("--required-group", metavar="DN", help="Only its members sign in.")] = "",
        create_accounts: Annotated[
            bool, Option("--create-accounts", help="Make an account for everyone who signs in.")
        ] = False,
        timeout: Annotated[int, Option("--timeout", min=1, max=30, help="Seconds.")] = 5,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Add a directory. Try it with 'temps directory test'."""
        given: Given = {
            "uris": " ".join(uri),
            "security": security,
            "ca_bundle": _file(ca_file) if ca_file else "",
            "bind_dn": bind_dn,
            "timeout": timeout,
            "user_base": user_base,
            "user_filter": user_filter,
            "id_attribute": id_attribute,
            "mail_attribute": mail_attribute,
            "name_attribute": name_attribute,
            "create_accounts": create_accounts,
            "group_type": group_type,
            "group_base": group_base,
            "group_filter": group_filter,
            "member_attribute": member_attribute,
            "required_group": required_group,
        }
        actor, password = acting(as_user), _password() if bind_dn else ""
        made = create_directory(name, actor=actor, bind_password=password, **given)
        if as_json:
            show_json(_row(made))
            return
        print(f"added the directory {made.name} ({made.public_id}); its groups give roles as {made.source}")
        print(f"try it: temps directory test --name {made.name} --login someone@example.com", file=sys.stderr)

    @command()
    def test(self, name: Name, login: Login, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """Look somebody up, without their password: the entry, and the groups that give them roles."""
        actor = acting(as_user)
        tried = try_directory(directory_by_name(name, actor=actor), login, actor=actor)
        found = _found(tried)
        if as_json:
            show_json(found)
        elif tried.known is not None:
            print(f"entry   {printable(found['dn'])}")
            print(f"name    {printable(found['name'])}")
            print(f"mail    {printable(', '.join(found['mails'])) or 'none'}")
            print("\n".join(["groups", *(f"        {printable(group)}" for group in found["groups"] or ["none"])]))
        if tried.problem:
            raise Unavailable(tried.problem)

    @command()
    def link(self, name: Name, email: Email, login: Login, as_user: AsUser = "") -> None:
        """Let the directory check the password of an account that is here already; the one it had ends."""
        actor = acting(as_user)
        directory = directory_by_name(name, actor=actor)
        user = visible_user_by_email(email, actor=actor)
        link_account(user, directory, login, actor=actor)
        print(f"{directory.name} checks the password of {user.email} from now on")

    @command()
    def unlink(self, email: Email, as_user: AsUser = "") -> None:
        """Let no directory check the password of an account; it has none until it is given one."""
        actor = acting(as_user)
        user = visible_user_by_email(email, actor=actor)
        unlink_account(user, actor=actor)
        print(f"no directory checks the password of {user.email} any more: temps user set-password gives them one")

    @command()
    def recheck(self, name: Name, as_user: AsUser = "") -> None:
        """Ask about everybody now, as happens every hour: who is gone is disabled, and roles follow groups."""
        actor = acting(as_user)
        require_keeper(actor)
        done = recheck_directory(directory_by_name(name, actor=actor), actor=Actor.system(WORKER))
        print(f"{done.present} known, {done.gone} gone or disabled")

    @command()
    def remove(self, name: Name, as_user: AsUser = "") -> None:
        """Remove a directory and the roles that its groups gave. Its accounts stay, without a password."""
        actor = acting(as_user)
        delete_directory(directory_by_name(name, actor=actor), actor=actor)
        print(f"removed {name}")
