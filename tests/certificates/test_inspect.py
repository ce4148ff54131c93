"""Every reason for which a certificate is refused, made for real."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates.inspect import inspect
from temps.lib.errors import Invalid
from tests import peers
from tests.certificates.made import Made, authority, server

NAME = "shop.example.com"
pytestmark = pytest.mark.promise("C-04")


def refused(certificate: Made | str, key: Made | str, chain: str, *, names: tuple[str, ...] = (NAME,)) -> Invalid:
    """The refusal, which shows nothing of the key."""
    pem = certificate.pem if isinstance(certificate, Made) else certificate
    key_pem = key.key_pem if isinstance(key, Made) else key
    with pytest.raises(Invalid) as error:
        inspect(pem, key_pem, chain, names=names)
    assert not any(line and line in error.value.message for line in key_pem.splitlines())
    return error.value


def test_a_sound_certificate_passes(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    found = inspect(leaf.pem, leaf.key_pem, root.pem, names=[NAME])
    assert (found.names, found.issuer, found.key_type) == ([NAME], "Test Root", "EC P-256")
    assert int(found.serial, 16) == leaf.certificate.serial_number
    assert found.chain == leaf.pem + root.pem
    assert leaf.key_pem not in repr(found)


def test_a_server_may_have_signed_itself() -> None:
    leaf = server(NAME)
    assert inspect(leaf.pem, leaf.key_pem, names=[NAME]).chain == leaf.pem


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["RSA", "P-384", "Ed25519"],
)
def test_keys_of_every_safe_kind_pass(root: Made, key: object) -> None:
    leaf = server(NAME, issuer=root, key=key)
    assert inspect(leaf.pem, leaf.key_pem, root.pem, names=[NAME]).private_key.decode() == leaf.key_pem


def test_the_chain_is_put_in_order_wherever_it_stood(root: Made) -> None:
    middle = authority("Middle", issuer=root)
    leaf = server(NAME, issuer=middle)
    in_order = leaf.pem + middle.pem + root.pem
    assert inspect(leaf.pem, leaf.key_pem, root.pem + middle.pem, names=[NAME]).chain == in_order
    assert inspect(in_order, leaf.key_pem, middle.pem, names=[NAME]).chain == in_order


def test_a_wildcard_covers_the_names_below_it(root: Made) -> None:
    leaf = server("*.example.com", issuer=root)
    assert inspect(leaf.pem, leaf.key_pem, root.pem, names=[NAME]).names == ["*.example.com"]
    error = refused(leaf, leaf, root.pem, names=(NAME, "example.com"))
    assert "does not cover example.com (it covers: *.example.com)" in error.message


def test_a_key_of_another_certificate(root: Made) -> None:
    error = refused(server(NAME, issuer=root), server(NAME, issuer=root), root.pem)
    assert (error.message, error.field) == ("the private key belongs to another certificate", "private_key")


def test_a_key_with_a_passphrase(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    assert "protected by a passphrase" in refused(leaf, leaf.locked_key_pem("secret"), root.pem).message


def test_swapped_files(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    assert "are the files swapped?" in refused(leaf.key_pem, leaf, root.pem).message
    assert "are the files swapped?" in refused(leaf, leaf.pem, root.pem).message


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_pem(root: Made, text: str) -> None:
    leaf = server(NAME, issuer=root)
    assert refused(text, leaf, root.pem).field == "certificate"
    assert refused(leaf, text or "!!!", root.pem).field == "private_key"
    assert refused(leaf, leaf, text or "!!!").field == "chain"


def test_what_is_too_long(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    assert "longer than 64 KiB" in refused(leaf.pem + "#" * 65536, leaf, root.pem).message
    assert "longer than 64 KiB" in refused(leaf, leaf.key_pem + "#" * 65536, root.pem).message
    assert "more than 10" in refused(leaf, leaf, root.pem * 11).message


def test_a_missing_issuer(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    error = refused(leaf, leaf, "")
    assert "Test Root, is missing" in error.message
    assert error.field == "chain"


def test_an_issuer_of_the_same_name_with_another_key(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    assert "chain does not build" in refused(leaf, leaf, authority("Test Root").pem).message


def test_a_certificate_that_has_no_place_in_the_chain(root: Made) -> None:
    leaf = server(NAME, issuer=root)
    assert "Stranger signed nothing" in refused(leaf, leaf, root.pem + authority("Stranger").pem).message


def test_an_issuer_that_is_no_authority(root: Made) -> None:
    not_authority = server("issuer.example.com", issuer=root)
    leaf = server(NAME, issuer=not_authority)
    assert "is not an authority" in refused(leaf, leaf, not_authority.pem + root.pem).message


def test_an_authority_below_one_that_may_have_none() -> None:
    root = authority("Short", path_length=0)
    middle = authority("Middle", issuer=root)
    leaf = server(NAME, issuer=middle)
    assert "Short in the chain may not have an authority below it" in refused(leaf, leaf, middle.pem + root.pem).message


def test_an_expired_certificate(root: Made) -> None:
    leaf = server(NAME, issuer=root, begins=timedelta(days=-2), ends=timedelta(days=-1))
    assert refused(leaf, leaf, root.pem).message.startswith("the certificate expired on ")


def test_a_certificate_of_the_future(root: Made) -> None:
    leaf = server(NAME, issuer=root, begins=timedelta(days=1))
    assert refused(leaf, leaf, root.pem).message.startswith("the certificate is not valid before ")


def test_an_expired_issuer() -> None:
    old = authority("Old", begins=timedelta(days=-2), ends=timedelta(days=-1))
    leaf = server(NAME, issuer=old)
    assert "Old in the chain expired on " in refused(leaf, leaf, old.pem).message


def test_an_authority_in_place_of_a_server(root: Made) -> None:
    leaf = server(NAME, issuer=root, ca=True)
    assert "authority (CA)" in refused(leaf, leaf, root.pem).message


def test_a_certificate_for_clients(root: Made) -> None:
    leaf = server(NAME, issuer=root, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    assert "serverAuth" in refused(leaf, leaf, root.pem).message


def test_a_certificate_without_alternative_names(root: Made) -> None:
    leaf = server(NAME, issuer=root, alternatives=False)
    assert "no subject alternative names" in refused(leaf, leaf, root.pem).message


@pytest.mark.parametrize("name", ["nul\x00.example.com", "x" * 300])
def test_a_name_that_is_no_dns_name(root: Made, name: str) -> None:
    leaf = server(NAME, name, issuer=root)
    assert "no DNS name" in refused(leaf, leaf, root.pem).message


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA key of 1024 bits"),  # noqa: S505
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ec.generate_private_key(ec.SECP224R1()), "secp224r1"),
        (dsa.generate_private_key(2048), "a kind that TLS does not use"),
    ],
    ids=["RSA 1024", "secp256k1", "P-224", "DSA"],
)
def test_a_weak_or_unfit_key(root: Made, key: object, reason: str) -> None:
    leaf = server(NAME, issuer=root, key=key)
    assert reason in refused(leaf, leaf, root.pem).message


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha224"])
def test_a_signature_that_can_be_forged(tmp_path: Path, digest: str) -> None:
    program = peers.find("openssl", "openssl")  # Python's library makes no such signatures any more
    (tmp_path / "conf").write_text(
        f"[req]\ndistinguished_name=dn\nx509_extensions=x\n[dn]\n[x]\nsubjectAltName=DNS:{NAME}\n"
    )
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", f"-{digest}", "-subj", f"/CN={NAME}"]
    command += ["-config", "conf", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    error = refused((tmp_path / "cert.pem").read_text(), (tmp_path / "key.pem").read_text(), "")
    assert f"signed with {digest.upper()}" in error.message


def test_a_weak_issuer() -> None:
    weak = authority("Weak", key=rsa.generate_private_key(65537, 1024))  # noqa: S505
    leaf = server(NAME, issuer=weak)
    assert "Weak in the chain has an RSA key of 1024 bits" in refused(leaf, leaf, weak.pem).message
