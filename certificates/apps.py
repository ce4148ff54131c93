from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "certificates"
    verbose_name = "Certificates"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.diffs import track
        from certificates import conditions
        from certificates.models import Certificate, Domain

        conditions.watch()
        track(Certificate, exclude=["chain"])
        # How the attempts of background work stand; what comes of them are events.
        track(Domain, exclude=["attempt", "attempt_until", "attempted_at", "next_attempt_at", "failures"])
