"""``/.well-known/jwks.json``: the public keys of API tokens, for other services that verify them (RFC 7517)."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts.token_keys import published_keys

KEPT_SECONDS = 300
"""How long others may keep the answer: for so long a new key can be unknown to them."""


@require_safe
def jwks(_request: HttpRequest) -> JsonResponse:
    answer = JsonResponse({"keys": list(published_keys())}, content_type="application/jwk-set+json")
    answer["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return answer
