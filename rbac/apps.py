from django.apps import AppConfig


class RbacConfig(AppConfig):
    name = "rbac"
    verbose_name = "Roles"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.diffs import track
        from rbac.models import Grant

        track(Grant)
