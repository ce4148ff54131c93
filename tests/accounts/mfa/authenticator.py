"""An authenticator made of software: makes passkeys and signs with them as WebAuthn Level 2 has it, rightly or, where a
test says so, wrongly."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

from accounts.mfa.models import Passkey
from accounts.mfa.passkeys import register_passkey
from accounts.mfa.relying_party import RelyingParty
from accounts.models import User
from tests.world import acting

HERE = RelyingParty("localhost", "http://localhost")
UP, UV, AT = 0x01, 0x04, 0x40
"""Flags of the authenticator data (section 6.1): present, verified, with a new credential."""


@dataclass
class Authenticator:
    """One credential and what it remembers."""

    party: RelyingParty = HERE
    counts: bool = True
    uses: int = 0
    user_handle: bytes = b""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, challenge: bytes, user: User, *, flags: int = UP | UV, **wrong: Any) -> str:
        """The answer to ``navigator.credentials.create()``, as the page sends it."""
        self.user_handle = user.public_id.encode()
        new = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self._cose()
        attested = {"fmt": "none", "attStmt": {}, "authData": self._data(flags | AT, **wrong) + new}
        response = {
            "clientDataJSON": self._client("webauthn.create", challenge, **wrong),
            "attestationObject": bytes_to_base64url(encode_cbor(attested)),
            "transports": ["internal", "of the future"],
        }
        return self._sent(response)

    def get(self, challenge: bytes, *, flags: int = UP | UV, handle: bytes | None = None, **wrong: Any) -> str:
        """The answer to ``navigator.credentials.get()``."""
        self.uses += self.counts
        client = self._client(wrong.pop("kind", "webauthn.get"), challenge, **wrong)
        data = self._data(flags, **wrong)
        signed = data + hashlib.sha256(base64url_to_bytes(client)).digest()
        response = {
            "clientDataJSON": client,
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": bytes_to_base64url(self.user_handle if handle is None else handle),
        }
        return self._sent(response)

    def _sent(self, response: dict[str, Any]) -> str:
        name = bytes_to_base64url(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})

    def _client(self, kind: str, challenge: bytes, *, origin: str = "", **_wrong: Any) -> str:
        said = {"type": kind, "challenge": bytes_to_base64url(challenge), "origin": origin or self.party.origin}
        return bytes_to_base64url(json.dumps(said).encode())

    def _data(self, flags: int, *, rp_id: str = "", **_wrong: Any) -> bytes:
        return (
            hashlib.sha256((rp_id or self.party.id).encode()).digest() + bytes([flags]) + self.uses.to_bytes(4, "big")
        )

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})


def enrol_passkey(user: User, name: str = "Laptop") -> tuple[Authenticator, Passkey]:
    """An authenticator with a passkey of ``user``, who is signed in."""
    authenticator, challenge = Authenticator(), secrets.token_bytes(32)
    response = authenticator.create(challenge, user)
    made = register_passkey(user, response, name, challenge=challenge, party=HERE, actor=acting(user))
    return authenticator, made


def add_passkey(user: User) -> Passkey:
    return enrol_passkey(user)[1]
