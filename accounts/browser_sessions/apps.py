from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "accounts.browser_sessions"
    label = "accounts_sessions"
    verbose_name = "Sessions"
    default_auto_field = "django.db.models.BigAutoField"
