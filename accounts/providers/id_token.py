"""Validating ID tokens (OpenID Connect Core 1.0 section 3.1.3.7).

allauth takes the signature as given, since the token came over TLS, and looks at neither ``nonce`` nor ``azp``. Here
all of it is checked: a TLS connection that ends at the wrong place must not be enough to be anybody.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from hmac import compare_digest
from typing import Any

import jwt

from accounts.providers.proof import Reason, Refused, mapping

FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures alone. An HMAC with the client secret would let whoever may read a public key pass it for a secret, and
``none`` is no signature."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""
LONGEST = 64 * 1024
MOST_KEYS = 100


def validated(
    token: Any, *, keys: Any, issuer: str, client_id: str, nonce: str, access_token: str
) -> Mapping[str, Any]:
    """The claims of ``token``. ``keys`` is the provider's key set (RFC 7517). Raises :class:`Refused`."""
    if not isinstance(token, str) or len(token) > LONGEST:
        raise Refused(Reason.UNPROVEN, "there is no ID token")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise Refused(Reason.UNPROVEN, "the ID token is not signed in a way that is accepted")
        claims = _signed(token, _candidates(mapping(keys), header, algorithm), algorithm, issuer, client_id)
        _check_party(claims, client_id)
        _check_same(claims.get("nonce"), nonce, "nonce")
        if "at_hash" in claims:
            _check_same(claims["at_hash"], _half_hash(algorithm, access_token), "at_hash")
    except (jwt.PyJWTError, ValueError, RecursionError, TypeError) as error:
        raise Refused(Reason.UNPROVEN, f"the ID token is not valid ({type(error).__name__})") from None
    return claims


def _signed(token: str, keys: Iterator[jwt.PyJWK], algorithm: str, issuer: str, client_id: str) -> Mapping[str, Any]:
    """The claims, if one of ``keys`` made the signature and issuer, audience and times are right."""
    for key in keys:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=issuer,
                audience=client_id,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"], "enforce_minimum_key_length": True},
            )
        except jwt.InvalidSignatureError:
            continue
        return mapping(claims)
    raise Refused(Reason.UNPROVEN, "no key of the provider made the signature of the ID token")


def _candidates(keys: Mapping[str, Any], header: Mapping[str, Any], algorithm: str) -> Iterator[jwt.PyJWK]:
    """The keys that may have signed: of the right type, for signatures, and with the id that the token names if any."""
    listed = keys.get("keys")
    for one in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("kty") != FAMILIES[algorithm[:2]]:
            continue
        named = "kid" not in header or one.get("kid") == header["kid"]
        if named and one.get("use", "sig") == "sig" and one.get("alg", algorithm) == algorithm:
            yield jwt.PyJWK(one, algorithm)


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """That the token was issued to us: where it is for several audiences it has to say so (points 3 to 5)."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    party = claims.get("azp")
    if (several or party is not None) and party != client_id:
        raise Refused(Reason.UNPROVEN, "the ID token was issued to somebody else")


def _check_same(claimed: Any, expected: str, what: str) -> None:
    if not isinstance(claimed, str) or not compare_digest(claimed.encode(), expected.encode()):
        raise Refused(Reason.UNPROVEN, f"the {what} of the ID token is not ours")


def _half_hash(algorithm: str, access_token: str) -> str:
    """``at_hash`` (section 3.1.3.6): the left half of the hash of the token, which binds the two together."""
    bits = "512" if algorithm == "EdDSA" else algorithm[2:]  # Ed25519 signs by SHA-512
    digest = hashlib.new(f"sha{bits}", access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
