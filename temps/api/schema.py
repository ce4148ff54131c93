"""The schema (OpenAPI 3) and the pages that show it, served from the installed packages alone."""

from __future__ import annotations

from typing import ClassVar

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from rbac.guards import Access

PUBLIC = {"GET": Access.PUBLIC}


class Schema(SpectacularAPIView):
    permissions: ClassVar = PUBLIC


# Swagger UI styles its page in the page, and its icons are data: URLs.
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}), "dispatch")
class Docs(SpectacularSwaggerSplitView):
    permissions: ClassVar = PUBLIC
