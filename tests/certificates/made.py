"""Certificates made to order: sound ones, and ones with just one thing wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self._key_pem(NoEncryption())

    def locked_key_pem(self, passphrase: str) -> str:
        return self._key_pem(BestAvailableEncryption(passphrase.encode()))

    def _key_pem(self, encryption: KeySerializationEncryption) -> str:
        return str(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode())


def authority(
    name: str = "Test Root", *, issuer: Made | None = None, path_length: int | None = None, **options: Any
) -> Made:
    """A CA, self-signed unless ``issuer`` signs it."""
    return _make(name, x509.BasicConstraints(ca=True, path_length=path_length), issuer=issuer, **options)


def server(*names: str, issuer: Made | None = None, ca: bool = False, **options: Any) -> Made:
    """A server's certificate for ``names``."""
    return _make(names[0], x509.BasicConstraints(ca=ca, path_length=None), issuer=issuer, names=names, **options)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _make(
    common_name: str,
    constraints: x509.BasicConstraints,
    *,
    issuer: Made | None,
    names: tuple[str, ...] = (),
    key: Any = None,
    begins: timedelta = timedelta(hours=-1),
    ends: timedelta = timedelta(days=90),
    digest: Any = None,
    usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
    alternatives: bool = True,
) -> Made:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    moment = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + begins)
        .not_valid_after(moment + ends)
        .add_extension(constraints, critical=True)
    )
    if names and alternatives:
        all_names = x509.SubjectAlternativeName([_alternative(name) for name in names])
        builder = builder.add_extension(all_names, critical=False)
    if names:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    signer = issuer.key if issuer else key
    return Made(builder.sign(signer, digest or hashes.SHA256()), key)
