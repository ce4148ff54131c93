from django.apps import AppConfig


class LockoutConfig(AppConfig):
    name = "accounts.lockout"
    label = "accounts_lockout"
    verbose_name = "Accounts"
    default_auto_field = "django.db.models.BigAutoField"
