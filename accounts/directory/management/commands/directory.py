"""``temps directory``: people whom an LDAP server knows."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Any

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, Yes, acting, confirm, yes_no
from accounts.directory.linking import Tried, link_account, try_directory, unlink_account
from accounts.directory.management import options
from accounts.directory.models import Directory
from accounts.directory.recheck import recheck_directory
from accounts.directory.services import (
    change_directory,
    create_directory,
    delete_directory,
    directory_by_name,
    require_keeper,
)
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
                    *(yes_no(bool(row["enabled"])), row["accounts"], row["last_error"]),
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
        uri: Annotated[list[str], options.URI],
        user_base: Annotated[str, options.USER_BASE],
        security: Annotated[str, options.SECURITY] = "tls",
        ca_file: Annotated[str, options.CA_FILE] = "",
        bind_dn: Annotated[str, options.BIND_DN] = "",
        user_filter: Annotated[str, options.USER_FILTER] = "(mail=%(user)s)",
        id_attribute: Annotated[str, options.ID_ATTRIBUTE] = "entryUUID",
        mail_attribute: Annotated[str, options.MAIL_ATTRIBUTE] = "mail",
        name_attribute: Annotated[str, options.NAME_ATTRIBUTE] = "cn",
        group_type: Annotated[str, options.GROUP_TYPE] = "member",
        group_base: Annotated[str, options.GROUP_BASE] = "",
        group_filter: Annotated[str, options.GROUP_FILTER] = "(objectClass=groupOfNames)",
        member_attribute: Annotated[str, options.MEMBER_ATTRIBUTE] = "member",
        required_group: Annotated[str, options.REQUIRED_GROUP] = "",
        create_accounts: Annotated[
            bool, Option("--create-accounts", help="Make an account for everyone who signs in.")
        ] = False,
        timeout: Annotated[int, options.TIMEOUT] = 5,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Add a directory. Try it with 'temps directory test'."""
        given = options.given(
            uri=uri,
            ca_file=ca_file,
            security=security,
            bind_dn=bind_dn,
            timeout=timeout,
            user_base=user_base,
            user_filter=user_filter,
            id_attribute=id_attribute,
            mail_attribute=mail_attribute,
            name_attribute=name_attribute,
            create_accounts=create_accounts,
            group_type=group_type,
            group_base=group_base,
            group_filter=group_filter,
            member_attribute=member_attribute,
            required_group=required_group,
        )
        actor, password = acting(as_user), _password() if bind_dn else ""
        made = create_directory(name, actor=actor, bind_password=password, **given)
        if as_json:
            show_json(_row(made))
            return
        print(f"added the directory {made.name} ({made.public_id}); its groups give roles as {made.source}")
        print(f"try it: temps directory test --name {made.name} --login someone@example.com", file=sys.stderr)

    @command()
    def change(
        self,
        name: Name,
        uri: Annotated[list[str] | None, options.URI] = None,
        user_base: Annotated[str | None, options.USER_BASE] = None,
        security: Annotated[str | None, options.SECURITY] = None,
        ca_file: Annotated[str | None, options.CA_FILE] = None,
        bind_dn: Annotated[str | None, options.BIND_DN] = None,
        bind_password_stdin: Annotated[
            bool,
            Option(
                "--bind-password-stdin", help="Read or ask for the password: a new one, or again for another server."
            ),
        ] = False,
        user_filter: Annotated[str | None, options.USER_FILTER] = None,
        id_attribute: Annotated[str | None, options.ID_ATTRIBUTE] = None,
        mail_attribute: Annotated[str | None, options.MAIL_ATTRIBUTE] = None,
        name_attribute: Annotated[str | None, options.NAME_ATTRIBUTE] = None,
        group_type: Annotated[str | None, options.GROUP_TYPE] = None,
        group_base: Annotated[str | None, options.GROUP_BASE] = None,
        group_filter: Annotated[str | None, options.GROUP_FILTER] = None,
        member_attribute: Annotated[str | None, options.MEMBER_ATTRIBUTE] = None,
        required_group: Annotated[str | None, options.REQUIRED_GROUP] = None,
        create_accounts: Annotated[
            bool | None, Option("--create-accounts/--no-create-accounts", help="For everyone who signs in.")
        ] = None,
        timeout: Annotated[int | None, options.TIMEOUT] = None,
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Change a directory; what is left out stays, and an empty value takes back what was set."""
        given = options.given(
            uri=uri,
            ca_file=ca_file,
            security=security,
            bind_dn=bind_dn,
            timeout=timeout,
            user_base=user_base,
            user_filter=user_filter,
            id_attribute=id_attribute,
            mail_attribute=mail_attribute,
            name_attribute=name_attribute,
            create_accounts=create_accounts,
            group_type=group_type,
            group_base=group_base,
            group_filter=group_filter,
            member_attribute=member_attribute,
            required_group=required_group,
        )
        if not given and not bind_password_stdin:
            raise Invalid("say what to change: temps directory change --help lists the settings")
        actor = acting(as_user)
        directory = directory_by_name(name, actor=actor)
        password = _password() if bind_dn or bind_password_stdin else ""
        changed = change_directory(directory, actor=actor, bind_password=password, **given)
        if as_json:
            show_json(_row(changed))
            return
        print(f"changed the directory {changed.name}")
        print(f"try it: temps directory test --name {changed.name} --login someone@example.com", file=sys.stderr)

    @command()
    def enable(self, name: Name, as_user: AsUser = "") -> None:
        """Ask it again when people sign in."""
        actor = acting(as_user)
        directory = change_directory(directory_by_name(name, actor=actor), actor=actor, enabled=True)
        print(f"people of {directory.name} sign in again")

    @command()
    def disable(self, name: Name, as_user: AsUser = "") -> None:
        """Ask it nothing: nobody signs in with its passwords. Links and roles stay, and sessions go on."""
        actor = acting(as_user)
        directory = change_directory(directory_by_name(name, actor=actor), actor=actor, enabled=False)
        print(f"nobody signs in with a password of {directory.name} any more")

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
    def remove(self, name: Name, yes: Yes = False, as_user: AsUser = "") -> None:
        """Remove a directory and the roles that its groups gave. Its accounts stay, without a password."""
        actor = acting(as_user)
        directory = directory_by_name(name, actor=actor)
        left = directory.accounts.count()
        confirm(
            f"remove {directory.name} and the roles that its groups gave; "
            f"{left} account{' stays' if left == 1 else 's stay'}, without a password",
            yes=yes,
        )
        delete_directory(directory, actor=actor)
        print(f"removed {directory.name}")
