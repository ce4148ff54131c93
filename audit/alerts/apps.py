from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AlertsConfig(AppConfig):
    name = "audit.alerts"
    label = "audit_alerts"
    verbose_name = "Alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.alerts import forgetting, states
        from audit.alerts.models import Channel, Rule
        from audit.alerts.shipped import install
        from audit.diffs import track
        from audit.redaction import places

        states.watch()
        places.register(forgetting.forget)
        post_migrate.connect(install, sender=self, dispatch_uid="audit.alerts.shipped")
        track(Rule)
        track(Channel, exclude=["failures", "last_error", "next_try_at", "delivered_at"])
