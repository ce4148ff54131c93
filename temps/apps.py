from django.apps import AppConfig


class TempsConfig(AppConfig):
    name = "temps"
    verbose_name = "Temps"

    def ready(self) -> None:
        from temps import checks  # noqa: F401  registers the checks
