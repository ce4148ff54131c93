"""Keys for ES256 (ECDSA on P-256 with SHA-256, RFC 7518 section 3.4): made, stored, and shown as JSON Web Keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from temps.lib.errors import SealError

COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pkcs8(cls, data: bytes) -> SigningKey:
        """What :attr:`pkcs8` gave. Raises :class:`SealError` for anything else: it was sealed, so it is damaged."""
        try:
            key = load_der_private_key(data, None)
        except ValueError:
            raise SealError("this is no signing key") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SealError("this is no signing key")
        return cls(key)

    @property
    def pkcs8(self) -> bytes:
        """The private key (RFC 5208, in DER), to be sealed."""
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public(self) -> ec.EllipticCurvePublicKey:
        return self.private.public_key()

    def public_jwk(self, key_id: str) -> dict[str, str]:
        """The public half (RFC 7517), under the name that tokens give as ``kid``."""
        numbers = self.public.public_numbers()
        point = {"x": _encoded(numbers.x), "y": _encoded(numbers.y)}
        return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id, **point}


def _encoded(coordinate: int) -> str:
    """base64url without padding, of full length (RFC 7518 section 6.2.1.2)."""
    return base64.urlsafe_b64encode(coordinate.to_bytes(COORDINATE_BYTES, "big")).decode("ascii").rstrip("=")
