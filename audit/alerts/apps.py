from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "audit.alerts"
    label = "audit_alerts"
    verbose_name = "Alerts"
    default_auto_field = "django.db.models.BigAutoField"
