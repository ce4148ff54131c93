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

from accounts.browser_sessions.services import end_sessions_of
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.mfa.enrolling import NO_LONGER_OPEN, end_others, require_may_enrol
from accounts.models import TotpDevice, User
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from secrets_vault.sealing import column, open_sealed, seal
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import Conflict, NotFound

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


def app_of(user: User) -> TotpDevice | None:
    """The authenticator app of ``user``."""
    found: TotpDevice | None = TotpDevice.objects.filter(user=user, confirmed=True).first()
    return found


def begin_enrolment(user: User, *, actor: Actor, replacing: bool = False) -> TotpDevice:
    """A fresh secret for ``user``, waiting for its first code. It replaces one that was begun before.

    Each attempt gets its own: a secret that somebody else was shown must not become the one that is confirmed. With
    ``replacing`` the app that is there stays good until then.
    """
    with transaction.atomic():
        require_may_enrol(user, actor=actor)
        if app_of(user) is not None and not replacing:
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
    """Finish the enrolment with the app's first code; an app before it is replaced. Raises :class:`NotFound` when
    another enrolment took its place."""
    with transaction.atomic():
        require_may_enrol(user, actor=actor)
        device = TotpDevice.objects.select_for_update().filter(user=user, public_id=public_id, confirmed=False).first()
        if device is None:
            raise NotFound(NO_LONGER_OPEN)
        verdict = _try(device, code)
        if verdict is Verdict.ACCEPTED:
            replaced, _rows = TotpDevice.objects.filter(user=user, confirmed=True).delete()
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            again = ", in place of the one before" if replaced else ""
            text = f"{user.email} enrolled an authenticator app{again}"
            record(actor, Action.MFA_ENABLE, ("user", user.public_id), text, metadata={"factor": "app"})
            tell(user, Text.FACTOR_ADDED, actor=actor, factor="an authenticator app")
            end_others(user, "an authenticator app was enrolled", actor=actor)
            end_sessions_of(user, but=actor.credential.id, reason="a second factor was enrolled", actor=actor)
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
    device = app_of(user)
    if device is None:
        return 0
    open_now, details = device.verify_is_allowed()
    return 0 if open_now else max(1, round((details["locked_until"] - clock.now()).total_seconds()))


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
