from rest_framework.authentication import BaseAuthentication, SessionAuthentication
class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request): return None
class JWTAuthentication(ApiKeyAuthentication): pass
