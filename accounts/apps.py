from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.models import ApiKey, SignInPolicy, User
        from audit.diffs import track

        track(User, exclude=["last_login"])
        track(ApiKey, exclude=["last_used_at", "last_used_ip", "previous_used_at", "previous_used_ip"])
        track(SignInPolicy)
