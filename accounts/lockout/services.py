"""Who waits before a sign-in is looked at, and who is kept from signing in for a while.

A lockout keeps strangers from guessing on; it is no weapon against the owner: what is open stays open, and from a
network where they signed in before they sign in as ever.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from accounts.errors import TooManyAttempts
from accounts.lockout import counting
from accounts.lockout.counting import HERE, NETWORK, key_for
from accounts.lockout.models import Lockout, SignInNetwork
from accounts.mail.telling import tell
from accounts.mail.texts import Text
from accounts.models import User
from audit.actions import Action, Result
from audit.services import record
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor
from temps.lib.errors import NotFound

MOST_NETWORKS = 50
"""Kept for one person; the one not seen for the longest goes first."""
A_DAY = 86_400


def try_sign_in(email: str, network: str, *, actor: Actor) -> None:
    """Count one try to sign in as ``email`` from ``network``. Raises :class:`TooManyAttempts` if it has to wait.

    An address that is nobody's is counted and answered alike.
    """
    user = _user(email)
    here, _account, _locked = _keys(email, user, network)
    wait = max(counting.wait_for(key_for("network", network), NETWORK), counting.wait_for(here, HERE))
    if not _is_known(user, network):
        wait = max(wait, _locked_for(email, user, network))
        # One that has to wait counts nothing against the account: nobody locks it by asking and asking from one place.
        wait = wait or _lock_at_the_limit(email, user, network, actor)
    if wait:
        raise TooManyAttempts(wait)


def succeeded(user: User, network: str) -> None:
    """The password was right: what was counted against this account from here is forgotten."""
    here, account, _locked = _keys(user.email, user, network)
    counting.forget(here)
    counting.take_back(account)
    counting.take_back(key_for("network", network))


def needs_captcha(email: str, network: str) -> bool:
    """Whether the page asks for a proof of work before the next try."""
    user = _user(email)
    here, account, _locked = _keys(email, user, network)
    if counting.counted(here) >= counting.CAPTCHA_HERE:
        return True
    if counting.counted(key_for("network", network)) >= counting.CAPTCHA_NETWORK:
        return True
    return counting.counted(account) >= counting.CAPTCHA_ACCOUNT and not _is_known(user, network)


def remember_network(user: User, network: str) -> None:
    """A sign-in of ``user`` from ``network`` is complete, with all that was asked."""
    seen = {"last_seen": clock.now()}
    known, made = SignInNetwork.objects.update_or_create(user=user, network=network, defaults=seen)
    if made:
        others = SignInNetwork.objects.filter(user=user).order_by("-last_seen", "-id").values_list("pk", flat=True)
        SignInNetwork.objects.filter(pk__in=list(others[MOST_NETWORKS:])).exclude(pk=known.pk).delete()


def lockout_of(user: User) -> Lockout | None:
    """The lockout that holds now."""
    found = Lockout.objects.filter(user=user).first()
    return found if found is not None and found.holds_at(clock.now()) else None


@transaction.atomic
def unlock(user: User, *, actor: Actor) -> None:
    """Lift a lockout: sign-ins that failed before count no more. Raises :class:`NotFound` where there is none."""
    require(actor, Permission.USERS_UPDATE)
    if not Lockout.objects.filter(user=user).delete()[0]:
        raise NotFound(f"{user.email} is not locked out")
    user.unlocked_at = clock.now()
    user.save(update_fields=["unlocked_at"])
    record(actor, Action.USER_UNLOCK, ("user", user.public_id), f"lifted the lockout of {user.email}")


def _locked_for(email: str, user: User | None, network: str) -> int:
    """Seconds that the lockout of ``email`` still lasts."""
    _here, _account, locked = _keys(email, user, network)
    left = float(counting.shared().get(locked) or 0) - clock.now().timestamp()
    return max(1, round(left)) if left > 0 else 0


def _lock_at_the_limit(email: str, user: User | None, network: str, actor: Actor) -> int:
    """Count one try as ``email`` from a network that is not known; how long the lockout lasts that it leads to."""
    _here, account, locked = _keys(email, user, network)
    attempts = counting.count(account)
    if attempts <= counting.LOCKED_AFTER:
        return 0
    times = counting.count(f"{locked}:times", A_DAY)
    seconds = counting.LOCKED_FOR[min(times, len(counting.LOCKED_FOR)) - 1]
    counting.shared().set(locked, clock.now().timestamp() + seconds, seconds)
    counting.forget(account)
    if user is not None:
        _lock(user, timedelta(seconds=seconds), attempts, actor=actor)
    return seconds


@transaction.atomic
def _lock(user: User, duration: timedelta, attempts: int, *, actor: Actor) -> None:
    now = clock.now()
    Lockout.objects.update_or_create(
        user=user, defaults={"began_at": now, "until": now + duration, "attempts": attempts}
    )
    minutes = int(duration.total_seconds() // 60)
    record(
        actor,
        Action.USER_LOCK,
        ("user", user.public_id),
        f"locked {user.email} for {minutes} minutes, from networks that it does not know",
        metadata={"attempts": attempts, "minutes": minutes},
        result=Result.FAILURE,
    )
    tell(user, Text.LOCKED, actor=actor, attempts=str(attempts), minutes=str(minutes))


def _user(email: str) -> User | None:
    return None if "\0" in email else User.objects.filter(email=email.strip().lower()).first()


def _keys(email: str, user: User | None, network: str) -> tuple[str, str, str]:
    """The counters of this account from here, of this account from anywhere, and the name of its lockout.

    A lifted lockout gives them all new names.
    """
    since = str(user.unlocked_at.timestamp()) if user is not None and user.unlocked_at else ""
    account = email.strip().lower()[:254]
    return (
        key_for("here", account, network, since),
        key_for("account", account, since),
        key_for("locked", account, since),
    )


def _is_known(user: User | None, network: str) -> bool:
    return user is not None and SignInNetwork.objects.filter(user=user, network=network).exists()
