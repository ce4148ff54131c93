"""What a connection to a directory refuses: strange certificates, silence, references elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.directory.asking import look_up, with_password
from accounts.directory.errors import DirectoryFault
from accounts.directory.models import Directory
from tests.certificates import made
from tests.slapd import PEOPLE, SUFFIX, Slapd

pytestmark = [pytest.mark.django_db, pytest.mark.promise("A-16")]

Make = Callable[..., Directory]
SECRET = "a phrase that only the directory knows"


def refused(directory: Directory) -> str:
    with pytest.raises(DirectoryFault) as fault:
        look_up(directory, "alice@example.com")
    return fault.value.message


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_for_another_name_is_refused(make: Make, server: Slapd, security: str) -> None:
    scheme, port = ("ldaps", server.tls_port) if security == "tls" else ("ldap", server.port)
    assert refused(make(uris=f"{scheme}://localhost:{port}", security=security))
    assert look_up(make(uris=f"{scheme}://127.0.0.1:{port}", security=security, name="right"), "alice") is None


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("bundle", ["another", "system"])
def test_a_certificate_of_an_unknown_authority_is_refused(
    make: Make, server: Slapd, security: str, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    uri = server.ldaps if security == "tls" else server.ldap
    assert refused(make(uris=uri, security=security, ca_bundle=made.authority().pem if bundle == "another" else ""))


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_a_server_that_says_nothing_is_left(make: Make, mute: int, security: str) -> None:
    scheme = "ldaps" if security == "tls" else "ldap"
    directory = make(uris=f"{scheme}://127.0.0.1:{mute}", security=security, ca_bundle="", timeout=1)
    assert refused(directory)
    with pytest.raises(DirectoryFault):
        with_password(directory, "alice@example.com", SECRET)
    directory.refresh_from_db()
    assert directory.rests


def test_what_failed_a_moment_ago_is_not_asked_again(make: Make, server: Slapd) -> None:
    directory = make(user_base=f"ou=absent,{SUFFIX}")
    with pytest.raises(DirectoryFault, match="there is no ou=absent"):
        with_password(directory, "alice@example.com", SECRET)
    directory.refresh_from_db()
    directory.uris = "ldaps://192.0.2.1"
    with pytest.raises(DirectoryFault, match="there is no ou=absent"):
        with_password(directory, "alice@example.com", SECRET)


def test_a_reference_to_another_server_is_not_followed(make: Make, server: Slapd) -> None:
    directory = make()
    with server.as_root() as root:
        values = [("objectClass", [b"referral", b"extensibleObject"]), ("ou", [b"elsewhere"])]
        there = f"ldap://127.0.0.1:{server.port}/{PEOPLE}??sub?(mail=*)"
        root.add_s(f"ou=elsewhere,{PEOPLE}", [*values, ("ref", [there.encode()])])
    try:
        assert look_up(directory, "alice@example.com") is None
        server.add_person("alice", SECRET)
        found = look_up(directory, "alice@example.com")
        assert found is not None
        assert found.entry.mails == ("alice@example.com",)
    finally:
        _remove_reference(server)


def _remove_reference(server: Slapd) -> None:
    from ldap.controls.simple import ManageDSAITControl

    with server.as_root() as root:
        root.delete_ext_s(f"ou=elsewhere,{PEOPLE}", serverctrls=[ManageDSAITControl()])


def test_the_wrong_password_of_the_bind_dn_is_a_fault_and_not_a_wrong_sign_in(make: Make, server: Slapd) -> None:
    assert "Invalid credentials" in refused(make(bind_password="not the secret of the reader"))


def test_a_server_that_shows_nothing_to_strangers_finds_nobody(make: Make, server: Slapd) -> None:
    server.add_person("alice", SECRET)
    assert "There is no" in refused(make(bind_dn="", bind_password="")).capitalize()


def test_an_entry_without_the_id_attribute_is_refused(make: Make, server: Slapd) -> None:
    server.add_person("alice", SECRET)
    assert "no single employeeNumber" in refused(make(id_attribute="employeeNumber"))


def test_the_reader_s_own_entry_is_no_person(make: Make, server: Slapd) -> None:
    directory = make(user_filter="(cn=%(local)s)")
    assert look_up(directory, "reader@example.com") is None


def test_the_groups_of_active_directory_are_asked_by_its_rule(make: Make, server: Slapd) -> None:
    alice = server.add_person("alice", SECRET)
    server.set_group("admins", alice)
    directory = make(group_type="nested")
    found = look_up(directory, "alice@example.com")  # OpenLDAP does not know the rule, and so no group fits it
    assert found is not None
    assert found.groups == ()
