"""The conversation with an ACME issuer (RFC 8555), proving names over HTTP (HTTP-01). No database here.

certbot's ``acme`` does the protocol. What is added: one deadline over the whole conversation, patience with refused
nonces, and one error, :class:`Refused`, that says what the issuer said.
"""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from acme import challenges, client, errors, messages
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy.b64 import b64decode
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from josepy.util import ComparableECKey

from temps.lib.errors import Unavailable

TOTAL_SECONDS = 300
"""For the whole conversation."""
REQUEST_SECONDS = 30
NONCE_ATTEMPTS = 10
"""RFC 8555 section 6.5 asks clients to try again with a fresh nonce; some issuers refuse several in a row."""
USER_AGENT = "temps (ACME client)"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer, as the settings name it."""

    directory_url: str
    ca_bundle: str = ""
    """A file with the roots to trust for the issuer's own server; empty for the public ones."""
    eab_kid: str = ""
    eab_hmac_key: str = field(default="", repr=False)


class Refused(Exception):
    """There is no certificate. ``problem`` is the type of the issuer's problem document where it sent one."""

    def __init__(self, detail: str, *, problem: str = "", wait: timedelta = timedelta()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problem = problem
        self.wait = wait
        """The issuer asked not to come back before (Retry-After)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What has to stand at ``/.well-known/acme-challenge/<token>`` of ``name``."""

    name: str
    token: str
    key_authorization: str
    challenge: messages.ChallengeBody = field(repr=False)


class Network(client.ClientNetwork):
    """HTTP to the issuer that ends when the time is up."""

    def __init__(self, key: JWKEC, *, ca_bundle: str) -> None:
        super().__init__(key, alg=ES256, user_agent=USER_AGENT, timeout=REQUEST_SECONDS)
        self.verify_ssl = ca_bundle or True  # type: ignore[assignment]  # requests takes the path of a bundle as well
        self.ends = time.monotonic() + TOTAL_SECONDS
        self.wait = timedelta()

    def _send_request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise errors.TimeoutError
        response = super()._send_request(method, url, *args, **options, timeout=min(REQUEST_SECONDS, left))
        if response.status_code in (429, 503):
            self.wait = _retry_after(response.headers.get("Retry-After", ""))
        return response

    def post(self, *args: Any, **options: Any) -> requests.Response:
        for attempt in range(NONCE_ATTEMPTS):
            try:
                return self._post_once(*args, **options)
            except messages.Error as error:
                if error.code != "badNonce" or attempt == NONCE_ATTEMPTS - 1:
                    raise
        raise AssertionError("the loop returns or raises")


class Conversation:
    """One attempt. ``account_uri`` is empty for a key that the issuer does not know yet."""

    def __init__(
        self, issuer: Issuer, account_key: bytes, account_uri: str, *, remember: Callable[[str], None]
    ) -> None:
        self.issuer = issuer
        self.remember = remember
        self.key = _account_jwk(account_key)
        self.network = Network(self.key, ca_bundle=issuer.ca_bundle)
        with self._translated():
            directory = client.ClientV2.get_directory(issuer.directory_url, self.network)
            self.client = client.ClientV2(directory, self.network)
            if account_uri:
                self.network.account = messages.RegistrationResource(uri=account_uri, body=messages.Registration())
            else:
                self._register()

    def order(self, csr: bytes) -> messages.OrderResource:
        """Ask for a certificate for the names of the request ``csr`` (PEM)."""
        with self._translated():
            try:
                return self.client.new_order(csr)
            except messages.Error as error:
                if error.code != "accountDoesNotExist":
                    raise
            self._register()  # the issuer forgot the account (its data was reset): the key is as good as new
            return self.client.new_order(csr)

    def proofs(self, order: messages.OrderResource) -> list[Proof]:
        """What still has to be proved. A name that the issuer has checked lately may be missing."""
        pending = [one.body for one in order.authorizations if one.body.status == messages.STATUS_PENDING]
        return [self._proof(authorization) for authorization in pending]

    def finish(self, order: messages.OrderResource, proofs: list[Proof]) -> str:
        """Have the published ``proofs`` checked, and fetch the certificate with its chain (PEM)."""
        with self._translated():
            for proof in proofs:
                self.client.answer_challenge(proof.challenge, proof.challenge.chall.response(self.key))
            deadline = datetime.now() + timedelta(seconds=self.network.ends - time.monotonic())  # noqa: DTZ005 (its wish)
            return str(self.client.poll_and_finalize(order, deadline).fullchain_pem)

    def _proof(self, authorization: messages.Authorization) -> Proof:
        name = authorization.identifier.value
        for challenge in authorization.challenges:
            if isinstance(challenge.chall, challenges.HTTP01):
                token, expected = challenge.chall.encode("token"), challenge.chall.key_authorization(self.key)
                return Proof(name, token, expected, challenge)
        raise Refused(f"the issuer offers no proof over HTTP (HTTP-01) for {name}")

    def _register(self) -> None:
        self.network.account = None
        binding = None
        if self.issuer.eab_kid:
            binding = messages.ExternalAccountBinding.from_data(
                self.key.public_key(), self.issuer.eab_kid, self.issuer.eab_hmac_key, self.client.directory
            )
        elif self.client.external_account_required():
            raise Refused("the issuer wants to know who asks: set ACME_EAB_KID and ACME_EAB_HMAC_KEY as it gave them")
        wanted = messages.NewRegistration.from_data(terms_of_service_agreed=True, external_account_binding=binding)
        try:
            account = self.client.new_account(wanted)
        except errors.ConflictError as known:  # registered before, by an attempt that ended before it could note so
            account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
            self.network.account = account
        self.remember(account.uri)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (messages.Error, errors.Error, JoseError, requests.RequestException) as error:
            raise _refusal(error, self.issuer, self.network.wait) from None
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise Refused(f"the issuer's answer makes no sense ({type(error).__name__})") from error


def _account_jwk(pem: bytes) -> JWKEC:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("account keys are made on P-256")
    return JWKEC(key=ComparableECKey(key))


def check_issuer(issuer: Issuer) -> Issuer:
    """``issuer`` itself, if the settings make sense. Raises :class:`Unavailable`."""
    if not issuer.directory_url.startswith("https://"):
        raise Unavailable("ACME_DIRECTORY_URL must be an https:// address")
    if bool(issuer.eab_kid) != bool(issuer.eab_hmac_key):
        raise Unavailable("ACME_EAB_KID and ACME_EAB_HMAC_KEY go together: set both or neither")
    if issuer.ca_bundle and not Path(issuer.ca_bundle).is_file():
        raise Unavailable(f"ACME_CA_BUNDLE names {issuer.ca_bundle}, and there is no such file")
    try:
        b64decode(issuer.eab_hmac_key)
    except (ValueError, TypeError):
        raise Unavailable("ACME_EAB_HMAC_KEY is not base64url, the form in which issuers give it") from None
    return issuer


def _refusal(error: Exception, issuer: Issuer, wait: timedelta) -> Refused:
    if isinstance(error, errors.IssuanceError):
        error = error.error
    if isinstance(error, messages.Error):
        return Refused(_said(error), problem=error.typ or "", wait=wait)
    if isinstance(error, errors.ValidationError):
        failed = [(one.body, challenge.error) for one in error.failed_authzrs for challenge in one.body.challenges]
        said = [_said_of(body.identifier.value, problem) for body, problem in failed if problem]
        return Refused("; ".join(said), problem=next((problem.typ for _body, problem in failed if problem), ""))
    if isinstance(error, errors.TimeoutError):
        return Refused(f"the issuer did not finish within {TOTAL_SECONDS // 60} minutes", wait=wait)
    if isinstance(error, requests.exceptions.SSLError):
        hint = "for a private one, name its root in ACME_CA_BUNDLE"
        return Refused(f"the issuer at {issuer.directory_url} is not trusted: {hint}")
    if isinstance(error, requests.RequestException):
        return Refused(f"the issuer at {issuer.directory_url} does not answer ({type(error).__name__})", wait=wait)
    return Refused(f"the issuer's answer makes no sense ({type(error).__name__})", wait=wait)


def _said(error: messages.Error) -> str:
    """The problem as people read it: the short name of its type, its detail, and the same of its parts."""
    whole = error.detail or error.title or "no detail"
    parts = [f"{one.identifier.value}: {one.detail}" for one in error.subproblems or () if one.identifier]
    return f"{' '.join([whole, *parts])} ({error.code or error.typ})"


def _said_of(name: str, error: messages.Error) -> str:
    said = _said(error)
    return said if name in said else f"{name}: {said}"


def _retry_after(value: str) -> timedelta:
    """RFC 9110 section 10.2.3, seconds or a date; bounded, so that a careless issuer cannot put us off for good."""
    try:
        wait = timedelta(seconds=int(value)) if value.isdigit() else parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return timedelta()
    return min(max(wait, timedelta()), timedelta(days=7))
