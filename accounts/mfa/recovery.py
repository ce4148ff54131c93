"""Recovery codes: ten ways back for whoever has lost the device. Each is good for one sign-in, and for nothing else.

A code is 15 characters of 31, so 74 random bits. Guessing that from its hash takes 2**70 tries for one of ten codes,
however fast the hash is: SHA-256 does, and a slow hash over ten rows would only be work that strangers make us do. The
id of the set is hashed with each code, so that equal hashes, or hashes from elsewhere, say nothing.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from hmac import compare_digest

from django.db import transaction

from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.mfa.enrolling import lock_factors
from accounts.mfa.models import RecoveryCodes
from accounts.models import TokenFamily, User
from accounts.policy import factor_of
from accounts.totp import Verdict
from audit.actions import Action, Result
from audit.folding import record_folded
from audit.services import record
from rbac.step_up import ASKED, require_recent
from temps.lib import clock
from temps.lib.actor import Actor, CredentialKind
from temps.lib.errors import Conflict, Denied

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without 0, 1, i, l and o, which look alike on paper."""
GROUPS, GROUP = 3, 5
LENGTH = GROUPS * GROUP


def recovery_codes_of(user: User) -> RecoveryCodes | None:
    return RecoveryCodes.objects.filter(user=user).first()


@transaction.atomic
def make_recovery_codes(user: User, *, actor: Actor) -> list[str]:
    """Ten new codes, shown this once. The set before is void, and so is every sign-in that one of its codes opened.

    At the end of a sign-in that enrolled the first factor there may be no set yet; later its owner makes new ones,
    having confirmed lately. Raises :class:`Conflict` for an account without a second factor.
    """
    _require_may_make(user, actor)
    lock_factors(user)
    before = recovery_codes_of(user)
    if factor_of(user) is None:
        raise Conflict("recovery codes stand in for a second factor: set up an authenticator app or a passkey first")
    if before is not None and actor.user_pk is None:
        raise Conflict("you have recovery codes already")
    codes = [_new_code() for _ in range(RecoveryCodes.MOST)]
    made = RecoveryCodes(user=user)
    made.hashes = [_hash(made, code) for code in codes]
    if before is not None:
        before.delete()
    made.save()
    if before is not None and actor.credential.kind is CredentialKind.JWT:
        # Not the sign-in that asks for them: it has just confirmed.
        family = TokenFamily.objects.filter(public_id=actor.credential.id, factor=before.public_id)
        family.update(factor=made.public_id)
    text = f"{user.email} got {len(codes)} {'new ' if before else ''}recovery codes"
    record(
        actor, Action.RECOVERY_CODES_CREATE, ("user", user.public_id), text, metadata={"replaced": before is not None}
    )
    return codes


def use_recovery_code(user: User, text: str, *, actor: Actor) -> Verdict:
    """Spend the code ``text`` at the sign-in of ``user``. A wrong one is recorded, and makes the next wait; the count
    is one of its own, so that neither wrong passwords nor wrong codes of the app bring it on."""
    with transaction.atomic():
        codes = RecoveryCodes.objects.select_for_update().filter(user=user).first()
        if codes is None:
            verdict = Verdict.WRONG
        elif codes.seconds_to_wait:
            verdict = Verdict.THROTTLED
        else:
            verdict = _try(codes, text)
        if codes is not None and verdict is Verdict.ACCEPTED:
            about, left = ("user", user.public_id), f"{codes.left} {'is' if codes.left == 1 else 'are'} left"
            said = f"{user.email} used a recovery code: {left}"
            record(actor, Action.RECOVERY_CODE_USE, about, said, metadata={"left": codes.left})
            tell(user, Text.RECOVERY_CODE_USED, actor=actor, left=str(codes.left))
        else:
            _record_refusal(user, verdict, actor)
    return verdict


def looks_like_one(text: str) -> bool:
    """Whether ``text`` is meant as a recovery code, rather than as the digits of an app."""
    return len(_normal(text)) > LENGTH // 2


def wait_for_recovery(user: User) -> int:
    """Seconds until the next recovery code of ``user`` will be looked at."""
    codes = recovery_codes_of(user)
    return 0 if codes is None else codes.seconds_to_wait


def _require_may_make(user: User, actor: Actor) -> None:
    if actor.id != user.public_id:
        raise Denied("recovery codes are made by their owner alone", actor=actor)
    if actor.user_pk is None:
        return  # in the middle of a sign-in
    if actor.credential.kind not in ASKED:
        raise Denied("no program makes recovery codes", actor=actor)
    require_recent(actor)


def _try(codes: RecoveryCodes, text: str) -> Verdict:
    """Judge ``text`` and keep what follows of it on the row, which the caller has locked."""
    presented = _hash(codes, _normal(text))
    # All are compared, so that the time does not tell which, or how many there are.
    matching = [one for one in codes.hashes if compare_digest(one, presented)]
    if not matching:
        codes.wrong_in_a_row = min(codes.wrong_in_a_row + 1, codes.WRONG_CODES_COUNTED)
        codes.last_wrong_at = clock.now()
        codes.save(update_fields=["wrong_in_a_row", "last_wrong_at"])
        return Verdict.WRONG
    codes.hashes = [one for one in codes.hashes if one not in matching]
    codes.last_used_at = clock.now()
    codes.wrong_in_a_row = 0
    codes.save(update_fields=["hashes", "last_used_at", "wrong_in_a_row"])
    return Verdict.ACCEPTED


def _record_refusal(user: User, verdict: Verdict, actor: Actor) -> None:
    record_folded(
        actor,
        Action.USER_SIGN_IN,
        ("user", user.public_id),
        f"recovery code of {user.email} refused: {verdict.value}",
        metadata={"factor": "recovery", "reason": verdict.value},
        result=Result.FAILURE,
    )


def _new_code() -> str:
    """Such as ``7kq2m-x4hwd-bn9pt``."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def _normal(text: str) -> str:
    """As it is hashed: case, blanks and dashes do not matter."""
    return re.sub(r"[\s-]", "", text).lower()


def _hash(codes: RecoveryCodes, code: str) -> str:
    return sha256(f"{codes.public_id}:{_normal(code)}".encode()).hexdigest()
