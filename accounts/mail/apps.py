from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "accounts.mail"
    label = "accounts_mail"
    verbose_name = "Mail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.mail.models import MailServer
        from audit.diffs import track
        from temps.lib import mail

        track(MailServer)
        mail.also_available(lambda: MailServer.objects.exists())
