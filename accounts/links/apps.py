from django.apps import AppConfig


class LinksConfig(AppConfig):
    name = "accounts.links"
    label = "accounts_links"
    verbose_name = "Invitations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.links.models import EmailChange, Invitation
        from audit.diffs import track

        track(Invitation)
        track(EmailChange)
