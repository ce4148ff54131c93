from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from rbac.guards import Access


class Root(APIView):
    """Where everything is. Open it in a browser to walk through the API."""

    permissions = {"GET": Access.PUBLIC}
    ROUTES = ("projects", "me", "api-keys", "firewall-rules", "domains", "audit-events")

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response({name: reverse(f"api:{name}", request=request) for name in self.ROUTES})
