"""The schema (OpenAPI 3) and the pages that show it, served from the installed packages alone."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from rbac.guards import Access

PUBLIC = {"GET": Access.PUBLIC}


class Schema(SpectacularAPIView):
    permissions: ClassVar = PUBLIC


class Docs(SpectacularSwaggerView):
    permissions: ClassVar = PUBLIC


class Redoc(SpectacularRedocView):
    permissions: ClassVar = PUBLIC
