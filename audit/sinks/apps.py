from django.apps import AppConfig


class SinksConfig(AppConfig):
    name = "audit.sinks"
    label = "audit_sinks"
    verbose_name = "Audit sinks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.diffs import track
        from audit.redaction import places
        from audit.sinks.forgetting import forget
        from audit.sinks.models import Sink

        places.register(forget)

        # How far it has got is the work of the keeper; a CA bundle is pages of base64.
        state = [
            "cursor",
            "attempts",
            "last_ok_at",
            "failing_since",
            "last_error",
            "next_try_at",
            "holder",
            "held_until",
        ]
        track(Sink, exclude=[*state, "ca_bundle"])
