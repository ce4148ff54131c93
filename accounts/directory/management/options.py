"""What ``temps directory add`` and ``change`` take: the settings of a directory as options."""

from __future__ import annotations

from typing import Any, cast

from typer import Option

from accounts.cli import ca_bundle
from accounts.directory.given import CA_BUNDLE_LIMIT, Given

URI = Option("--uri", help="ldaps://HOST; again for a second server.")
SECURITY = Option("--security", help="tls, starttls, or none for localhost.")
CA_FILE = Option("--ca-file", help="PEM file of the authorities; the system's if left out, or empty.")
BIND_DN = Option("--bind-dn", metavar="DN", help="Who searches; asks for the password, or reads it from stdin.")
TIMEOUT = Option("--timeout", min=1, max=30, help="Seconds.")
USER_BASE = Option("--user-base", metavar="DN", help="Beneath which people are.")
USER_FILTER = Option("--user-filter", help="%(user)s is the address typed, %(local)s what is before its @.")
ID_ATTRIBUTE = Option("--id-attribute", help="objectGUID in Active Directory.")
MAIL_ATTRIBUTE = Option("--mail-attribute")
NAME_ATTRIBUTE = Option("--name-attribute")
GROUP_TYPE = Option("--group-type", help="member, memberof, or nested (AD).")
GROUP_BASE = Option("--group-base", metavar="DN", help="The user base if left out.")
GROUP_FILTER = Option("--group-filter")
MEMBER_ATTRIBUTE = Option("--member-attribute")
REQUIRED_GROUP = Option("--required-group", metavar="DN", help="Only its members sign in.")


def given(*, uri: list[str] | None, ca_file: str | None, **named: Any) -> Given:
    """The settings that were given; those that are None were not."""
    servers = " ".join(uri) if uri else None
    authorities = ca_bundle(ca_file, most=CA_BUNDLE_LIMIT) if ca_file else ca_file
    options = named | {"uris": servers, "ca_bundle": authorities}
    return cast(Given, {name: value for name, value in options.items() if value is not None})
