"""Passkeys: enrolled and asked for by WebAuthn (W3C Web Authentication Level 2), checked by py_webauthn.

Each use must verify the person (PIN, finger, face), so a passkey is two factors in one and stands alone at sign-in.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import structlog
from django.db import transaction
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json_dict,
    parse_authentication_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.browser_sessions.services import end_sessions_of
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.mfa import relying_party as site
from accounts.mfa.challenges import LIFETIME
from accounts.mfa.enrolling import clean_name, end_others, require_may_enrol
from accounts.mfa.errors import PasskeyRefused
from accounts.mfa.models import Passkey
from accounts.mfa.relying_party import RelyingParty
from accounts.models import User, UserKind
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict

log = structlog.get_logger(__name__)

MOST = 10
"""Passkeys of one person."""
LONGEST_RESPONSE = 32_768
"""Characters of JSON that a browser may send about one."""
TIMEOUT = int(LIFETIME.total_seconds() * 1000)
"""Milliseconds after which the browser gives up: when the challenge ends."""


class _Refused(Exception):
    """With the reason for the audit log."""


def creation_options(user: User, challenge: bytes, party: RelyingParty) -> dict[str, Any]:
    """What the browser needs to make a passkey for ``user``."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=site.NAME,
        user_id=_handle(user),
        user_name=user.email,
        user_display_name=user.name or user.email,
        challenge=challenge,
        timeout=TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(user, party),
    )
    return options_to_json_dict(options)


def request_options(challenge: bytes, party: RelyingParty, user: User | None = None) -> dict[str, Any]:
    """What the browser needs to ask for a passkey: one of ``user``, or any that it knows for this site."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT,
        allow_credentials=_descriptors(user, party) if user else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


@transaction.atomic
def register_passkey(
    user: User, response: str, name: str, *, challenge: bytes, party: RelyingParty, actor: Actor
) -> Passkey:
    """Enrol what the browser made of :func:`creation_options`. Raises :class:`PasskeyRefused`, :class:`Conflict` for
    one that is enrolled already and beyond ten, and :class:`Invalid` for a name that is none."""
    require_may_enrol(user, actor=actor)
    name = clean_name(name)
    if Passkey.objects.filter(user=user).count() >= MOST:
        raise Conflict(f"you have {MOST} passkeys already: remove one first")
    try:
        given = _parsed(response)
        made = verify_registration_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:  # whatever a stranger sends: the library fails in many ways on what makes no sense
        log.info("passkey.not_registered", error=type(error).__name__)
        raise PasskeyRefused("that passkey could not be enrolled: try again, or use another device") from None
    credential_id = bytes_to_base64url(made.credential_id)
    if Passkey.objects.filter(credential_id=credential_id).exists():
        raise Conflict("this passkey is enrolled already")
    passkey = Passkey.objects.create(
        user=user,
        name=name,
        credential_id=credential_id,
        public_key=made.credential_public_key,
        rp_id=party.id,
        sign_count=made.sign_count,
        transports=_transports(given),
        aaguid=made.aaguid,
        backed_up=made.credential_backed_up,
    )
    text = f"{user.email} enrolled the passkey '{name}'"
    metadata = {"factor": "passkey", "passkey": passkey.public_id, "host": party.id, "model": passkey.aaguid}
    record(actor, Action.MFA_ENABLE, ("user", user.public_id), text, metadata=metadata)
    tell(user, Text.FACTOR_ADDED, actor=actor, factor="a passkey")
    end_others(user, "a passkey was enrolled", actor=actor)
    end_sessions_of(user, but=actor.credential.id, reason="a second factor was enrolled", actor=actor)
    return passkey


def accept_passkey(
    response: str, *, challenge: bytes, party: RelyingParty, user: User | None = None, actor: Actor
) -> Passkey:
    """The passkey that answered :func:`request_options`, its use noted; one of ``user`` where one is given.

    Raises :class:`PasskeyRefused`; why, is recorded and told to nobody.
    """
    with transaction.atomic():
        passkey = _claimed(response)
        try:
            return _accepted(passkey, response, challenge, party, user)
        except _Refused as refusal:
            _record_refusal(passkey, user, str(refusal), actor)
    raise PasskeyRefused


def _accepted(
    passkey: Passkey | None, response: str, challenge: bytes, party: RelyingParty, user: User | None
) -> Passkey:
    """Judge the answer and keep what follows of it on the row, which the caller has locked."""
    if passkey is None or passkey.rp_id != party.id:
        raise _Refused("not known here")
    if user is not None and passkey.user_id != user.pk:
        raise _Refused("somebody else's")
    if not passkey.user.is_active or passkey.user.kind != UserKind.PERSON:
        raise _Refused("disabled")
    try:
        handle = parse_authentication_credential_json(_parsed(response)).response.user_handle
        used = verify_authentication_response(
            credential=_parsed(response),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=0,  # compared below: after the signature, which a forger does not have
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise _Refused(f"not valid ({type(error).__name__})") from None
    # Without a user, the handle is what the authenticator says whose it is (section 7.2, step 6).
    if handle != _handle(passkey.user) and (user is None or handle is not None):
        raise _Refused("made for another account")
    if (used.new_sign_count or passkey.sign_count) and used.new_sign_count <= passkey.sign_count:
        raise _Refused("its counter went back: there may be a copy of it")
    passkey.sign_count, passkey.backed_up = used.new_sign_count, used.credential_backed_up
    passkey.last_used_at = clock.now()
    passkey.save(update_fields=["sign_count", "backed_up", "last_used_at"])
    return passkey


def _claimed(response: str) -> Passkey | None:
    """The passkey that the answer says it is, locked."""
    try:
        credential_id = str(_parsed(response)["id"])
    except (_Refused, KeyError):
        return None
    rows = Passkey.objects.select_for_update(of=("self",)).select_related("user")
    return rows.filter(credential_id=credential_id).first() if credential_id.isascii() else None


def _parsed(response: str) -> dict[str, Any]:
    try:
        given = json.loads(response) if len(response) <= LONGEST_RESPONSE else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or "\0" in str(given.get("id")):
        raise _Refused("no answer of a browser")
    return given


def _record_refusal(passkey: Passkey | None, user: User | None, reason: str, actor: Actor) -> None:
    """Under the name of the account, so that its owner's history shows it; by nobody, where nothing was proven yet."""
    whose = user or (passkey.user if passkey else None)
    if whose is not None and not actor.label:
        actor = replace(actor, label=whose.email)
    record_folded(
        actor,
        Action.USER_SIGN_IN,
        ("user", whose.public_id if whose else "unknown"),
        f"passkey of {whose.email if whose else 'nobody known'} refused: {reason}",
        metadata={"factor": "passkey", "passkey": passkey.public_id if passkey else "", "reason": reason},
        result=Result.FAILURE,
    )


def _descriptors(user: User, party: RelyingParty) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(passkey.credential_id),
            transports=[AuthenticatorTransport(name) for name in passkey.transports],
        )
        for passkey in Passkey.objects.filter(user=user, rp_id=party.id)
    ]


def _transports(given: dict[str, Any]) -> list[str]:
    """Those that we know, of what the browser says."""
    said = given["response"].get("transports")
    return [one.value for one in AuthenticatorTransport if one.value in said] if isinstance(said, list) else []


def _handle(user: User) -> bytes:
    """What authenticators keep for the account: no address or name (section 14.6.1)."""
    return user.public_id.encode("ascii")
