from django.apps import AppConfig


class GroupRolesConfig(AppConfig):
    name = "accounts.group_roles"
    label = "accounts_group_roles"
    verbose_name = "Roles from groups"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.group_roles.models import GroupRole
        from audit.diffs import track

        track(GroupRole)
