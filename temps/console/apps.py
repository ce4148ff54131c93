from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class ConsoleConfig(SimpleAdminConfig):
    """The screens are found where they are served, in ``temps.urls``: no command shows one, and all of them together
    take longer to import than most commands take to run.
    """

    default_site = "temps.console.site.ConsoleSite"

    def ready(self) -> None:
        register(screens_are_sound, Tags.admin)


def screens_are_sound(app_configs: Sequence[AppConfig] | None, **_options: Any) -> list[CheckMessage]:
    """Django's own checks of the console, which say nothing of screens that nobody has found yet."""
    admin.autodiscover()
    return [*check_dependencies(), *check_admin_app(app_configs)]
