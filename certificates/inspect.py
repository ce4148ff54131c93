"""What must be true of a certificate before it serves a domain, whoever made it.

Uploads and what an issuer sends pass the same checks. Each refusal is an :class:`Invalid` that says the reason and
names the part at fault: ``certificate``, ``private_key`` or ``chain``. No message repeats any of the input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.names import MAX_LENGTH, uncovered
from temps.lib.clock import now
from temps.lib.errors import Invalid

MAX_BYTES = 64 * 1024
"""Of each input. The longest real chains are a tenth of this."""
MAX_CHAIN = 10
CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""The curves of TLS 1.3 that certificates use (RFC 8446 section 4.2.3): P-256 and stronger."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A certificate that passed, in the form to keep."""

    serial: str
    fingerprint: str
    names: list[str]
    issuer: str
    key_type: str
    not_before: datetime
    not_after: datetime
    chain: str
    private_key: bytes = field(repr=False)


def inspect(certificate: str, private_key: str | bytes, chain: str = "", *, names: Sequence[str]) -> Inspected:
    """Check a certificate with its key for a domain of these names. All inputs are PEM.

    ``certificate`` may itself go on with the chain. Raises :class:`Invalid` with the first thing that is wrong.
    """
    leaf, *rest = _certificates(certificate, "certificate")
    key = _private_key(private_key)
    key_type = _check_strength(leaf, "certificate")
    if _spki(leaf.public_key()) != _spki(key.public_key()):  # type: ignore[arg-type]
        raise Invalid("the private key belongs to another certificate", field="private_key")
    _check_dates(leaf, "certificate")
    _check_is_server(leaf)
    found = _dns_names(leaf)
    if missing := uncovered(found, names):
        covered = ", ".join(found[:10]) or "no name"
        raise Invalid(
            f"the certificate does not cover {', '.join(missing[:10])} (it covers: {covered})", field="certificate"
        )
    path = _build_path(leaf, [*rest, *(_certificates(chain, "chain") if chain.strip() else [])])
    return Inspected(
        serial=leaf.serial_number.to_bytes((leaf.serial_number.bit_length() + 7) // 8).hex().upper(),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        names=found,
        issuer=_common_name(leaf.issuer),
        key_type=key_type,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        chain="".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in path),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _certificates(pem: str, part: str) -> list[x509.Certificate]:
    if len(pem) > MAX_BYTES:
        raise Invalid(f"the {part} is longer than {MAX_BYTES // 1024} KiB", field=part)
    blocks = _CERTIFICATE.findall(pem)
    if not blocks and "PRIVATE KEY-----" in pem:
        raise Invalid(f"the {part} holds a private key and no certificate: are the files swapped?", field=part)
    if not blocks:
        raise Invalid(f"the {part} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", field=part)
    if len(blocks) > MAX_CHAIN:
        raise Invalid(f"the {part} holds more than {MAX_CHAIN} certificates", field=part)
    try:
        parsed = [x509.load_pem_x509_certificate(block.encode("utf-8")) for block in blocks]
        for one in parsed:
            _ = one.public_key(), one.extensions  # read lazily: malformed ones fail only here
            if not 0 < one.serial_number < 1 << 160:  # RFC 5280 section 4.1.2.2
                raise ValueError
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise Invalid(f"the {part} is damaged: its PEM does not hold a well-formed certificate", field=part) from None
    return parsed


def _private_key(pem: str | bytes) -> PrivateKeyTypes:
    data = pem.encode("utf-8") if isinstance(pem, str) else pem
    if len(data) > MAX_BYTES:
        raise Invalid(f"the private key is longer than {MAX_BYTES // 1024} KiB", field="private_key")
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise Invalid(
            "the private key is protected by a passphrase: take it off first (openssl pkey -in KEY -out PLAIN_KEY)",
            field="private_key",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        if b"BEGIN CERTIFICATE" in data:
            message = "the private key holds a certificate and no key: are the files swapped?"
        else:
            message = "the private key is not a key in PEM (-----BEGIN PRIVATE KEY-----)"
        raise Invalid(message, field="private_key") from None


def _check_strength(one: x509.Certificate, part: str, *, signature: bool = True) -> str:
    """The type of the key. Refuses keys and signatures that browsers refuse (CA/B Forum requirements 6.1.5)."""
    key = one.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 8192:
            raise Invalid(f"{_what(one, part)} has an RSA key of {key.key_size} bits, not of 2048 to 8192", field=part)
        key_type = f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            raise Invalid(f"{_what(one, part)} has a key on {key.curve.name}, not on P-256, P-384 or P-521", field=part)
        key_type = f"EC P-{key.key_size}"
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key_type = "Ed25519"
    else:
        raise Invalid(f"{_what(one, part)} has a key of a kind that TLS does not use", field=part)
    if signature:
        _check_signature_hash(one, part)
    return key_type


def _check_signature_hash(one: x509.Certificate, part: str) -> None:
    try:
        algorithm = one.signature_hash_algorithm  # None for Ed25519, which has its own
    except UnsupportedAlgorithm:
        raise Invalid(f"{_what(one, part)} is signed by an unknown method", field=part) from None
    if algorithm is not None and algorithm.name in ("md5", "sha1", "sha224"):
        raise Invalid(f"{_what(one, part)} is signed with {algorithm.name.upper()}, which can be forged", field=part)


def _check_dates(one: x509.Certificate, part: str) -> None:
    moment = now()
    begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
    if ends <= moment:
        raise Invalid(f"{_what(one, part)} expired on {ends:%Y-%m-%d %H:%M} UTC", field=part)
    if begins > moment:
        raise Invalid(f"{_what(one, part)} is not valid before {begins:%Y-%m-%d %H:%M} UTC", field=part)


def _check_is_server(leaf: x509.Certificate) -> None:
    if _is_authority(leaf):
        raise Invalid("the certificate is that of an authority (CA), not of a server", field="certificate")
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
        raise Invalid("the certificate is not for servers (extended key usage without serverAuth)", field="certificate")


def _build_path(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """The chain from ``leaf`` upwards, in order whatever the order given. Every certificate must have a place in it."""
    pool = [one for one in dict.fromkeys(others) if one != leaf]
    path = [leaf]
    while (issuer := next((one for one in pool if _issued(path[-1], one)), None)) is not None:
        _check_authority(issuer, below=len(path) - 1)
        pool.remove(issuer)
        path.append(issuer)
    if len(path) == 1 and not _issued(leaf, leaf):
        missing = _common_name(leaf.issuer)
        raise Invalid(f"the chain does not build: the certificate of its issuer, {missing}, is missing", field="chain")
    if pool:
        raise Invalid(f"the chain does not build: {_common_name(pool[0].subject)} signed nothing in it", field="chain")
    return path


def _issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether ``parent`` is named as the issuer of ``child`` and its signature is on it."""
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_authority(issuer: x509.Certificate, *, below: int) -> None:
    """RFC 5280 section 6.1.4 for one issuer that has ``below`` other authorities between it and the leaf."""
    if not _is_authority(issuer):
        raise Invalid(f"{_what(issuer, 'chain')} is not an authority (CA), so it cannot issue", field="chain")
    limit = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    if limit is not None and below > limit:
        raise Invalid(f"{_what(issuer, 'chain')} may not have an authority below it", field="chain")
    _check_dates(issuer, "chain")
    # A root is trusted for itself; nobody relies on the signature that it put on itself.
    _check_strength(issuer, "chain", signature=not _issued(issuer, issuer))


def _is_authority(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _dns_names(leaf: x509.Certificate) -> list[str]:
    """The subject alternative names; the common name does not count (RFC 9525 section 1.2)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        reason = "the certificate has no subject alternative names, so no client accepts it"
        raise Invalid(reason, field="certificate") from None
    found = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    if any(len(name) > MAX_LENGTH or not (name.isascii() and name.isprintable()) for name in found):
        raise Invalid("the certificate holds a name that is no DNS name", field="certificate")
    return found


def _common_name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(common[0].value) if common else name.rfc4514_string()
    return "".join(character for character in text if character.isprintable())[:200]


def _what(one: x509.Certificate, part: str) -> str:
    return "the certificate" if part == "certificate" else f"{_common_name(one.subject)} in the chain"


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
