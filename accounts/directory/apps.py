from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "accounts.directory"
    label = "accounts_directory"
    verbose_name = "Directories"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.directory.models import Directory, DirectoryAccount
        from accounts.group_roles.sources import register
        from audit.diffs import track

        register("directory", Directory, field="name", called="directory")
        # Whether it answers is no change; a CA bundle is pages of base64.
        track(Directory, exclude=["last_ok_at", "last_error", "last_error_at", "ca_bundle"])
        track(DirectoryAccount, exclude=["checked_at"])
