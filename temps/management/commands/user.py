"""``temps user``: who exists, and what they may do."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting, at, yes_no
from accounts.links.addresses import base_url_without_request
from accounts.links.invitations import invite
from accounts.links.resets import send_reset_link
from accounts.lockout.services import unlock
from accounts.mail.condition import trouble
from accounts.mfa.factors import Factor, list_factors, reset_factors
from accounts.mfa.recovery import recovery_codes_of
from accounts.models import User
from accounts.policy import has_second_factor, mfa_required_of, set_require_mfa
from accounts.privacy.persons import archive_of, erase_person
from accounts.services import create_user, set_active, set_password, user_by_email, visible_user_by_email
from projects.models import Environment, Project
from projects.services import environment_by_slug, project_by_slug
from rbac.permissions import Permission
from rbac.services import allowed_anywhere, assign_role, permissions_of, remove_role
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid, NotFound

Email = Annotated[str, Option("--email", metavar="EMAIL")]
InProject = Annotated[str, Option("--project", metavar="SLUG", help="On this project; on the platform if left out.")]
InEnvironment = Annotated[str, Option("--env", metavar="SLUG", help="In this environment of the project alone.")]
PasswordStdin = Annotated[
    bool, Option("--password-stdin", help="Read the password from standard input; asks for it on a terminal.")
]


def _password() -> str:
    """The password from standard input, one line; asked for twice where a person types it."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline(4096).rstrip("\r\n")
    else:
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Password again: "):
            raise Invalid("the two passwords differ", field="password")
    if not password:
        raise Invalid("the password on standard input is empty", field="password")
    return password


def _scope(project: str, env: str, actor: Actor) -> tuple[Project | None, Environment | None]:
    if not project:
        if env:
            raise Invalid("--env needs --project", field="env")
        return None, None
    found = project_by_slug(project, actor=actor)
    return found, environment_by_slug(found, env)


def _grantee(email: str, actor: Actor) -> User:
    """Whoever manages roles somewhere may name any account by its address; a team is made that way."""
    if allowed_anywhere(actor, Permission.ROLES_CREATE):
        return user_by_email(email)
    return visible_user_by_email(email, actor=actor)


def _row(user: User) -> dict[str, object]:
    return {
        "id": user.public_id,
        "email": user.email,
        "name": user.name,
        "kind": user.kind,
        "is_active": user.is_active,
        "second_factor": has_second_factor(user),
        "roles": [{"role": grant.role, "scope": grant.scope} for grant in user.grants.all()],
        "last_login": clock.iso(user.last_login) if user.last_login else None,
    }


def _factor_row(factor: Factor) -> dict[str, str | None]:
    return {
        "id": factor.public_id,
        "kind": factor.kind,
        "name": factor.name,
        "created_at": clock.iso(factor.created_at),
        "last_used_at": clock.iso(factor.last_used_at) if factor.last_used_at else None,
    }


class Command(TempsCommand):
    help = "Accounts: make, list and disable them, and say what they may do."

    @command()
    def create(
        self,
        email: Email,
        name: Annotated[str, Option("--name")] = "",
        role: Annotated[str, Option("--role", help="A role on the platform: admin, developer or viewer.")] = "",
        password_stdin: PasswordStdin = False,
        as_user: AsUser = "",
    ) -> None:
        """Make an account for a person. Without a password they cannot sign in yet."""
        password = _password() if password_stdin else None
        user = create_user(email, name=name, password=password, role=role, actor=acting(as_user))
        held = f" with the role {role} on the platform" if role else ""
        later = "" if password else f"; set a password: temps user set-password --email {user.email} --password-stdin"
        print(f"created {user.email}{held}{later}")
        if mfa_required_of(user):
            print(
                "the policy demands a second factor of them: it is enrolled at the first sign-in, in a browser, and "
                "until then the API and their keys are closed to them",
                file=sys.stderr,
            )

    @command()
    def invite(
        self,
        email: Email,
        role: Annotated[str, Option("--role", help="On the project or platform; none for an account alone.")] = "",
        project: InProject = "",
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Mail someone a link to make their account; without a mail server, print it to hand over."""
        actor = acting(as_user)
        found, _environment = _scope(project, "", actor)
        made = invite(email, role=role, project=found, base_url=base_url_without_request(), actor=actor)
        invitation = made.invitation
        if as_json:
            row: dict[str, object] = {"id": invitation.public_id, "email": invitation.email, "role": invitation.role}
            until = clock.iso(invitation.expires_at)
            row |= {"scope": invitation.scope, "expires_at": until, "link": made.link or None}
            show_json(row | {"mail_trouble": trouble() or None})
        elif made.link:
            to = invitation.email
            print(f"no mail server is set: hand this link over to {to}, and to nobody else:", file=sys.stderr)
            print(made.link)
        else:
            print(f"invited {invitation.email}: {invitation.offer}; a link is on its way")
            if why := trouble():
                print(f"{why}; Temps tries again until the invitation expires", file=sys.stderr)

    @command("list")
    def list_users(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The accounts that you may see."""
        users = User.objects.visible_to(acting(as_user)).prefetch_related(
            "totp_devices", "passkeys", "grants__project", "grants__environment"
        )
        if as_json:
            show_json([_row(user) for user in users])
            return
        show_table(
            ("EMAIL", "NAME", "KIND", "ACTIVE", "SECOND FACTOR", "ROLES"),
            (
                (
                    *(user.email, user.name, user.kind, yes_no(user.is_active), yes_no(has_second_factor(user))),
                    ", ".join(str(grant) for grant in user.grants.all()) or "none",
                )
                for user in users
            ),
            empty="no users yet: temps user create --email you@example.com --role admin --password-stdin",
        )

    @command("set-password")
    def set_password(self, email: Email, password_stdin: PasswordStdin = False, as_user: AsUser = "") -> None:
        """Give someone a new password, read from standard input. Their sessions and tokens end."""
        if not password_stdin:
            raise Invalid("say --password-stdin: a password in the arguments would stand in the list of processes")
        actor = acting(as_user)
        user = set_password(visible_user_by_email(email, actor=actor), _password(), actor=actor)
        print(f"set the password of {user.email}")

    @command("send-password-link")
    def send_password_link(self, email: Email, as_user: AsUser = "") -> None:
        """Mail someone a link to choose a new password with, for a day. The present one works until they do."""
        actor = acting(as_user)
        user = visible_user_by_email(email, actor=actor)
        link = send_reset_link(user, base_url=base_url_without_request(), actor=actor)
        print(f"a link for a new password is on its way to {user.email}, good until {clock.iso(link.expires_at)}")
        if why := trouble():
            print(f"{why}; Temps tries again until the link expires", file=sys.stderr)

    @command()
    def mfa(self, email: Email, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The second factors that someone has, and how many recovery codes they have left."""
        user = visible_user_by_email(email, actor=acting(as_user))
        factors, codes = list_factors(user), recovery_codes_of(user)
        if as_json:
            rows = [_factor_row(factor) for factor in factors]
            show_json({"factors": rows, "recovery_codes_left": codes.left if codes else None})
            return
        show_table(
            ("ID", "KIND", "NAME", "ADDED", "LAST USED"),
            (
                (factor.public_id, factor.kind, factor.name, at(factor.created_at), at(factor.last_used_at))
                for factor in factors
            ),
            empty=f"{user.email} has no second factor: they set one up in the console, under Security",
        )
        if codes:
            print(f"recovery codes left: {codes.left}")

    @command("reset-mfa")
    def reset_mfa(self, email: Email, as_user: AsUser = "") -> None:
        """Take all second factors, and the recovery codes, of someone who lost them away."""
        actor = acting(as_user)
        user = visible_user_by_email(email, actor=actor)
        removed = reset_factors(user, actor=actor)
        print(f"removed {removed} second factor{'s' * (removed != 1)} of {user.email}")

    @command("require-mfa")
    def require_mfa(
        self,
        of: Annotated[str, Option("--of", metavar="WHOM", help="off, admins or everyone.")],
        as_user: AsUser = "",
    ) -> None:
        """Say of whom a second factor is required."""
        policy = set_require_mfa(of, actor=acting(as_user))
        print(f"a second factor is required of: {policy.get_require_mfa_display()}")

    @command()
    def disable(self, email: Email, as_user: AsUser = "") -> None:
        """Disable an account: its sessions, tokens and keys stop at once."""
        self._set_active(email, False, as_user)

    @command()
    def enable(self, email: Email, as_user: AsUser = "") -> None:
        """Enable an account again."""
        self._set_active(email, True, as_user)

    @command()
    def unlock(self, email: Email, as_user: AsUser = "") -> None:
        """Lift the lockout of an account at which somebody guessed."""
        actor = acting(as_user)
        user = visible_user_by_email(email, actor=actor)
        unlock(user, actor=actor)
        print(f"lifted the lockout of {user.email}")

    @command()
    def export(self, email: Email, as_user: AsUser = "") -> None:
        """Print everything that is held on a person, without secrets, as one JSON archive."""
        actor = acting(as_user)
        show_json(archive_of(visible_user_by_email(email, actor=actor), actor=actor))

    @command()
    def erase(
        self,
        email: Email,
        confirm: Annotated[str, Option("--confirm", metavar="EMAIL", help="The address once more.")] = "",
        as_user: AsUser = "",
    ) -> None:
        """Erase a person: the account and all that belongs to it. The audit history keeps a pseudonym."""
        actor = acting(as_user)
        pseudonym = erase_person(visible_user_by_email(email, actor=actor), confirm=confirm, actor=actor)
        print(f"erased; the audit history calls them {pseudonym}")

    def _set_active(self, email: str, active: bool, as_user: str) -> None:
        actor = acting(as_user)
        user = set_active(visible_user_by_email(email, actor=actor), active, actor=actor)
        print(f"{'enabled' if active else 'disabled'} {user.email}")

    @command("assign-role")
    def assign_role(
        self,
        email: Email,
        role: Annotated[str, Option("--role")],
        project: InProject = "",
        env: InEnvironment = "",
        as_user: AsUser = "",
    ) -> None:
        """Give a role on the platform, on a project or in one environment, in place of the one held there."""
        actor = acting(as_user)
        found, environment = _scope(project, env, actor)
        user = _grantee(email, actor)
        grant = assign_role(user, role, project=found, environment=environment, actor=actor)
        print(f"{user.email} is now {grant.role} on {grant.scope}")

    @command("remove-role")
    def remove_role(self, email: Email, project: InProject = "", env: InEnvironment = "", as_user: AsUser = "") -> None:
        """Take the role away that someone holds there."""
        actor = acting(as_user)
        found, environment = _scope(project, env, actor)
        user = _grantee(email, actor)
        grant = user.grants.filter(project=found, environment=environment).first()
        if grant is None:
            raise NotFound(f"{user.email} holds no role there")
        what = str(grant)
        remove_role(grant, actor=actor)
        print(f"{user.email} is no longer {what}")

    @command()
    def permissions(self, email: Email, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """What someone may do, and which role gives it."""
        user = visible_user_by_email(email, actor=acting(as_user))
        rows = [(one.permission.value, one.scope, one.role) for one in permissions_of(user)]
        if as_json:
            show_json([dict(zip(("permission", "scope", "role"), row, strict=True)) for row in rows])
            return
        show_table(("PERMISSION", "SCOPE", "ROLE"), rows, empty=f"{user.email} holds no role, so no permission")
