"""Who waits before a sign-in is looked at, and who is kept from signing in for a while.

A lockout keeps strangers from guessing on; it is no weapon against the owner: what is open stays open, and from a
network where they signed in before they sign in as ever.

A try is counted by the address that was typed, before anything is looked up. A directory takes many spellings for one
person, so what it finds by them is counted too (:func:`try_found`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

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
SLACK = 5
"""Seconds between counting a try by its address and by what was found: a password is hashed, and a directory asked."""


class Counters(NamedTuple):
    """The names of what is counted: from here, from anywhere, and until when it is locked."""

    here: str
    account: str
    locked: str


def try_sign_in(email: str, network: str, *, actor: Actor) -> None:
    """Count one try to sign in as ``email`` from ``network``. Raises :class:`TooManyAttempts` if it has to wait.

    An address that is nobody's is counted and answered alike.
    """
    user = _user(email)
    keys = _of_address(email, user, network)
    wait = max(counting.wait_for(key_for("network", network), NETWORK), counting.wait_for(keys.here, HERE))
    wait = _wait(wait, keys, user, network, actor)
    if wait:
        raise TooManyAttempts(wait)


def try_found(user: User | None, otherwise: str, network: str, *, actor: Actor) -> bool:
    """Count one try at what a directory found: the account of ``user``, or what ``otherwise`` names. Whether the
    password may be tried.

    Where not, the answer is that to a wrong password: to be told to wait under an address that was never tried would
    tell whose it is.
    """
    keys = _of_found(user, otherwise, network)
    return not _wait(counting.wait_for(keys.here, HERE, slack=SLACK), keys, user, network, actor)


def succeeded(user: User, network: str, email: str = "") -> None:
    """The password was right: what was counted against this account from here is forgotten, and against ``email``, by
    which a directory found it."""
    _take_back(_of_address(user.email, user, network), user, network)
    if email and email != user.email:
        _take_back(_of_address(email, None, network), None, network)
    counting.take_back(key_for("network", network))


def succeeded_found(user: User, network: str) -> None:
    """The directory that found ``user`` took the password."""
    _take_back(_of_found(user, "", network), user, network)


def needs_captcha(email: str, network: str) -> bool:
    """Whether the page asks for a proof of work before the next try."""
    user = _user(email)
    here, account, _locked = _of_address(email, user, network)
    if counting.counted(here) >= counting.CAPTCHA_HERE:
        return True
    if counting.counted(key_for("network", network)) >= counting.CAPTCHA_NETWORK:
        return True
    return counting.counted(account) >= counting.CAPTCHA_ACCOUNT and not is_known(user, network)


def offers_captcha(network: str) -> bool:
    """Whether the page comes with a proof of work to do, before it is known for whom: as few failures as bring it on
    for one account were counted from here, so the next try may need it, and would be lost without."""
    return counting.counted(key_for("network", network)) >= counting.CAPTCHA_HERE


def remember_network(user: User, network: str) -> None:
    """A sign-in of ``user`` from ``network`` is complete, with all that was asked."""
    seen = {"last_seen": clock.now()}
    known, made = SignInNetwork.objects.update_or_create(user=user, network=network, defaults=seen)
    if made:
        others = SignInNetwork.objects.filter(user=user).order_by("-last_seen", "-id").values_list("pk", flat=True)
        SignInNetwork.objects.filter(pk__in=list(others[MOST_NETWORKS:])).exclude(pk=known.pk).delete()


def is_known(user: User | None, network: str) -> bool:
    """Whether ``user`` completed a sign-in from ``network`` before."""
    return user is not None and SignInNetwork.objects.filter(user=user, network=network).exists()


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


def _wait(wait: int, keys: Counters, user: User | None, network: str, actor: Actor) -> int:
    """The longer of ``wait`` and what a lockout asks for, that one among them to which this try leads."""
    if is_known(user, network):
        return wait
    # One that has to wait counts nothing against the account: nobody locks it by asking and asking from one place.
    return max(wait, _locked_for(keys.locked)) or _lock_at_the_limit(keys, user, actor)


def _take_back(keys: Counters, user: User | None, network: str) -> None:
    counting.forget(keys.here)
    if not is_known(user, network):  # from where nothing was counted
        counting.take_back(keys.account)


def _locked_for(locked: str) -> int:
    """Seconds that a lockout still lasts."""
    left = float(counting.shared().get(locked) or 0) - clock.now().timestamp()
    return max(1, round(left)) if left > 0 else 0


def _lock_at_the_limit(keys: Counters, user: User | None, actor: Actor) -> int:
    """Count one try from a network that is not known; how long the lockout lasts that it leads to."""
    attempts = counting.count(keys.account)
    if attempts <= counting.LOCKED_AFTER:
        return 0
    times = counting.count(f"{keys.locked}:times", A_DAY)
    seconds = counting.LOCKED_FOR[min(times, len(counting.LOCKED_FOR)) - 1]
    counting.shared().set(keys.locked, clock.now().timestamp() + seconds, seconds)
    counting.forget(keys.account)
    if user is not None:
        counting.forget(_of_found(user, "", "").account)  # the same tries, which would lead to the next lockout at once
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


def _of_address(email: str, user: User | None, network: str) -> Counters:
    return _counters("", email.strip().lower()[:254], user, network)


def _of_found(user: User | None, otherwise: str, network: str) -> Counters:
    return _counters("found ", user.public_id if user is not None else otherwise, user, network)


def _counters(kind: str, whose: str, user: User | None, network: str) -> Counters:
    """A lifted lockout gives them all new names."""
    since = str(user.unlocked_at.timestamp()) if user is not None and user.unlocked_at else ""
    return Counters(
        key_for(f"{kind}here", whose, network, since),
        key_for(f"{kind}account", whose, since),
        key_for(f"{kind}locked", whose, since),
    )
