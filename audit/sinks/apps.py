from django.apps import AppConfig


class SinksConfig(AppConfig):
    name = "audit.sinks"
    label = "audit_sinks"
    verbose_name = "Audit sinks"
    default_auto_field = "django.db.models.BigAutoField"
