from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_save


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit log"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from auditlog.models import LogEntry
        from auditlog.signals import post_log

        from audit.diffs import forgetting as diffs
        from audit.diffs import noticed, track
        from audit.exporting import forgetting as exports
        from audit.holding import register_log
        from audit.redaction import places
        from audit.retention import forgetting as holds
        from audit.retention.models import LegalHold, RetentionPolicy
        from audit.triggers import install

        post_migrate.connect(install, sender=self, dispatch_uid="audit.triggers")
        pre_save.connect(noticed.clean, sender=LogEntry, dispatch_uid="audit.diffs")
        post_log.connect(noticed.notice, dispatch_uid="audit.diffs")
        track(LegalHold)
        track(RetentionPolicy)
        for room in (exports, holds, diffs):
            places.register(room.forget)
        register_log()
