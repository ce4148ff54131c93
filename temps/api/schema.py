"""The schema (OpenAPI 3) and the pages that show it, served from the installed packages alone."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.utils.encoding import force_bytes
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from accounts import schema as _sign_in  # noqa: F401  registers how the ways to prove who one is are described
from rbac.guards import Access

PUBLIC = {"GET": Access.PUBLIC}


@cache
def rendered(form: str) -> bytes:
    """The schema as ``yaml`` or ``json``, made once: it is the same for everybody and costs a quarter of a second."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    renderer = OpenApiJsonRenderer() if form == "json" else OpenApiYamlRenderer()
    return force_bytes(renderer.render(schema, renderer_context={}))


class Schema(SpectacularAPIView):
    permissions: ClassVar = PUBLIC

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **options: Any) -> HttpResponse:
        chosen = request.accepted_renderer
        disposition = {"Content-Disposition": f'inline; filename="Temps.{chosen.format}"'}
        return HttpResponse(rendered(chosen.format), content_type=chosen.media_type, headers=disposition)


# Swagger UI styles its page in the page, and its icons are data: URLs.
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}), "dispatch")
class Docs(SpectacularSwaggerSplitView):
    permissions: ClassVar = PUBLIC
    http_method_names = ["get", "head"]  # what OPTIONS tells has no template to be drawn with
