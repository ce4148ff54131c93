"""The second factor: one-time codes of an authenticator app (TOTP, RFC 6238).

The secret is sealed in the database. A code passes once: the time step of the last one accepted is kept, and the row
is locked while a code is checked, so that two requests with the same code cannot both pass.
"""

from __future__ import annotations

import base64
import re
import secrets
from datetime import timedelta
from enum import Enum
from hmac import compare_digest
from urllib.parse import quote, urlencode

from django.db import transaction
from django_otp.oath import hotp

from accounts.models import TotpDevice, User
from accounts.policy import factor_of
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from secrets_vault.sealing import column, open_sealed, seal
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Conflict, Denied, NotFound

ISSUER = "Temps"
STEP = 30
"""Seconds for which a code is shown (RFC 6238 section 4.1)."""
DIGITS = 6
SECRET_BYTES = 20
"""The length of HMAC-SHA-1's output, as RFC 4226 section 4 recommends."""
TOLERANCE = 1
"""Steps before and after now that are accepted beside the known drift."""
MAX_DRIFT = 10
"""Steps (five minutes) beyond which we no longer follow a clock that goes wrong."""
UNCONFIRMED_FOR = timedelta(hours=1)
"""How long an enrolment that was begun and not finished is kept."""


class Verdict(Enum):
    ACCEPTED = "accepted"
    WRONG = "wrong"
    THROTTLED = "throttled"
    """Too soon after a wrong code: not even looked at."""


def begin_enrolment(user: User, *, actor: Actor) -> TotpDevice:
    """A fresh secret for ``user``, waiting for its first code. It replaces one that was begun before.

    Each attempt gets its own: a secret that somebody else was shown must not become the one that is confirmed.
    """
    _require_self(user, actor)
    with transaction.atomic():
        if factor_of(user) is not None:
            raise Conflict("this account has an authenticator app already")
        TotpDevice.objects.filter(user=user, confirmed=False).delete()
        device = TotpDevice(user=user, name="Authenticator app", confirmed=False)
        device.secret = seal(secrets.token_bytes(SECRET_BYTES), project_pk=None, context=_place(device))
        device.save()
    return device


def pending_enrolment(user: User, public_id: str) -> TotpDevice | None:
    """The enrolment that was begun as ``public_id``, if it is still the one in progress."""
    found: TotpDevice | None = TotpDevice.objects.filter(user=user, public_id=public_id, confirmed=False).first()
    return found


def confirm_enrolment(user: User, public_id: str, code: str, *, actor: Actor) -> Verdict:
    """Finish the enrolment with the app's first code. Raises :class:`NotFound` when another one took its place."""
    _require_self(user, actor)
    with transaction.atomic():
        device = TotpDevice.objects.select_for_update().filter(user=user, public_id=public_id, confirmed=False).first()
        if device is None or factor_of(user) is not None:
            raise NotFound("this enrolment is no longer open: start again")
        verdict = _try(device, code)
        if verdict is Verdict.ACCEPTED:
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            record(actor, Action.MFA_ENABLE, ("user", user.public_id), f"{user.email} enrolled an authenticator app")
    return verdict


def verify_code(user: User, code: str, *, actor: Actor) -> Verdict:
    """Check ``code`` against the user's app. A wrong one is recorded, and makes the next wait."""
    with transaction.atomic():
        device = TotpDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None:
            return Verdict.WRONG
        verdict = _try(device, code)
        if verdict is not Verdict.ACCEPTED:
            record_folded(
                actor,
                Action.USER_SIGN_IN,
                ("user", user.public_id),
                f"second factor of {user.email} refused: {verdict.value}",
                metadata={"factor": "totp", "reason": verdict.value},
                result=Result.FAILURE,
            )
    return verdict


def wait_of(user: User) -> int:
    """Seconds until the next code of ``user`` will be looked at."""
    device = factor_of(user)
    if device is None:
        return 0
    open_now, details = device.verify_is_allowed()
    return 0 if open_now else max(1, round((details["locked_until"] - clock.now()).total_seconds()))


@transaction.atomic
def remove_totp(user: User, *, actor: Actor) -> None:
    """Take the authenticator app away, for someone who lost it. Where the policy asks for one, the next sign-in
    enrols another; sessions and tokens that had passed this one end at once."""
    if actor.credential.kind is CredentialKind.API_KEY:
        raise Denied("an API key cannot change anybody's second factor", actor=actor)
    require(actor, Permission.USERS_UPDATE)
    if not TotpDevice.objects.filter(user=user, confirmed=True).exists():
        raise NotFound(f"{user.email} has no authenticator app")
    TotpDevice.objects.filter(user=user).delete()
    record(actor, Action.MFA_DISABLE, ("user", user.public_id), f"removed the authenticator app of {user.email}")


def provisioning_uri(device: TotpDevice) -> str:
    """What the QR code says, in the Key URI format that authenticator apps read."""
    label = quote(f"{ISSUER}:{device.user.email}", safe="@")
    query = {"secret": manual_key(device), "issuer": ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": STEP}
    return f"otpauth://totp/{label}?{urlencode(query)}"


def manual_key(device: TotpDevice) -> str:
    """The secret in base32, to type into an app that has no camera."""
    return base64.b32encode(_secret(device)).decode("ascii")


def code_at(device: TotpDevice, seconds: float) -> str:
    """The code that the app shows ``seconds`` after the epoch."""
    return _code(_secret(device), int(seconds) // STEP)


def _require_self(user: User, actor: Actor) -> None:
    if actor.id != user.public_id:
        raise Denied("a second factor is enrolled by its owner alone", actor=actor)


def _place(device: TotpDevice) -> bytes:
    return column("accounts.totpdevice", device.public_id, "secret")


def _secret(device: TotpDevice) -> bytes:
    return open_sealed(device.secret, project_pk=None, context=_place(device))


def _code(secret: bytes, step: int) -> str:
    return f"{hotp(secret, step, digits=DIGITS):0{DIGITS}d}"


def _try(device: TotpDevice, code: str) -> Verdict:
    """Judge ``code`` and keep what follows of it on the row, which the caller has locked."""
    open_now, _details = device.verify_is_allowed()
    if not open_now:
        return Verdict.THROTTLED
    step = _matching_step(device, re.sub(r"\s", "", code))
    if step is None:
        device.throttle_increment()
        return Verdict.WRONG
    here = int(clock.now().timestamp()) // STEP
    device.last_step = step
    device.drift = max(-MAX_DRIFT, min(MAX_DRIFT, step - here))
    device.throttle_reset(commit=False)
    device.save()
    return Verdict.ACCEPTED


def _matching_step(device: TotpDevice, code: str) -> int | None:
    secret, here = _secret(device), int(clock.now().timestamp()) // STEP + device.drift
    found = None
    for step in range(here - TOLERANCE, here + TOLERANCE + 1):
        same = compare_digest(_code(secret, step).encode(), code.encode())
        if same and step > device.last_step:
            found = step
    return found
