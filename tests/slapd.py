"""A private OpenLDAP server with TLS, on free ports, and the people whom it knows."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.certificates import made
from tests.peers import accepts, find, free_port, missing, running, wait_for

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
ROOT = f"cn=root,{SUFFIX}"
READER = f"cn=reader,{SUFFIX}"
SECRET = "the secret of the server"
READER_SECRET = "the secret of the reader"

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {home}/pid
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/server.pem
TLSCertificateKeyFile {home}/server.key
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
database mdb
suffix "{suffix}"
rootdn "{root}"
rootpw "{secret}"
directory {home}/data
overlay memberof
"""

TREE = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {READER_SECRET}
"""


@dataclass
class Slapd:
    home: Path
    port: int
    tls_port: int
    authority: str
    """PEM."""

    @property
    def ldaps(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ldap(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def as_root(self) -> Iterator[Any]:
        import ldap

        connection = ldap.initialize(f"ldap://127.0.0.1:{self.port}")
        connection.simple_bind_s(ROOT, SECRET)
        try:
            yield connection
        finally:
            connection.unbind_s()

    def add_person(self, uid: str, password: str = "", *, cn: str = "", mail: str | None = None, **more: str) -> str:
        """The distinguished name of a new person ``uid@example.com``."""
        import ldap.dn

        dn = f"cn={ldap.dn.escape_dn_chars(cn or uid)},{PEOPLE}"
        values = {
            "cn": cn or uid,
            "sn": uid,
            "uid": uid,
            "mail": f"{uid}@example.com" if mail is None else mail,
            **more,
        }
        if password:
            values["userPassword"] = password
        attributes = [(name, [value.encode()]) for name, value in values.items() if value]
        with self.as_root() as root:
            root.add_s(dn, [("objectClass", [b"inetOrgPerson"]), *attributes])
        return dn

    def set_group(self, name: str, *members: str) -> str:
        """Make the group, or change who is in it; the distinguished name."""
        import ldap

        dn = f"cn={name},{GROUPS}"
        values = [member.encode() for member in members] or [ROOT.encode()]
        with self.as_root() as root:
            try:
                root.modify_s(dn, [(ldap.MOD_REPLACE, "member", values)])
            except ldap.NO_SUCH_OBJECT:
                root.add_s(dn, [("objectClass", [b"groupOfNames"]), ("cn", [name.encode()]), ("member", values)])
        return dn

    def remove(self, dn: str) -> None:
        with self.as_root() as root:
            root.delete_s(dn)

    def change(self, dn: str, attribute: str, *values: str) -> None:
        import ldap

        with self.as_root() as root:
            root.modify_s(dn, [(ldap.MOD_REPLACE, attribute, [value.encode() for value in values])])

    def clear(self) -> None:
        """Remove everybody, and every group."""
        import ldap

        with self.as_root() as root:
            for base in (PEOPLE, GROUPS):
                for dn, _attributes in root.search_s(base, ldap.SCOPE_ONELEVEL, attrlist=["1.1"]):
                    root.delete_s(dn)


@contextlib.contextmanager
def slapd() -> Iterator[Slapd]:
    """A server on free ports whose certificate is for 127.0.0.1 alone."""
    program = find("slapd", "slapd")
    adder = find("slapadd", "slapd")
    with tempfile.TemporaryDirectory(prefix="temps-slapd-") as name:
        home = Path(name)
        root = made.authority()
        issued = made.server("127.0.0.1", issuer=root)
        (home / "ca.pem").write_text(root.pem)
        (home / "server.pem").write_text(issued.pem)
        (home / "server.key").write_text(issued.key_pem)
        (home / "data").mkdir()
        (home / "tree.ldif").write_text(TREE)
        config = home / "slapd.conf"
        config.write_text(CONFIG.format(home=home, suffix=SUFFIX, root=ROOT, secret=SECRET, reader=READER))
        subprocess.run([adder, "-f", config, "-l", home / "tree.ldif"], check=True, capture_output=True)
        server = Slapd(home, free_port(), free_port(), root.pem)
        addresses = f"ldap://127.0.0.1:{server.port} ldaps://127.0.0.1:{server.tls_port}"
        with running([program, "-f", str(config), "-h", addresses, "-d", "0"], log=home / "log"):
            wait_for(lambda: accepts(server.port) and accepts(server.tls_port), "slapd answering")
            yield server


def require_python_ldap() -> None:
    """Skip where the extra is not installed."""
    try:
        import ldap  # noqa: F401
    except ImportError:
        missing("python-ldap is not installed: apt-get install libldap2-dev libsasl2-dev, then make ldap")
