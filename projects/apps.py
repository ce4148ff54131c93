from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = "Projects"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.diffs import track
        from projects.models import Environment, Project

        track(Project)
        track(Environment)
