"""What production refuses to start with."""

from __future__ import annotations

from typing import Any

import pytest

from temps.checks import production_is_safe


@pytest.fixture
def production(settings: Any) -> Any:
    settings.PRODUCTION = True
    settings.SECRET_KEY = "s" * 32
    settings.ALLOWED_HOSTS = ["temps.example.com"]
    settings.ALLOW_SQLITE = True
    return settings


def ids() -> list[str | None]:
    return [message.id for message in production_is_safe()]


def test_a_safe_production_starts(production: Any) -> None:
    assert ids() == []


@pytest.mark.promise("O-02")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "s" * 31, "temps.E001"),
        ("SECRET_KEY", "", "temps.E001"),
        ("DEBUG", True, "temps.E002"),
        ("ALLOWED_HOSTS", ["*"], "temps.E003"),
        ("ALLOWED_HOSTS", [], "temps.E003"),
        ("CORS_ORIGINS", ["*"], "temps.E004"),
        ("AUTH_ENABLED", False, "temps.E006"),
    ],
)
def test_each_unsafe_setting_is_refused(production: Any, name: str, value: Any, expected: str) -> None:
    setattr(production, name, value)
    assert ids() == [expected]


@pytest.mark.promise("O-02")
def test_sqlite_needs_to_be_asked_for(production: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    production.ALLOW_SQLITE = False
    monkeypatch.setitem(production.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert ids() == ["temps.E005"]


def test_development_is_not_held_to_it(settings: Any) -> None:
    settings.DEBUG = True
    assert ids() == []
