from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "accounts.providers"
    label = "accounts_providers"
    verbose_name = "Sign-in elsewhere"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.group_roles.sources import register
        from accounts.providers.models import IdentityProvider
        from audit.diffs import track

        register("provider", IdentityProvider, field="slug", called="provider")
        track(IdentityProvider, exclude=["revision"])
