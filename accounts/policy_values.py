"""What a sign-in policy may say: each value cleaned, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator

from accounts.models import MfaRequirement, SignInPolicy, SignUp
from temps.lib.errors import Invalid

HOURS = range(1, 24 * 90 + 1)
IDLE_MINUTES = range(5, 60 * 24 * 30 + 1)
MOST_DOMAINS = 100

_is_domain = DomainNameValidator()


def cleaned(name: str, value: Any) -> Any:
    """``value`` as the policy keeps it under ``name``. Raises :class:`Invalid` at that field."""
    return CLEAN[name](value, name)


def told(name: str, policy: SignInPolicy) -> str:
    """What ``policy`` says there, in words for the record."""
    return {
        "require_mfa": f"a second factor is required of: {policy.get_require_mfa_display()}",
        "magic_links": f"sign-in links by mail are {'on' if policy.magic_links else 'off'}",
        "sign_up": f"an account may be made by: {policy.get_sign_up_display()}",
        "sign_up_domains": f"addresses that may sign up: {', '.join(policy.sign_up_domains) or 'of every domain'}",
        "session_hours": f"a session ends after hours: {policy.session_hours}",
        "session_idle_minutes": f"a session ends when idle for minutes: {policy.session_idle_minutes}",
    }[name]


def _one_of(values: list[str]) -> Callable[[Any, str], str]:
    def clean(value: Any, name: str) -> str:
        if value not in values:
            raise Invalid(f"'{value}' is no such policy: it is one of {', '.join(values)}", field=name)
        return str(value)

    return clean


def _within(numbers: range, unit: str) -> Callable[[Any, str], int]:
    def clean(value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in numbers:
            raise Invalid(f"this is a whole number of {unit} from {numbers[0]} to {numbers[-1]}", field=name)
        return value

    return clean


def _switch(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid("this is on or off", field=name)
    return value


def _domains(value: Any, name: str) -> list[str]:
    """In lower case, each once, in the order given."""
    domains = list(dict.fromkeys(str(one).strip().lower().removeprefix("@") for one in value))
    if len(domains) > MOST_DOMAINS:
        raise Invalid(f"there are at most {MOST_DOMAINS} domains", field=name)
    for domain in domains:
        try:
            _is_domain(domain)
        except ValidationError:
            raise Invalid(f"'{domain}' is no domain: write example.com, one a line", field=name) from None
    return domains


CLEAN: dict[str, Callable[[Any, str], Any]] = {
    "require_mfa": _one_of(MfaRequirement.values),
    "magic_links": _switch,
    "sign_up": _one_of(SignUp.values),
    "sign_up_domains": _domains,
    "session_hours": _within(HOURS, "hours"),
    "session_idle_minutes": _within(IDLE_MINUTES, "minutes"),
}
