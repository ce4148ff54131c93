from django.apps import AppConfig


class MfaConfig(AppConfig):
    name = "accounts.mfa"
    label = "accounts_mfa"
    verbose_name = "Second factors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.mfa.models import Passkey
        from audit.diffs import track

        track(Passkey, exclude=["sign_count", "last_used_at", "transports"])
