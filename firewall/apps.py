from django.apps import AppConfig


class FirewallConfig(AppConfig):
    name = "firewall"
    verbose_name = "Firewall"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.diffs import track
        from firewall.models import IpRule, Platform, RateLimit

        track(IpRule, exclude=["family", "first", "last", "hits", "last_hit_at"])
        track(RateLimit)
        track(Platform)
