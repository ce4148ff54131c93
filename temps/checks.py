"""Configurations that are refused (errors, in production) or warned of, before anything is served."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

HINT = "See the list of settings in docs/operations.md."


@register("temps")
def production_is_safe(**_options: Any) -> list[CheckMessage]:
    """``ENVIRONMENT=production`` starts only with settings that one would want in production (O-02)."""
    if not settings.PRODUCTION:
        return []
    refused: list[tuple[str, str, bool]] = [
        ("E001", "SECRET_KEY is missing or has fewer than 32 characters", _weak_secret_key()),
        ("E002", "DEBUG is on", settings.DEBUG),
        ("E003", "ALLOWED_HOSTS is empty or holds a wildcard", _open_hosts()),
        ("E004", "CORS_ORIGINS holds a wildcard", "*" in settings.CORS_ORIGINS),
        ("E005", "the database is SQLite; set DATABASE_URL, or TEMPS_ALLOW_SQLITE=1 for a single host", _sqlite()),
        ("E006", "AUTH_ENABLED is false", not settings.AUTH_ENABLED),
    ]
    return [Error(message, hint=HINT, id=f"temps.{code}") for code, message, found in refused if found]


@register("temps")
def authentication_stays_on(**_options: Any) -> list[CheckMessage]:
    """Nothing in Temps works without knowing who asks; the switch exists so that a copied setting is noticed."""
    if settings.AUTH_ENABLED or settings.PRODUCTION:
        return []
    return [Warning("AUTH_ENABLED=false has no effect: Temps always authenticates", id="temps.W001")]


@register("temps")
def tokens_can_be_signed(**_options: Any) -> list[CheckMessage]:
    if settings.JWT_ALGORITHM in ("HS256", "ES256"):
        return []
    return [Error("JWT_ALGORITHM is neither HS256 nor ES256", hint=HINT, id="temps.E007")]


def _weak_secret_key() -> bool:
    try:
        return len(settings.SECRET_KEY) < 32
    except ImproperlyConfigured:  # Django's own word for an empty one
        return True


def _open_hosts() -> bool:
    return not settings.ALLOWED_HOSTS or any(host in ("*", ".") for host in settings.ALLOWED_HOSTS)


def _sqlite() -> bool:
    return settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") and not settings.ALLOW_SQLITE
