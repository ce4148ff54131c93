"""Liveness and readiness, for those who watch from outside: no detail, nothing to learn."""

from __future__ import annotations

from django.db import connection
from django.db.utils import Error
from django.http import HttpRequest, JsonResponse

from secrets_vault.sealing import verify_keyring
from temps.lib.errors import TempsError


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers and the keyring opens what it holds; 503 otherwise."""
    checks = {"database": _database(), "keyring": _keyring()}
    ready = all(checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def _keyring() -> bool:
    try:
        verify_keyring()
    except (TempsError, Error):
        return False
    return True
